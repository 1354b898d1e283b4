import ChangeFeed
import Foundation
import RPC
import ServiceKit
import Shared
import Storage
import SwiftProtobuf
import TestSupport
import Testing

@testable import ActivityReporting

@Suite("Callers who may do something in places only", .serialized, .onBothEngines)
struct AccessTests {
    typealias Client = Cdt_Activity_V1_ActivityReportingService.Client

    struct Guarded: Sendable {
        let client: Client
        let achievements: Cdt_Activity_V1_AchievementService.Client
        let difficulties: Cdt_Activity_V1_DifficultyService.Client
        let feed: Cdt_Feed_V1_FeedService.Client
        let training: Cdt_Activity_V1_TrainingService.Client
        let targets: Cdt_Activity_V1_TargetService.Client
        let platforms: Cdt_Activity_V1_PlatformService.Client
        let wire: RPCClient
        let registry: RegistryStandIn
        let issuer: TokenIssuer

        func options(_ grants: [(verbs: [String], unit: String)]) throws -> CallOptions {
            let token = try issuer.token(TokenIssuer.claims("somebody", grants: grants))
            return .init(timeout: .seconds(60), metadata: ["authorization": "Bearer \(token)"])
        }
        func granted(_ verbs: String..., in unit: String) throws -> CallOptions { try options([(verbs, unit)]) }
        func everything() throws -> CallOptions { try options([(["*"], "")]) }
    }

    static func with(_ body: (Guarded) async throws -> Void) async throws {
        let registry = try await RegistryStandIn()
        try await registry.tellSmallTruth(members: 2)
        let folder = try ScratchFolder()
        defer { folder.remove() }
        let issuer = TokenIssuer()
        try issuer.write(folder.path("jwks.json"))
        try await ServiceTests.with(registry, more: ["--jwks", folder.path("jwks.json")]) { _, service in
            let client = try RPCClient(host: "127.0.0.1", port: service.endpoint.port)
            let guarded = Guarded(
                client: Client(client), achievements: .init(client), difficulties: .init(client), feed: .init(client),
                training: .init(client), targets: .init(client), platforms: .init(client), wire: client,
                registry: registry, issuer: issuer)
            do {
                let all = try guarded.everything()
                try await eventually {
                    let reply = try? await guarded.client.getFigures(.with { $0.period = "2024-10" }, options: all)
                    return reply?.figures.expected == 2
                }
                try await body(guarded)
            } catch {
                await client.close()
                throw error
            }
            await client.close()
        }
        await registry.server.shutdown(grace: .zero)
    }

    static func isDenied(_ body: () async throws -> Void) async -> Bool {
        do {
            try await body()
            return false
        } catch { return (error as? RPCError)?.code == .permissionDenied }
    }

    @Test("A province reads and sends what is its own; the nation is not")
    func province() async throws {
        try await Self.with { guarded in
            let client = guarded.client
            let own = try guarded.granted("activity.read", "activity.submit", in: "units/u1")
            #expect(
                try await client.getFigures(
                    .with {
                        $0.period = "2024-10"
                        $0.unit = "units/u2"
                    }, options: own
                ).figures.expected == 2)
            #expect(
                await Self.isDenied { _ = try await client.getFigures(.with { $0.period = "2024-10" }, options: own) })
            #expect(
                await Self.isDenied {
                    _ = try await client.listObligations(.with { $0.period = "2024-10" }, options: own)
                })
            #expect(
                try await client.listObligations(
                    .with {
                        $0.period = "2024-10"
                        $0.team = "teams/t"
                    }, options: own
                ).obligations.count == 2)
            #expect(
                try await guarded.achievements.getAchievements(
                    .with {
                        $0.period = "2024-10"
                        $0.unit = "units/u1"
                    }, options: own
                ).achievements.unit == "units/u1")
            #expect(
                await Self.isDenied {
                    _ = try await guarded.achievements.getAchievements(.with { $0.period = "2024-10" }, options: own)
                })
            #expect(await Self.isDenied { _ = try await guarded.difficulties.listDifficulties(.init(), options: own) })
            let verdicts = try await client.syncReports(
                .with {
                    $0.submissions = [
                        ServiceTests.submission("p0"), ServiceTests.submission("p0", operation: "fremd"),
                        ServiceTests.submission("p1"),
                    ]
                    $0.submissions[1].report.team = "teams/elsewhere"
                    $0.submissions[2].report.source = .paper
                    $0.submissions[2].report.declaredOn = "2024-11-02"
                }, options: own
            ).verdicts
            #expect(verdicts.map(\.outcome) == [.applied, .rejected, .rejected])
            #expect(verdicts.map { $0.problems.first?.reason ?? "" } == ["", "PERMISSION_DENIED", "PERMISSION_DENIED"])
            #expect(verdicts.map(\.position) == [1, 2, 3])
        }
    }

    @Test("The feed follows the grants: one's own is told, another's is not, and what leaves is a tombstone")
    func feed() async throws {
        try await Self.with { guarded in
            /// The newest of each obligation, as a reader with a grant in a unit is told.
            func follow(_ unit: String, _ verb: String = "activity.read") async throws -> [String: Bool] {
                let options = try guarded.granted(verb, in: unit)
                let call = try await guarded.feed.follow(
                    .with { $0.topic = ActivityReportingService.topic }, options: options)
                var isThere: [String: Bool] = [:]
                for try await response in call.responses {
                    for event in response.events { isThere[event.aggregate] = !event.tombstone }
                    if response.caughtUp { break }
                }
                call.cancel()
                return isThere
            }
            let october = "obligations/2024-10.t.p0"
            #expect(try await follow("units/u0")[october] == true)
            #expect(try await follow("units/u1")[october] == true)
            #expect(try await follow("units/u2")[october] == true)
            #expect(try await follow("units/u9").isEmpty)
            #expect(await Self.isDenied { _ = try await follow("units/u1", "activity.submit") })
            // Another province, and the team moves there.
            for (id, level, parent) in [
                ("u3", Cdt_Registry_V1_UnitLevel.province, "u0"), ("u4", Cdt_Registry_V1_UnitLevel.commune, "u3"),
            ] {
                try await guarded.registry.tell(
                    "units/\(id)", 1,
                    Cdt_Registry_V1_UnitFact.with { fact in
                        fact.unit.name = "units/\(id)"
                        fact.unit.level = level
                        fact.placements = [.with { $0.parent = "units/\(parent)" }]
                    })
            }
            try await guarded.registry.tell(
                "teams/t", 2,
                Cdt_Registry_V1_TeamFact.with { fact in
                    fact.team = "teams/t"
                    fact.level = .commune
                    fact.statusHistory = [
                        .with {
                            $0.status = .active
                            $0.from = "2022-06-01"
                        }
                    ]
                    fact.placements = [
                        .with {
                            $0.unit = "units/u4"
                            $0.from = "2022-06-01"
                        }
                    ]
                })
            try await eventually { try await follow("units/u3")[october] == true }
            #expect(try await follow("units/u1").isEmpty)
            #expect(try await follow("units/u0")[october] == true)
        }
    }

    @Test("A team is judged by the place the facts give it, also before its obligations were derived from them")
    func newTeam() async throws {
        let world = try await AchievementTests.world()
        try await world.team("new", .commune, in: "a2")
        try await world.team("late", .hamlet, in: "h")
        func may(_ verb: ActivityVerb, _ team: String, in unit: String) async throws -> Bool {
            let identity = Identity(subject: "s", grants: [.init(verbs: [verb.name], unit: "units/\(unit)")])
            let today = world.clock.clock.today
            return try await world.reporting.judge(identity) {
                try $0.allows([verb], team: team, on: today, in: $1)
            }
        }
        #expect(try await may(.submit, "new", in: "A"))
        #expect(try await may(.submit, "late", in: "a1"))
        #expect(try await !may(.submit, "new", in: "B"))
        try await world.team("t", .commune, in: "b1")
        #expect(try await may(.read, "t", in: "B"))
        #expect(try await !may(.read, "t", in: "A"))
        #expect(try await !may(.read, "none", in: "A"))
    }

    @Test("The leader endorses, the commune approves, the province accepts: each by its own verb")
    func steps() async throws {
        try await Self.with { guarded in
            let client = guarded.client
            let all = try guarded.everything()
            let report = try await client.submitReport(
                .with { $0.submission = ServiceTests.submission("p0") }, options: all
            ).report
            let leader = try guarded.granted("activity.endorse", in: "units/u2")
            let commune = try guarded.granted("activity.approve", in: "units/u2")
            let province = try guarded.granted("activity.accept", in: "units/u1")
            let stranger = try guarded.granted("activity.write", in: "units/u9")
            for other in [commune, province, stranger] {
                #expect(
                    await Self.isDenied {
                        _ = try await client.endorseReport(.with { $0.name = report }, options: other)
                    })
            }
            _ = try await client.endorseReport(.with { $0.name = report }, options: leader)
            #expect(
                await Self.isDenied { _ = try await client.approveReport(.with { $0.name = report }, options: leader) })
            _ = try await client.approveReport(.with { $0.name = report }, options: commune)
            #expect(
                await Self.isDenied { _ = try await client.acceptReport(.with { $0.name = report }, options: commune) })
            let accepted = try await client.acceptReport(.with { $0.name = report }, options: province)
            #expect(accepted.report.state == .accepted)
            #expect(
                await Self.isDenied {
                    _ = try await client.openPeriod(.with { $0.period = "2024-09" }, options: province)
                })
            #expect(
                await Self.isDenied {
                    _ = try await client.returnReport(
                        .with {
                            $0.name = report
                            $0.reason = "x"
                        }, options: stranger)
                })
        }
    }
}
