import RPC
import ServiceKit
import Shared
import SwiftProtobuf
import TestSupport
import Testing

@testable import ActivityReporting

/// Planned sessions as callers see them: today is 2024-11-04, province u1 has commune u2 with its team t of p0 and p1.
@Suite("Calls about planned sessions", .serialized, .onBothEngines)
struct SessionCallTests {
    typealias Session = Cdt_Activity_V1_TrainingSession

    static func course(_ guarded: AccessTests.Guarded, by options: CallOptions) async throws -> String {
        try await guarded.training.createCourse(
            .with {
                $0.course.unit = "units/u1"
                $0.course.displayName = "Thanh toán số"
                $0.course.skills = [.onlinePayment]
                $0.course.level = .uses
            }, options: options
        ).course.name
    }

    static func request(_ course: String, in unit: String, _ change: (inout Session) -> Void = { _ in })
        -> Cdt_Activity_V1_ScheduleSessionRequest
    {
        .with {
            $0.session = SessionRuleTests.plan
            $0.session.course = course
            $0.session.unit = unit.isEmpty ? "" : "units/\(unit)"
            change(&$0.session)
        }
    }

    static func refusal<T>(_ body: () async throws -> T) async -> RPCError? {
        do {
            _ = try await body()
            return nil
        } catch { return error as? RPCError }
    }

    static func fields(_ error: RPCError?) -> [String] {
        let details = error?.status?.details ?? []
        return details.compactMap { try? Google_Rpc_BadRequest(unpackingAny: $0) }
            .flatMap { $0.fieldViolations.map(\.field) }
    }

    @Test(
        "A commune invites whom it may speak to, and no others; what is another's cannot be told from what is not there"
    )
    func reach() async throws {
        try await AccessTests.with { guarded in
            let training = guarded.training
            let all = try guarded.everything()
            let course = try await Self.course(guarded, by: all)
            let commune = try guarded.granted("activity.read", "activity.approve", in: "units/u2")
            let reader = try guarded.granted("activity.read", in: "units/u2")
            let stranger = try guarded.granted("activity.*", in: "units/u9")
            func denied(
                _ caller: CallOptions, _ unit: String, _ change: (inout Session) -> Void = { _ in }
            ) async -> Bool {
                let request = Self.request(course, in: unit, change)
                return await AccessTests.isDenied { _ = try await training.scheduleSession(request, options: caller) }
            }
            #expect(await denied(reader, "u2"))
            #expect(await denied(commune, "u1"))
            #expect(await denied(commune, ""))
            #expect(await denied(commune, "u2") { $0.invitation.unit = "units/u1" })
            #expect(
                await denied(commune, "u2") { $0.invitation.invitees = [SessionRuleTests.invitee("elsewhere", "p0")] })
            let own = try await training.scheduleSession(
                Self.request(course, in: "u2") {
                    $0.invitation.invitees = [SessionRuleTests.invitee("t", "p0")]
                }, options: commune
            ).session
            let above = try await training.scheduleSession(Self.request(course, in: "u1"), options: all).session
            #expect(
                await AccessTests.isDenied {
                    _ = try await training.updateSession(
                        .with {
                            $0.session.name = own.name
                            $0.session.invitation.unit = "units/u1"
                        }, options: commune)
                })
            let missing = "trainingSessions/0192d3a4-5b6c-7def-8123-456789abcdef"
            for name in [above.name, missing] {
                #expect(
                    await AccessTests.isDenied {
                        _ = try await training.getSession(.with { $0.name = name }, options: commune)
                    })
                #expect(
                    await AccessTests.isDenied {
                        _ = try await training.cancelSession(
                            .with {
                                $0.name = name
                                $0.reason = "bão"
                            }, options: commune)
                    })
                #expect(
                    await AccessTests.isDenied {
                        _ = try await training.recordSession(
                            .with {
                                $0.plannedSession = name
                                $0.session.unit = "units/u2"
                            }, options: commune)
                    })
            }
            #expect(
                await AccessTests.isDenied {
                    _ = try await training.getSession(.with { $0.name = own.name }, options: stranger)
                })
            #expect(try await training.getSession(.with { $0.name = own.name }, options: reader).session == own)
            let none = await Self.refusal { try await training.getSession(.with { $0.name = missing }, options: all) }
            #expect(none?.code == .notFound && none?.reason == "SESSION_NOT_FOUND")
        }
    }

    @Test("A plan is made, changed, cancelled and recorded once by its request id; wrong fields are named all at once")
    func repeated() async throws {
        try await AccessTests.with { guarded in
            let training = guarded.training
            let all = try guarded.everything()
            let course = try await Self.course(guarded, by: all)
            var request = Self.request(course, in: "u2")
            request.requestID = UUIDv7.next().description
            let planned = try await training.scheduleSession(request, options: all)
            #expect(try await training.scheduleSession(request, options: all) == planned)
            let update = Cdt_Activity_V1_UpdateSessionRequest.with {
                $0.session.name = planned.session.name
                $0.session.place = "UBND xã"
                $0.session.etag = planned.session.etag
                $0.updateMask.paths = ["place"]
                $0.requestID = UUIDv7.next().description
            }
            let moved = try await training.updateSession(update, options: all)
            #expect(moved.session.place == "UBND xã" && moved.session.etag != planned.session.etag)
            #expect(try await training.updateSession(update, options: all) == moved)
            var late = update
            late.requestID = ""
            let stale = await Self.refusal { try await training.updateSession(late, options: all) }
            #expect(stale?.code == .aborted && stale?.reason == "ETAG_MISMATCH")
            let cancel = Cdt_Activity_V1_CancelSessionRequest.with {
                $0.name = planned.session.name
                $0.reason = " bão số 3 "
                $0.requestID = UUIDv7.next().description
            }
            let cancelled = try await training.cancelSession(cancel, options: all)
            #expect(cancelled.session.cancellationReason == "bão số 3")
            #expect(try await training.cancelSession(cancel, options: all) == cancelled)
            let again = await Self.refusal {
                try await training.cancelSession(
                    .with {
                        $0.name = planned.session.name
                        $0.reason = "bão"
                    }, options: all)
            }
            #expect(again?.code == .failedPrecondition && again?.reason == "SESSION_NOT_PLANNED")

            let today = try await training.scheduleSession(
                Self.request(course, in: "u2") { $0.heldOn = "2024-11-04" }, options: all
            ).session
            let record = Cdt_Activity_V1_RecordSessionRequest.with {
                $0.plannedSession = today.name
                $0.session.attendances = [
                    .with {
                        $0.team = "teams/t"
                        $0.person = "people/p0"
                        $0.completed = true
                    }
                ]
                $0.requestID = UUIDv7.next().description
            }
            let held = try await training.recordSession(record, options: all)
            #expect(held.session.name == today.name && held.session.attendances.count == 1)
            #expect(try await training.recordSession(record, options: all) == held)
            #expect(
                try await training.getSession(.with { $0.name = today.name }, options: all).session == held.session)
            let listed = try await training.listSessions(.with { $0.state = .held }, options: all).sessions
            #expect(listed.map(\.name) == [today.name] && listed.allSatisfy { $0.attendances.isEmpty })

            let wrong = await Self.refusal {
                try await training.scheduleSession(
                    .with { $0.session.invitation.roles = [.unspecified] }, options: all)
            }
            #expect(
                Self.fields(wrong) == [
                    "session.course", "session.mode", "session.invitation.roles", "session.held_on",
                    "session.starts_at", "session.place",
                ])
            let mask = await Self.refusal {
                try await training.updateSession(
                    .with {
                        $0.session.name = "sessions/1"
                        $0.updateMask.paths = ["course"]
                    }, options: all)
            }
            #expect(Self.fields(mask) == ["session.name", "update_mask"])
            let state = await Self.refusal {
                try await training.listSessions(.with { $0.state = .UNRECOGNIZED(9) }, options: all)
            }
            #expect(Self.fields(state) == ["state"])
            let another = await Self.refusal {
                try await training.recordSession(
                    .with {
                        $0.plannedSession = today.name
                        $0.session.course = "courses/other"
                    }, options: all)
            }
            #expect(Self.fields(another) == ["session.course"])
        }
    }

    @Test("A list of sessions that stand so goes on with its own page token only")
    func pages() async throws {
        try await AccessTests.with { guarded in
            let all = try guarded.everything()
            let course = try await Self.course(guarded, by: all)
            var names: [String] = []
            for _ in 0..<3 {
                let planned = try await guarded.training.scheduleSession(Self.request(course, in: "u2"), options: all)
                names.insert(planned.session.name, at: 0)
            }
            var request = Cdt_Activity_V1_ListSessionsRequest.with {
                $0.state = .planned
                $0.pageSize = 2
            }
            let first = try await guarded.training.listSessions(request, options: all)
            #expect(first.sessions.map(\.name) == Array(names.prefix(2)))
            request.pageToken = first.nextPageToken
            let second = try await guarded.training.listSessions(request, options: all)
            #expect(second.sessions.map(\.name) == [names[2]] && second.nextPageToken.isEmpty)
            request.state = .held
            let other = await Self.refusal { try await guarded.training.listSessions(request, options: all) }
            #expect(other?.code == .invalidArgument)
        }
    }

    @Test("The feed tells of a session where it is; where it was planned and is no longer, that it is gone")
    func feed() async throws {
        try await AccessTests.with { guarded in
            let training = guarded.training
            let all = try guarded.everything()
            let course = try await Self.course(guarded, by: all)
            func plan(_ unit: String) async throws -> Session {
                try await training.scheduleSession(
                    Self.request(course, in: unit) { $0.heldOn = "2024-11-04" }, options: all
                ).session
            }
            let (nation, province, commune) = (try await plan(""), try await plan("u1"), try await plan("u2"))

            /// The sessions that a reader with a grant in a unit is told of: with their fact, or nil when they are gone.
            func follow(_ unit: String) async throws -> [String: Cdt_Activity_V1_TrainingSessionFact?] {
                let options = try guarded.granted("activity.read", in: unit.isEmpty ? "" : "units/\(unit)")
                let call = try await guarded.feed.follow(
                    .with { $0.topic = ActivityReportingService.topic }, options: options)
                var told: [String: Cdt_Activity_V1_TrainingSessionFact?] = [:]
                for try await response in call.responses {
                    for event in response.events where event.aggregate.hasPrefix("trainingSessions/") {
                        if event.tombstone {
                            told[event.aggregate] = .some(nil)
                        } else {
                            let fact = try Cdt_Activity_V1_TrainingSessionFact(unpackingAny: event.payload)
                            #expect(event.version == 1 || fact.session.state == .held)
                            told[event.aggregate] = fact
                        }
                    }
                    if response.caughtUp { break }
                }
                call.cancel()
                return told
            }
            try await eventually { try await follow("").count == 3 }
            #expect(Set(try await follow("").keys) == [nation.name, province.name, commune.name])
            #expect(Set(try await follow("u0").keys) == [nation.name, province.name, commune.name])
            let told = try await follow("u1")
            #expect(Set(told.keys) == [province.name, commune.name])
            let fact = try #require(told[commune.name] ?? nil)
            #expect(fact.session.place == commune.place && fact.session.state == .planned)
            #expect(fact.course.name == course && fact.session.course == course)
            #expect(Set(try await follow("u2").keys) == [commune.name])
            #expect(try await follow("u9").isEmpty)

            // It was held in the province instead.
            _ = try await training.recordSession(
                .with {
                    $0.plannedSession = commune.name
                    $0.session.unit = "units/u1"
                }, options: all)
            try await eventually { try await follow("u1")[commune.name]??.session.state == .held }
            #expect(try await follow("u2") == [commune.name: nil])
        }
    }
}
