import ArgumentParser
import Shared
import SwiftProtobuf
import Testing

@testable import CommandLine

/// What people write on the command line about sessions of courses.
@Suite struct TrainingArgumentTests {
    private func document(_ text: String) throws -> CSVDocument { try CSVDocument(Array(text.utf8), file: "i.csv") }

    @Test func anInvitationSaysLevelAndRolesOrNamesPeople() throws {
        let plan = ["training", "plan", "courses/c", "--on", "2026-12-15", "--mode", "online", "--place", "UBND xã"]
        func who(_ more: String...) throws -> InvitationArguments {
            try #require(try Cdt.parseAsRoot(plan + more) as? TrainingPlanCommand).who
        }
        #expect(try !who().isGiven)
        let all = try who("--invite")
        #expect(try all.isGiven && all.invitation() == .init())
        let leaders = try who("--invite-level", "commune", "--invite-role", "leader", "--invite-role", "deputy")
        #expect(leaders.isGiven)
        #expect(try leaders.invitation().teamLevels == [.commune])
        #expect(try leaders.invitation().roles == [.leader, .deputy])
        #expect(try who("--invite-unit", "42").inviteUnit == "42")
        #expect(try who("--invitees", "i.csv").isGiven)
        for wrong in [
            ["--invitees", "i.csv", "--invite"], ["--invite-role", "boss"], ["--invite-level", "province"],
        ] {
            #expect(throws: (any Error).self, "\(wrong)") { try Cdt.parseAsRoot(plan + wrong) }
        }
    }

    @Test func aListOfInviteesIsNotEmpty() throws {
        let two = try Invitees.rows(of: document("person,team\npeople/p,teams/t\npeople/q,csv:18070-001\n"))
        #expect(two.map(\.person) == ["people/p", "people/q"] && two.map(\.team) == ["teams/t", "csv:18070-001"])
        #expect(throws: CSVError.self) { try Invitees.rows(of: document("team,person\n")) }
        #expect(throws: CSVError.self) { try Invitees.rows(of: document("team\nteams/t\n")) }
    }

    @Test func anUpdateNamesWhatIsGiven() throws {
        func update(_ more: String...) throws -> TrainingUpdateCommand {
            try #require(
                try Cdt.parseAsRoot(["training", "update", "trainingSessions/s"] + more) as? TrainingUpdateCommand)
        }
        let moved = try update("--on", "2026-12-16", "--at", "14:00", "--trainer", "", "--etag", "\"1\"").request
        #expect(moved.updateMask.paths == ["held_on", "starts_at", "trainer"])
        #expect(moved.session.name == "trainingSessions/s" && moved.session.etag == "\"1\"")
        #expect(moved.session.heldOn == "2026-12-16" && moved.session.startsAt == "14:00")
        let online = try update("--mode", "online", "--place", "https://hop.example/1").request
        #expect(online.updateMask.paths == ["mode", "place"] && online.session.mode == .online)
        let nobody = try update("--invite-nobody").request
        #expect(nobody.updateMask.paths == ["invitation"] && !nobody.session.hasInvitation)
        #expect(try update("--invite-role", "leader").request.updateMask.paths == ["invitation"])
        for wrong in [[], ["--etag", "\"1\""], ["--invite-nobody", "--invite"], ["--mode", "hybrid"]] {
            #expect(throws: (any Error).self, "\(wrong)") {
                try Cdt.parseAsRoot(["training", "update", "trainingSessions/s"] + wrong)
            }
        }
    }

    @Test func aRecordNamesACourseDayAndModeOrWhatWasPlanned() throws {
        func record(_ arguments: String...) throws -> TrainingRecordCommand {
            try #require(
                try Cdt.parseAsRoot(["training", "record", "--file", "a.csv"] + arguments) as? TrainingRecordCommand)
        }
        let planned = try record("--planned", "trainingSessions/s")
        #expect(planned.course.isEmpty && planned.on.isEmpty && planned.mode == nil && planned.unit == "vn")
        #expect(try record("courses/c", "--on", "2026-12-15", "--mode", "mooc").mode == .mooc)
        #expect(throws: (any Error).self) { try record() }
        #expect(throws: (any Error).self) { try record("courses/c", "--on", "2026-12-15") }
        #expect(throws: (any Error).self) { try record("--on", "2026-12-15", "--mode", "mooc") }
        let listed = try Cdt.parseAsRoot(["training", "sessions", "--state", "cancelled"])
        #expect(try #require(listed as? TrainingCommand.Sessions).state == .cancelled)
        let cancelled = try Cdt.parseAsRoot(["training", "cancel", "trainingSessions/s", "bão số 3"])
        #expect(try #require(cancelled as? TrainingCancelCommand).reason == "bão số 3")
    }

    @Test func aSessionIsShownWithWhoIsInvitedAndWhoAttended() {
        var session = Cdt_Activity_V1_TrainingSession.with {
            $0.name = "trainingSessions/s"
            $0.course = "courses/c"
            $0.unit = "units/u"
            $0.mode = .inPerson
            $0.heldOn = "2026-12-15"
            $0.startsAt = "08:00"
            $0.place = "Nhà văn hóa"
            $0.state = .planned
            $0.etag = "\"1\""
        }
        #expect(invited(to: session) == "nobody")
        session.invitation = .init()
        #expect(invited(to: session) == "all members of the teams in units/u")
        session.invitation.roles = [.leader, .deputy]
        session.invitation.teamLevels = [.commune]
        session.invitation.unit = "units/v"
        #expect(invited(to: session) == "LEADER, DEPUTY of the COMMUNE teams in units/v")
        #expect(
            TrainingShowCommand.text(session) == """
                SESSION  trainingSessions/s
                course   courses/c
                unit     units/u
                state    PLANNED
                when     2026-12-15 08:00
                how      IN_PERSON
                where    Nhà văn hóa
                trainer
                invited  LEADER, DEPUTY of the COMMUNE teams in units/v
                etag     "1"
                """)
        session.invitation = .with { $0.invitees = [.init(), .init()] }
        session.state = .held
        session.attended = 1
        session.attendances = [
            .with {
                $0.person = "people/p"
                $0.team = "teams/t"
                $0.completed = true
            }
        ]
        let held = TrainingShowCommand.text(session)
        #expect(held.contains("invited   2 people\n") && held.contains("attended  1, of whom 0 completed it\n"))
        #expect(held.hasSuffix("\n\nPERSON    TEAM     COMPLETED\npeople/p  teams/t  yes"))
        session.state = .cancelled
        session.cancellationReason = "bão số 3"
        #expect(TrainingShowCommand.text(session).contains("because  bão số 3\n"))
    }
}
