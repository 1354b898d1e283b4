import FundingPolicy
import ServiceKit
import Shared
import Storage
import SwiftProtobuf
import TestSupport
import Testing

/// "Conditions on reports (for example: a month is paid only when its report was approved)."
@Suite(.onBothEngines) struct ReportConditionTests {
    private func service(_ condition: Cdt_Funding_V1_ReportCondition = .approved) async throws -> (Fixture, String) {
        let service = try await Fixture()
        let policy = try await service.activate {
            $0.reportCondition = condition
            $0.components = [
                .with {
                    $0.id = "allowance"
                    $0.kind = .ratePerTeamMonth
                    $0.rateDong = 100_000
                }
            ]
        }
        try await service.apply([Fixture.team("a", in: "ht")])
        return (service, policy)
    }

    private func obligation(
        _ id: String, team: String = "a", person: String = "", _ month: String,
        _ change: (inout Cdt_Activity_V1_ObligationFact) -> Void = { _ in }
    ) -> Cdt_Activity_V1_ObligationFact {
        .with {
            $0.obligation = "obligations/\(id)"
            $0.team = "teams/\(team)"
            $0.person = person.isEmpty ? "" : "people/\(person)"
            $0.period = month
            change(&$0)
        }
    }

    private func tell(_ service: Fixture, _ facts: [Cdt_Activity_V1_ObligationFact]) async throws {
        try await service.database.write { transaction in
            for fact in facts { try ActivityCopy.apply(Fixture.event(fact), in: transaction) }
        }
    }

    private func due(_ service: Fixture, _ policy: String) async throws -> Cdt_Funding_V1_EntitlementLine {
        try #require(try await service.entitlement("a", "2024-10", policy: policy).lines.first)
    }

    @Test func aMonthIsPaidOnceItsReportIsApproved() async throws {
        let (service, policy) = try await service()
        // Nothing is owed: nothing is asked for.
        #expect(try await due(service, policy).amountDong == 100_000)
        try await tell(
            service, [obligation("1", "2024-10"), obligation("2", "2024-11") { $0.reportState = .approved }])
        let missing = try await due(service, policy)
        #expect(missing.amountDong == 0 && missing.reasons == [.reportNotApproved])
        #expect(missing.explanation.text.contains("REPORT_NOT_APPROVED: the month's report is not approved"))
        #expect(missing.explanation.text.contains("- Report of teams/a for 2024-10-01 to 2024-10-31: OWED."))
        #expect(missing.explanation.textVi.contains("báo cáo của tháng chưa được duyệt"))
        for (state, amount) in [
            (.submitted, 0), (.endorsed, 0), (.returned, 0), (.approved, 100_000), (.accepted, 100_000),
        ] as [(Cdt_Activity_V1_ReportState, Int64)] {
            try await tell(service, [obligation("1", "2024-10") { $0.reportState = state }])
            #expect(try await due(service, policy).amountDong == amount, "\(state)")
        }
        try await tell(service, [obligation("1", "2024-10") { $0.setAside = .excused }])
        #expect(try await due(service, policy).amountDong == 100_000)
        try await tell(service, [obligation("1", "2024-10") { $0.void = true }])
        #expect(try await due(service, policy).amountDong == 100_000)
    }

    @Test func whereMembersReportAllOfTheirReportsCount() async throws {
        let (service, policy) = try await service(.received)
        try await tell(
            service,
            [
                obligation("1", person: "p", "2024-10") { $0.reportState = .submitted },
                obligation("2", person: "q", "2024-10"),
            ])
        #expect(try await due(service, policy).amountDong == 0)
        try await tell(service, [obligation("2", person: "q", "2024-10") { $0.reportState = .returned }])
        #expect(try await due(service, policy).amountDong == 100_000)
    }

    @Test func aReportApprovedAfterTheRunIsPaidByTheNext() async throws {
        let (service, policy) = try await service()
        try await service.appropriate(policy, 2024, 1_000_000)
        try await tell(service, [obligation("1", "2024-10")])
        let request = Cdt_Funding_V1_StartRunRequest.with {
            $0.policy = policy
            $0.fromMonth = "2024-10"
        }
        #expect(try await service.posted(request).amountDong == 0)
        try await tell(service, [obligation("1", "2024-10") { $0.reportState = .approved }])
        #expect(try await service.posted(request).deltaDong == 100_000)
        try await service.expectSoundBooks()
    }
}
