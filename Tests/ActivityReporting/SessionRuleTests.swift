import ServiceKit
import Shared
import SwiftProtobuf
import TestSupport
import Testing

@testable import ActivityReporting

@Suite("What a session must say")
struct SessionRuleTests {
    typealias Session = Cdt_Activity_V1_TrainingSession

    static let today = day("2024-11-04")
    static let plan = Session.with {
        $0.course = "courses/c"
        $0.unit = "units/a1"
        $0.mode = .inPerson
        $0.heldOn = "2024-11-20"
        $0.startsAt = "08:00"
        $0.place = "Nhà văn hóa xã"
        $0.trainer = "Sở TT&TT"
    }

    /// One change of a plan, and the fields that are wrong then.
    struct Case: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let wrong: [String]
        let change: @Sendable (inout Session) -> Void
        init(_ name: String, _ wrong: String..., change: @escaping @Sendable (inout Session) -> Void) {
            (testDescription, self.wrong, self.change) = (name, wrong, change)
        }
    }

    static func invitee(_ team: String, _ person: String) -> Cdt_Activity_V1_Invitee {
        .with {
            $0.team = "teams/\(team)"
            $0.person = "people/\(person)"
        }
    }

    static let plans = [
        Case("complete") { _ in },
        Case("today") { $0.heldOn = "2024-11-04" },
        Case("yesterday", "session.held_on") { $0.heldOn = "2024-11-03" },
        Case("no day", "session.held_on") { $0.heldOn = "" },
        Case("no such day", "session.held_on") { $0.heldOn = "2024-11-31" },
        Case("no course", "session.course") { $0.course = "" },
        Case("for the nation") { $0.unit = "" },
        Case("no unit's name", "session.unit") { $0.unit = "A" },
        Case("no mode", "session.mode") { $0.mode = .unspecified },
        Case("unknown mode", "session.mode") { $0.mode = .UNRECOGNIZED(9) },
        Case("no time", "session.starts_at") { $0.startsAt = "" },
        Case("a MOOC without time") {
            $0.mode = .mooc
            $0.startsAt = ""
        },
        Case("a MOOC with a wrong time", "session.starts_at") {
            $0.mode = .mooc
            $0.startsAt = "8:00"
        },
        Case("midnight") { $0.startsAt = "00:00" },
        Case("after midnight", "session.starts_at") { $0.startsAt = "24:00" },
        Case("sixty minutes", "session.starts_at") { $0.startsAt = "08:60" },
        Case("seconds", "session.starts_at") { $0.startsAt = "08:00:00" },
        Case("signs", "session.starts_at") { $0.startsAt = "+8:00" },
        Case("no place", "session.place") { $0.place = "  " },
        Case("300 characters of place") { $0.place = String(repeating: "ơ", count: 300) },
        Case("more of place", "session.place") { $0.place = String(repeating: "ơ", count: 301) },
        Case("no trainer") { $0.trainer = "" },
        Case("much of trainer", "session.trainer") { $0.trainer = String(repeating: "x", count: 201) },
        Case("who attends", "session.attendances") { $0.attendances = [.init()] },
        Case("all members of the unit's teams") { $0.invitation = .init() },
        Case("leaders of commune teams elsewhere") {
            $0.invitation.unit = "units/A"
            $0.invitation.teamLevels = [.commune]
            $0.invitation.roles = [.leader, .deputy]
        },
        Case("nothing that is invited", "session.invitation.team_levels", "session.invitation.roles") {
            $0.invitation.teamLevels = [.unspecified]
            $0.invitation.roles = [.leader, .UNRECOGNIZED(99)]
        },
        Case("two people") { $0.invitation.invitees = [invitee("t", "p"), invitee("u", "q")] },
        Case("one of them twice", "session.invitation.invitees[2].person") {
            $0.invitation.invitees = [invitee("t", "p"), invitee("u", "q"), invitee("u", "p")]
        },
        Case("nobody's name", "session.invitation.invitees[0].team", "session.invitation.invitees[0].person") {
            $0.invitation.invitees = [.init()]
        },
        Case(
            "people beside teams", "session.invitation.unit", "session.invitation.team_levels",
            "session.invitation.roles"
        ) {
            $0.invitation.unit = "units/A"
            $0.invitation.teamLevels = [.hamlet]
            $0.invitation.roles = [.member]
            $0.invitation.invitees = [invitee("t", "p")]
        },
        Case("1,000 people") { $0.invitation.invitees = (0..<1000).map { invitee("t", "p\($0)") } },
        Case("more people", "session.invitation.invitees") {
            $0.invitation.invitees = (0...1000).map { invitee("t", "p\($0)") }
        },
    ]

    @Test("A plan names each thing that is wrong by its field", arguments: plans)
    func plan(_ example: Case) {
        var (session, check) = (Self.plan, Violations())
        example.change(&session)
        _ = check.plan(session, today: Self.today)
        #expect(check.all.map(\.field) == example.wrong)
    }

    @Test("What is kept has no blanks at its ends, and nothing that only the service says")
    func kept() {
        var (session, check) = (Self.plan, Violations())
        session.place = " Nhà văn hóa xã\n"
        session.name = "trainingSessions/x"
        session.state = .held
        session.attended = 9
        session.completed = 9
        session.cancellationReason = "bão"
        session.etag = "\"9\""
        let kept = check.plan(session, today: Self.today)
        #expect(kept == Self.plan && check.isEmpty)
    }

    @Test("What was held says its day and mode; of a plan what is not said stays, and its course cannot be another")
    func held() {
        func held(
            _ asked: Session, as plan: Session? = nil, on today: String = "2024-11-20"
        ) -> (session: Session, wrong: [String]) {
            var check = Violations()
            let session = check.held(asked, as: plan, today: day(today))
            return (session, check.all.map(\.field))
        }
        #expect(held(.init()).wrong == ["session.course", "session.mode", "session.held_on"])
        let unplanned = Session.with {
            $0.course = "courses/c"
            $0.mode = .online
            $0.heldOn = "2024-11-20"
        }
        #expect(held(unplanned) == (unplanned, []))
        #expect(held(unplanned, on: "2024-11-19").wrong == ["session.held_on"])
        #expect(held(.init(), as: Self.plan) == (Self.plan, []))
        #expect(held(.init(), as: Self.plan, on: "2024-11-19").wrong == ["session.held_on"])
        let other = Session.with {
            $0.course = "courses/c"
            $0.unit = "units/a2"
            $0.mode = .online
            $0.heldOn = "2024-11-18"
            $0.startsAt = "14:30"
            $0.place = "https://hop.example/1"
            $0.trainer = "Đoàn xã"
            $0.attendances = [
                .with {
                    $0.team = "teams/t"
                    $0.person = "people/p"
                }
            ]
        }
        #expect(held(other, as: Self.plan) == (other, []))
        #expect(held(.with { $0.course = "courses/d" }, as: Self.plan).wrong == ["session.course"])
        var twice = other
        twice.attendances += other.attendances
        #expect(held(twice, as: Self.plan).wrong == ["session.attendances[1].person"])
        #expect(held(.with { $0.startsAt = "sáng" }, as: Self.plan).wrong == ["session.starts_at"])
    }

    @Test("An update changes what its mask names, without one what is set; another field is refused")
    func changes() {
        func changed(_ mask: [String], _ fill: (inout Session) -> Void) -> (session: Session, wrong: [String]) {
            var (asked, check, before) = (Session(), Violations(), Self.plan)
            before.invitation.roles = [.leader]
            fill(&asked)
            let change = SessionChange(asked, mask: mask, &check)
            return (change.applied(to: before), check.all.map(\.field))
        }
        let moved = changed(["held_on", "trainer"]) {
            $0.heldOn = "2024-11-21"
            $0.place = "nơi khác"
        }
        #expect(moved.wrong.isEmpty)
        #expect(moved.session.heldOn == "2024-11-21" && moved.session.trainer.isEmpty)
        #expect(moved.session.place == Self.plan.place && moved.session.invitation.roles == [.leader])
        let implied = changed([]) {
            $0.name = "trainingSessions/x"
            $0.course = "courses/other"
            $0.startsAt = "09:00"
            $0.invitation = .init()
        }
        #expect(implied.session.startsAt == "09:00" && implied.session.course == Self.plan.course)
        #expect(implied.session.hasInvitation && implied.session.invitation.roles.isEmpty)
        #expect(!changed(["invitation"]) { _ in }.session.hasInvitation)
        #expect(changed(["course", "place", "invitation.roles"]) { _ in }.wrong == ["update_mask", "update_mask"])
        #expect(changed(["mode"]) { $0.mode = .mooc }.session.mode == .mooc)
    }
}
