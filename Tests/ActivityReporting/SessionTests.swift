import RPC
import ServiceKit
import Shared
import Storage
import SwiftProtobuf
import TestSupport
import Testing

@testable import ActivityReporting

@Suite("Sessions that are planned, moved, held and cancelled", .onBothEngines)
struct SessionTests {
    typealias Session = Cdt_Activity_V1_TrainingSession

    /// Plans a session of 2024-11-20 in a1, as a closure changes it.
    static func plan(_ world: World, _ course: String, _ change: (inout Session) -> Void = { _ in }) async throws
        -> Result<Session, Refusal>
    {
        var plan = SessionRuleTests.plan
        plan.course = course
        change(&plan)
        let id = UUIDv7.next(at: world.clock.now)
        return try await world.reporting.keep { [plan] in
            try Reporting.scheduleSession(plan, id: id, by: "sở", $0)
        }
    }

    static func update(
        _ world: World, _ session: Session, _ mask: [String], etag: String = "",
        _ change: (inout Session) -> Void = { _ in }
    ) async throws -> Result<Session, Refusal> {
        var (asked, check) = (session, Violations())
        change(&asked)
        let said = SessionChange(asked, mask: mask, &check)
        let id = ResourceName.lastID(session.name)
        return try await world.reporting.keep {
            try Reporting.updateSession(id, said, etag: etag, by: "sở", $0)
        }
    }

    static func cancel(_ world: World, _ name: String, etag: String = "") async throws -> Result<Session, Refusal> {
        let id = ResourceName.lastID(name)
        return try await world.reporting.keep {
            try Reporting.cancelSession(id, reason: "bão số 3", etag: etag, by: "sở", $0)
        }
    }

    static func record(_ world: World, _ planned: String, _ fill: (inout Session) -> Void = { _ in }) async throws
        -> Result<Session, Refusal>
    {
        var held = Session()
        fill(&held)
        let (id, plan) = (UUIDv7.next(at: world.clock.now), ResourceName.lastID(planned))
        return try await world.reporting.keep { [held] in
            try Reporting.recordSession(held, of: plan, id: id, by: "sở", $0)
        }
    }

    static func reason<T>(_ result: Result<T, Refusal>) -> String? {
        if case .failure(let refusal) = result { return refusal.reason }
        return nil
    }

    static func invitee(_ team: String, _ person: String) -> Cdt_Activity_V1_Invitee {
        SessionRuleTests.invitee(team, person)
    }

    static func world() async throws -> (World, course: String) {
        let world = try await AchievementTests.world()
        return (world, try await TrainingTests.course(world, [.onlinePayment], .uses))
    }

    @Test("A plan is moved and cancelled; each change is a version and is told once, and what changes nothing is not")
    func told() async throws {
        let (world, course) = try await Self.world()
        let planned = try await Self.plan(world, course) { $0.invitation.roles = [.leader] }.get()
        #expect(planned.name.hasPrefix("trainingSessions/") && planned.state == .planned)
        #expect(planned.etag == Etag.of(version: 1))
        let same = try await Self.update(world, planned, ["held_on", "place", "invitation"], etag: planned.etag).get()
        #expect(same == planned)
        let moved = try await Self.update(world, planned, ["held_on"], etag: planned.etag) { $0.heldOn = "2024-11-21" }
            .get()
        #expect(moved.heldOn == "2024-11-21" && moved.etag == Etag.of(version: 2) && moved.place == planned.place)
        #expect(try await Self.reason(Self.update(world, moved, ["place"], etag: planned.etag)) == "ETAG_MISMATCH")
        #expect(try await Self.reason(Self.cancel(world, moved.name, etag: planned.etag)) == "ETAG_MISMATCH")
        let cancelled = try await Self.cancel(world, moved.name, etag: moved.etag).get()
        #expect(cancelled.state == .cancelled && cancelled.cancellationReason == "bão số 3")
        #expect(try await world.reporting.sessionWithAttendances(ResourceName.lastID(moved.name)) == cancelled)
        let told = world.facts.sessions
        #expect(told.map(\.version) == [1, 2, 3])
        #expect(told.map(\.fact.session.state) == [.planned, .planned, .cancelled])
        #expect(told.map(\.fact.session.heldOn) == ["2024-11-20", "2024-11-21", "2024-11-21"])
        #expect(told.allSatisfy { $0.fact.session.etag.isEmpty && $0.fact.session.invitation.roles == [.leader] })
        #expect(told.allSatisfy { $0.fact.course.name == course && $0.fact.course.displayName == "Thanh toán số" })
        #expect(told.last?.fact.session.cancellationReason == "bão số 3")
    }

    @Test("A plan names a course, units and teams that are there, and people who are in them today")
    func unknown() async throws {
        let (world, course) = try await Self.world()
        func reason(_ change: (inout Session) -> Void) async throws -> String? {
            Self.reason(try await Self.plan(world, course, change))
        }
        #expect(try await reason { $0.course = "courses/none" } == "COURSE_NOT_FOUND")
        #expect(try await reason { $0.unit = "units/none" } == "UNIT_NOT_FOUND")
        #expect(try await reason { $0.invitation.unit = "units/none" } == "UNIT_NOT_FOUND")
        #expect(try await reason { $0.invitation.invitees = [Self.invitee("none", "p")] } == "TEAM_NOT_FOUND")
        let invited = try await Self.plan(world, course) {
            $0.invitation.invitees = [Self.invitee("t", "p"), Self.invitee("t", "r"), Self.invitee("t", "q")]
        }
        guard case .failure(let refusal) = invited else { throw Refusal.courseNotFound("") }
        #expect(refusal.reason == "NOT_A_MEMBER")
        #expect(refusal.violations.map(\.field) == ["session.invitation.invitees[1].person"])
        #expect(world.facts.sessions.isEmpty)
        let planned = try await Self.plan(world, course) { $0.invitation.invitees = [Self.invitee("t", "p")] }.get()
        #expect(
            try await Self.reason(
                Self.update(world, planned, ["invitation"]) { $0.invitation.invitees = [Self.invitee("t", "r")] })
                == "NOT_A_MEMBER")
        #expect(
            try await Self.reason(Self.update(world, planned, ["place"]) { $0.place = "" }) == "REQUIRED")
        // "Members are those of the day": who has left since is not invited again.
        try await world.member("p", of: "t", to: "2024-11-03")
        #expect(
            try await Self.reason(Self.update(world, planned, ["place"]) { $0.place = "UBND xã" }) == "NOT_A_MEMBER")
    }

    @Test("What was planned is recorded under its name as it was planned, with who attended; its skills count then")
    func recorded() async throws {
        let (world, course) = try await Self.world()
        let planned = try await Self.plan(world, course) { $0.invitation = .init() }.get()
        #expect(try await Self.reason(Self.record(world, planned.name)) == "INVALID_FIELD")
        world.clock.set(day("2024-11-22"))
        // Its day is over: it may still be moved, but not to stay where it is.
        #expect(
            try await Self.reason(Self.update(world, planned, ["trainer"]) { $0.trainer = "Đoàn xã" })
                == "INVALID_FIELD")
        let moved = try await Self.update(world, planned, ["held_on"]) { $0.heldOn = "2024-11-22" }.get()
        let attended: (inout Session) -> Void = {
            $0.trainer = "Đoàn xã"
            $0.attendances = [("q", false), ("p", true)].map { person, completed in
                .with {
                    $0.team = "teams/t"
                    $0.person = "people/\(person)"
                    $0.completed = completed
                }
            }
        }
        #expect(
            try await Self.reason(Self.record(world, planned.name) { $0.course = "courses/other" }) == "INVALID_FIELD")
        #expect(
            try await Self.reason(
                Self.record(world, planned.name) {
                    attended(&$0)
                    $0.attendances[0].person = "people/r"
                }) == "NOT_A_MEMBER")
        let held = try await Self.record(world, planned.name, attended).get()
        #expect(held.name == planned.name && held.state == .held && held.etag == Etag.of(version: 3))
        #expect(held.attended == 2 && held.completed == 1 && held.trainer == "Đoàn xã")
        #expect(held.heldOn == moved.heldOn && held.startsAt == planned.startsAt && held.place == planned.place)
        #expect(held.unit == planned.unit && held.mode == .inPerson && held.hasInvitation && held.course == course)
        let got = try await world.reporting.sessionWithAttendances(ResourceName.lastID(held.name))
        #expect(got.attendances.map(\.person) == ["people/p", "people/q"])
        #expect(got.attendances.allSatisfy { $0.team == "teams/t" })
        #expect(got.attendances.map(\.completed) == [true, false])
        #expect(try await world.reporting.skills(of: "t", on: day("2024-11-22")).entries.map(\.person) == ["people/p"])
        let told = world.facts.sessions
        #expect(told.map(\.version) == [1, 2, 3])
        #expect(told.last?.fact.session.state == .held && told.last?.fact.session.attendances == [])
        #expect(told.last?.fact.session.attended == 2)
    }

    @Test("What was held or cancelled, and what is not there, is neither changed, cancelled nor recorded")
    func over() async throws {
        let (world, course) = try await Self.world()
        let cancelled = try await Self.plan(world, course).get()
        _ = try await Self.cancel(world, cancelled.name).get()
        let held = try await TrainingTests.hold(world, course, [("p", true)]).get()
        let unknown = Session.with { $0.name = "trainingSessions/none" }
        for (session, expected) in [
            (cancelled, "SESSION_NOT_PLANNED"), (held, "SESSION_NOT_PLANNED"), (unknown, "SESSION_NOT_FOUND"),
        ] {
            #expect(try await Self.reason(Self.update(world, session, ["place"])) == expected)
            #expect(try await Self.reason(Self.cancel(world, session.name)) == expected)
            #expect(try await Self.reason(Self.record(world, session.name)) == expected)
        }
        #expect(world.facts.sessions.map(\.version) == [1, 2, 1])
        await #expect(throws: Refusal.self) { try await world.reporting.sessionWithAttendances("none") }
    }

    @Test("Sessions are listed by where they stand, without who attended")
    func listed() async throws {
        let (world, course) = try await Self.world()
        let first = try await Self.plan(world, course).get()
        let second = try await Self.plan(world, course) { $0.unit = "" }.get()
        let third = try await TrainingTests.hold(world, course, [("p", true)]).get()
        _ = try await Self.cancel(world, second.name).get()
        func list(_ state: Cdt_Activity_V1_SessionState?, unit: String? = nil, before: String? = nil) async throws
            -> [String]
        {
            let found = try await world.reporting.sessions(
                unit: unit, course: nil, state: state, before: before, limit: 10)
            #expect(found.allSatisfy { $0.attendances.isEmpty && !$0.etag.isEmpty })
            return found.map(\.name)
        }
        #expect(try await list(nil) == [third, second, first].map(\.name))
        #expect(try await list(.planned) == [first.name])
        #expect(try await list(.held) == [third.name])
        #expect(try await list(.cancelled) == [second.name])
        #expect(try await list(.cancelled, unit: "a1") == [])
        #expect(try await list(nil, before: ResourceName.lastID(third.name)) == [second, first].map(\.name))
    }
}
