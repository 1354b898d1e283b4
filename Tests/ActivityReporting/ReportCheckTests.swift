import ServiceKit
import Shared
import SwiftProtobuf
import Testing

@testable import ActivityReporting

/// "Bad input gets an error that names the field and the reason."
@Suite("What is wrong in itself")
struct ReportCheckTests {
    typealias Submission = Cdt_Activity_V1_ReportSubmission
    typealias Policy = Cdt_Activity_V1_ReportingPolicy

    static let report = Submission.with {
        $0.operationID = "op"
        $0.report.team = "teams/t"
        $0.report.period = "2024-10"
        $0.report.help(.localPlatform, 3, platform: "vneid")
        $0.report.count("stores", .stock, 5)
        $0.report.meet(.other, text: "Mất điện")
        $0.report.source = .paper
        $0.report.declaredOn = "2024-11-01"
    }

    static func wrong(_ submission: Submission) -> [Violation] {
        ReportCheck.violations(in: submission, field: "s", today: day("2024-11-04"))
    }

    @Test("Each field of a report that is wrong is named, in both languages")
    func fields() {
        let rows: [(field: String, spoil: (inout Submission) -> Void)] = [
            ("operation_id", { $0.operationID = "" }),
            ("operation_id", { $0.operationID = String(repeating: "x", count: 129) }),
            ("base_version", { $0.baseVersion = -1 }),
            ("report.team", { $0.report.team = "t" }),
            ("report.person", { $0.report.person = "p" }),
            ("report.period", { $0.report.period = "2024-13" }),
            ("report.activities[0].skill", { $0.report.activities[0].skill = .unspecified }),
            ("report.activities[0].beneficiary", { $0.report.activities[0].beneficiary = .UNRECOGNIZED(99) }),
            ("report.activities[0].channel", { $0.report.activities[0].channel = .unspecified }),
            ("report.activities[0].count", { $0.report.activities[0].count = 0 }),
            ("report.activities[0].count", { $0.report.activities[0].count = 10_000_001 }),
            ("report.activities[0].platform", { $0.report.activities[0].platform = "" }),
            (
                "report.activities[0].platform",
                { $0.report.activities[0].platform = String(repeating: "x", count: 129) }
            ),
            ("report.activities", { for _ in 0..<200 { $0.report.help(.onlinePayment, 1) } }),
            ("report.counters[0].kind", { $0.report.counters[0].kind = .unspecified }),
            ("report.counters[0].code", { $0.report.counters[0].code = "Stores" }),
            ("report.counters[1].code", { $0.report.count("stores", .flow, 1) }),
            ("report.counters[0].qualifier", { $0.report.counters[0].qualifier = .UNRECOGNIZED(9) }),
            (
                "report.counters[0].explanation",
                { $0.report.counters[0].explanation = String(repeating: "x", count: 4_001) }
            ),
            ("report.difficulties[0].kind", { $0.report.difficulties[0].kind = .unspecified }),
            ("report.difficulties[0].text", { $0.report.difficulties[0].text = "" }),
            ("report.narrative", { $0.report.narrative = String(repeating: "x", count: 4_001) }),
            (
                "report.source",
                {
                    $0.report.source = .UNRECOGNIZED(9)
                    $0.report.declaredOn = ""
                }
            ),
            ("report.declared_on", { $0.report.source = .api }),
            ("report.declared_on", { $0.report.declaredOn = "2024-11-05" }),
            ("report.declared_on", { $0.report.declaredOn = "hôm qua" }),
        ]
        #expect(Self.wrong(Self.report).isEmpty)
        for (field, spoil) in rows {
            var submission = Self.report
            spoil(&submission)
            let found = Self.wrong(submission)
            #expect(found.map(\.field) == ["s.\(field)"])
            #expect(found.allSatisfy { !$0.description.isEmpty && !$0.descriptionVi.isEmpty }, "\(field)")
        }
        #expect(Self.wrong(.init()).map(\.field) == ["s.operation_id", "s.report.team", "s.report.period"])
    }

    @Test("Each field of a policy that is wrong is named; what is not given is as usual")
    func policies() throws {
        let policy = Policy.with {
            $0.jurisdiction = "units/A"
            $0.validFrom = "2024-10-01"
            $0.communeTeamSubject = .member
            $0.hamletTeamSubject = .team
            $0.graceDays = 3
        }
        let read = try Reporting.rules(of: policy).get()
        #expect(read.rules == .standard && read.from == day("2024-10-01") && read.to == nil)
        let rows: [(field: String, spoil: (inout Policy) -> Void)] = [
            ("commune_team_subject", { $0.communeTeamSubject = .unspecified }),
            ("hamlet_team_subject", { $0.hamletTeamSubject = .UNRECOGNIZED(9) }),
            (
                "start_day",
                {
                    $0.startDay = 29
                    $0.validFrom = "2024-10-29"
                }
            ),
            ("due_day", { $0.dueDay = 32 }), ("due_day", { $0.dueDay = -1 }),
            ("grace_days", { $0.graceDays = 61 }), ("grace_days", { $0.graceDays = -1 }),
            ("minimum_days", { $0.minimumDays = 32 }), ("closing_days", { $0.closingDays = 366 }),
            ("jurisdiction", { $0.jurisdiction = "A" }),
            ("valid_from", { $0.validFrom = "" }), ("valid_from", { $0.validFrom = "2024-10-02" }),
            ("valid_to", { $0.validTo = "2024-09-30" }), ("valid_to", { $0.validTo = "mãi mãi" }),
        ]
        for (field, spoil) in rows {
            var spoilt = policy
            spoil(&spoilt)
            guard case .failure(let refusal) = Reporting.rules(of: spoilt) else {
                Issue.record("a policy was taken with a wrong \(field)")
                continue
            }
            #expect(refusal.violations.map(\.field) == ["policy.\(field)"])
        }
    }
}
