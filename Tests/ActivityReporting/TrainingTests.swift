import RPC
import ServiceKit
import Shared
import Storage
import SwiftProtobuf
import TestSupport
import Testing

@testable import ActivityReporting

@Suite("The skill matrix")
struct SkillMatrixTests {
    static let key = SkillMatrix.Key(person: "p", skill: 3, platform: "")

    static func evidence(_ date: String, _ level: SkillLevel, assessed: Bool = true, platform: String = "")
        -> SkillMatrix.Evidence
    {
        .init(
            key: .init(person: "p", skill: 3, platform: platform), day: day(date), level: level, isAssessment: assessed)
    }

    @Test("The last assessment counts, raised but never lowered by the courses completed since")
    func levels() {
        let all = [
            Self.evidence("2024-01-10", .canTeach), Self.evidence("2024-03-01", .aware, assessed: false),
            Self.evidence("2024-05-01", .none), Self.evidence("2024-06-01", .uses, assessed: false),
            Self.evidence("2024-06-01", .aware),
        ]
        func level(_ date: String) -> SkillLevel? { SkillMatrix(all, on: day(date)).entries[Self.key]?.level }
        #expect(level("2024-01-09") == nil)
        #expect(level("2024-04-01") == .canTeach)
        #expect(level("2024-05-31") == SkillLevel.none)
        #expect(level("2024-06-01") == .uses)
        #expect(SkillMatrix(all, on: day("2024-12-31")).entries[Self.key]?.since == day("2024-06-01"))
    }

    @Test("Who can teach a skill on any platform can teach it")
    func teachers() {
        let matrix = SkillMatrix(
            [Self.evidence("2024-01-10", .aware), Self.evidence("2024-01-10", .canTeach, platform: "vneid")],
            on: day("2024-02-01"))
        #expect(matrix.teachers(of: 3, among: ["p", "q"]) == ["p"])
        #expect(matrix.teachers(of: 2, among: ["p", "q"]).isEmpty)
    }
}

@Suite("Training", .onBothEngines)
struct TrainingTests {
    static func course(_ world: World, _ skills: [Cdt_Activity_V1_Skill], _ level: Cdt_Activity_V1_SkillLevel)
        async throws
        -> String
    {
        let id = UUIDv7.next(at: world.clock.now)
        let made = try await world.reporting.keep { keeper in
            try Reporting.createCourse(
                .with {
                    $0.unit = "units/A"
                    $0.displayName = "Thanh toán số"
                    $0.skills = skills
                    $0.level = level
                }, id: id, by: "sở", keeper)
        }
        return try made.get().name
    }

    static func hold(
        _ world: World, _ course: String, on held: String = "2024-10-20", _ people: [(String, Bool)], team: String = "t"
    ) async throws -> Result<Cdt_Activity_V1_TrainingSession, Refusal> {
        let id = UUIDv7.next(at: world.clock.now)
        return try await world.reporting.keep { keeper in
            try Reporting.recordSession(
                .with {
                    $0.course = course
                    $0.unit = "units/a1"
                    $0.mode = .inPerson
                    $0.heldOn = held
                    $0.attendances = people.map { person, completed in
                        .with {
                            $0.team = "teams/\(team)"
                            $0.person = "people/\(person)"
                            $0.completed = completed
                        }
                    }
                }, id: id, by: "sở", keeper)
        }
    }

    static func assess(_ world: World, _ person: String, _ level: Cdt_Activity_V1_SkillLevel, on date: String)
        async throws -> Result<Void, Refusal>
    {
        try await world.reporting.keep { keeper in
            try Reporting.assess(
                [
                    .with {
                        $0.person = "people/\(person)"
                        $0.skill = .onlinePayment
                        $0.level = level
                    }
                ], of: "teams/t", on: day(date), by: "tổ trưởng", keeper)
        }
    }

    @Test("Completed courses and assessments make the matrix, and say whether anyone can teach each skill")
    func insight() async throws {
        let world = try await AchievementTests.world()
        let course = try await Self.course(world, [.onlinePayment, .selfProtection], .uses)
        let session = try await Self.hold(world, course, [("p", true), ("q", false)]).get()
        #expect(session.attended == 2 && session.completed == 1 && session.state == .held)
        #expect(world.facts.sessions.map(\.version) == [1])
        let trained = try await world.reporting.skills(of: "t", on: day("2024-11-01"))
        #expect(trained.members == 2)
        #expect(trained.entries.map(\.person) == ["people/p", "people/p"])
        #expect(trained.insights.count == 5)
        let payment = try #require(trained.insights.first { $0.skill == .onlinePayment })
        #expect(payment.using == 1 && payment.unknown == 1 && !payment.canBeTaught)
        try await Self.assess(world, "q", .canTeach, on: "2024-10-25").get()
        let later = try await world.reporting.skills(of: "t", on: day("2024-11-01"))
        let taught = try #require(later.insights.first { $0.skill == .onlinePayment })
        #expect(taught.canBeTaught && taught.teachers == ["people/q"] && taught.unknown == 0)
        // On an earlier day nothing of it was known; one who leaves no longer counts.
        #expect(try await world.reporting.skills(of: "t", on: day("2024-10-01")).entries.isEmpty)
        try await world.member("q", of: "t", to: "2024-10-31")
        let without = try await world.reporting.skills(of: "t", on: day("2024-11-01"))
        #expect(without.members == 1 && without.insights.allSatisfy { !$0.canBeTaught })
    }

    @Test("Who is not in the team on the day neither attends nor is assessed; unknown courses and teams are refused")
    func refusals() async throws {
        let world = try await AchievementTests.world()
        let course = try await Self.course(world, [.onlinePayment], .aware)
        func reason<T>(_ result: Result<T, Refusal>) -> String? {
            if case .failure(let refusal) = result { return refusal.reason }
            return nil
        }
        #expect(try await reason(Self.hold(world, course, [("r", true)])) == "NOT_A_MEMBER")
        #expect(try await reason(Self.hold(world, course, on: "2022-05-31", [("p", true)])) == "NOT_A_MEMBER")
        #expect(try await reason(Self.hold(world, course, [("p", true)], team: "none")) == "TEAM_NOT_FOUND")
        #expect(try await reason(Self.hold(world, "courses/none", [("p", true)])) == "COURSE_NOT_FOUND")
        #expect(try await reason(Self.assess(world, "r", .uses, on: "2024-11-01")) == "NOT_A_MEMBER")
        let mixed = try await Self.hold(world, course, [("p", true), ("r", true), ("q", true)])
        guard case .failure(let refusal) = mixed else { throw Refusal.courseNotFound("") }
        #expect(refusal.violations.map(\.field) == ["session.attendances[1].person"])
        #expect(refusal.violations.map(\.reason) == ["NOT_A_MEMBER"])
        await #expect(throws: Refusal.self) { try await world.reporting.skills(of: "none", on: day("2024-11-01")) }
        #expect(try await world.reporting.sessions(unit: nil, course: nil, before: nil, limit: 10).isEmpty)
    }

    @Test("Courses and sessions are listed newest first, by unit and course")
    func listed() async throws {
        let world = try await AchievementTests.world()
        let first = try await Self.course(world, [.onlinePayment], .aware)
        world.clock.set(day("2024-11-05"))
        let second = try await Self.course(world, [.onlineShopping], .uses)
        func courses(_ grant: String = "", unit: String? = nil, before: String? = nil) async throws -> [String] {
            let unitName = grant.isEmpty ? "" : "units/\(grant)"
            let identity = Identity(subject: "s", grants: [.init(verbs: ["activity.read"], unit: unitName)])
            return try await world.reporting.courses(for: identity, unit: unit, before: before, limit: 10).page
                .map(\.name)
        }
        #expect(try await courses() == [second, first])
        #expect(try await courses(unit: "B") == [])
        #expect(try await courses(unit: "a1") == [second, first])
        #expect(try await courses(unit: "A", before: ResourceName.lastID(second)) == [first])
        // A commune of the province is offered them, another province is not.
        #expect(try await courses("a1") == [second, first])
        #expect(try await courses("B") == [])
        _ = try await Self.hold(world, first, [("p", true)]).get()
        world.clock.set(day("2024-11-06"))
        _ = try await Self.hold(world, second, on: "2024-11-01", [("q", true)]).get()
        let sessions = try await world.reporting.sessions(unit: "a1", course: nil, before: nil, limit: 10)
        #expect(sessions.map(\.course) == [second, first])
        let one = try await world.reporting.sessions(
            unit: nil, course: ResourceName.lastID(first), before: nil, limit: 10)
        #expect(one.map(\.heldOn) == ["2024-10-20"])
    }
}
