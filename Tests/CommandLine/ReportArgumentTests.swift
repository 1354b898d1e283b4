import ArgumentParser
import Shared
import SwiftProtobuf
import Testing

@testable import CommandLine

/// What people write on the command line about reports, targets and training.
@Suite struct ReportArgumentTests {
    @Test(
        arguments: [
            ("50", 5000), ("100", 10_000), ("99.5", 9950), ("33.33", 3333), ("0.01", 1), ("7.05", 705),
            ("100.00", 10_000),
        ] as [(String, Int32)])
    func sharesAreReadToTheHundredth(text: String, hundredths: Int32) throws {
        let share = try #require(PercentArgument(argument: text))
        #expect(share.hundredths == hundredths)
        #expect(PercentArgument(argument: share.description) == share)
    }

    @Test(arguments: ["", "0", "0.00", "100.01", "101", "-5", "+5", "50%", "33.333", "1.", ".5", "5,5", "99999999999"])
    func whatIsNoShareIsRefused(text: String) { #expect(PercentArgument(argument: text) == nil) }

    @Test func difficultiesAreKindSeverityAndWords() throws {
        let bare = try #require(DifficultyArgument(argument: "low-smartphone")).difficulty
        #expect(bare.kind == .lowSmartphone && bare.severity == .unspecified && bare.text.isEmpty)
        let whole = try #require(DifficultyArgument(argument: "other:high:mất điện: 3 ngày")).difficulty
        #expect(whole.kind == .other && whole.severity == .high && whole.text == "mất điện: 3 ngày")
        for wrong in ["", "weather", "other:terrible", "unspecified"] {
            #expect(DifficultyArgument(argument: wrong) == nil, "\(wrong)")
        }
    }

    @Test func assessmentsNamePersonSkillAndLevel() throws {
        let general = try #require(AssessmentArgument(argument: "people/p:online-payment:can-teach")).assessment
        #expect(general.person == "people/p" && general.skill == .onlinePayment && general.level == .canTeach)
        #expect(general.platform.isEmpty)
        #expect(AssessmentArgument(argument: "people/p:local-platform:uses:vneid")?.assessment.platform == "vneid")
        for wrong in ["people/p", "p:online-payment:uses", "people/p:payment:uses", "people/p:online-payment:expert"] {
            #expect(AssessmentArgument(argument: wrong) == nil, "\(wrong)")
        }
    }

    @Test func anAttendanceListSaysWhoCompleted() throws {
        func rows(_ text: String) throws -> [Cdt_Activity_V1_Attendance] {
            try Attendances.rows(of: CSVDocument(Array(text.utf8), file: "a.csv"))
        }
        let two = try rows("person,team,completed\npeople/p,teams/t,1\npeople/q,csv:18070-001,0\n")
        #expect(two.map(\.person) == ["people/p", "people/q"] && two.map(\.team) == ["teams/t", "csv:18070-001"])
        #expect(two.map(\.completed) == [true, false])
        #expect(throws: CSVError(file: "a.csv", line: 2, problem: "completed is có; it must be 1 or 0")) {
            try rows("team,person,completed\nteams/t,people/p,có\n")
        }
        #expect(throws: CSVError.self) { try rows("team,person\nteams/t,people/p\n") }
    }

    @Test func whatIsNotGivenIsTheFieldsDefault() throws {
        let policy = try ReportPoliciesCommand.Set.parse(["20", "--from", "2025-01-01"])
        #expect(policy.communeTeams == nil && policy.hamletTeams == nil)
        #expect([policy.startDay, policy.dueDay, policy.graceDays, policy.closingDays] == [1, 5, 3, 30])
        #expect(policy.document.value == nil)
        #expect(
            try ReportPoliciesCommand.Set.parse(["20", "--from", "x", "--hamlet-teams", "MEMBER"]).hamletTeams
                == .member)
        // A bare target is a question about it, as before there was more to do with targets.
        let asked = try Cdt.parseAsRoot(["report", "targets", "targets/x", "--by", "province", "--reached"])
        let standings = try #require(asked as? ReportTargetsCommand.Standings)
        #expect(standings.name == "targets/x" && standings.by == .province && standings.reached)
        #expect(try Cdt.parseAsRoot(["platforms"]) is PlatformsCommand.List)
        #expect(throws: (any Error).self) {
            try Cdt.parseAsRoot(["report", "waive", "20", "bão", "--month", "2024-09", "--issued-on", "2024-09-08"])
        }
        #expect(throws: (any Error).self) {
            try Cdt.parseAsRoot(["difficulties", "trend", "--from", "2024-12", "--month", "2024-11"])
        }
    }

    @Test func trendsShowEachKindMonthByMonth() {
        let months: [Cdt_Activity_V1_Achievements] = [("2024-09", Int64(0)), ("2024-10", 1_200)].map { month, reports in
            .with {
                $0.period = month
                if reports > 0 {
                    $0.difficulties = [
                        .with {
                            $0.kind = .infrastructure
                            $0.severity = .high
                            $0.reports = reports
                        }
                    ]
                }
            }
        }
        #expect(
            DifficultiesCommand.trend(months).text == """
                KIND            SEVERITY  2024-09  2024-10
                INFRASTRUCTURE  HIGH            0    1,200
                """)
    }
}
