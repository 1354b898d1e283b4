import FundingPolicy
import ServiceKit
import Testing

@Suite struct PolicyValidationTests {
    private func reasons(_ policy: Policy, others: [Policy] = [], known: Bool = true) -> Set<String> {
        Set(
            PolicyValidation.violations(of: policy, otherVersions: others, jurisdictionKnown: known)
                .map { "\($0.field) \($0.reason)" })
    }

    @Test(arguments: [Sample.yenBai(), Sample.haTinh(), Sample.binhDuong(), Sample.daNang2024()])
    func thePoliciesOfTheProvincesAreSound(policy: Policy) { #expect(reasons(policy).isEmpty) }

    @Test func everyReasonIsGiven() {
        var policy = Sample.haTinh()
        policy.title = ""
        policy.levels = []
        policy.validity = days("2025-01-01", "2024-01-01")
        policy.components = [
            Component(id: "a", kind: .ratePerTeamMonth, rate: -1),
            Component(id: "a", kind: .ratePerMemberMonth, rate: 5),
            Component(id: "c", kind: .actualExpense, rate: 0),
        ]
        policy.caps = [Cap(kind: .memberMonth, amount: 0, proration: .daily, components: ["zzz"])]
        #expect(
            reasons(policy, known: false) == [
                "policy.title REQUIRED", "policy.levels REQUIRED", "policy.valid_to BEFORE_START",
                "policy.jurisdiction_code UNKNOWN_TERRITORY", "policy.components[0].rate_dong NEGATIVE",
                "policy.components[1].id DUPLICATE", "policy.components[1].kind WRONG_BENEFICIARY",
                "policy.components[2] CAP_REQUIRED", "policy.caps[0].amount_dong NOT_POSITIVE",
                "policy.caps[0].components CAP_WITHOUT_COMPONENT", "policy.caps[0].proration NOT_USED",
                "policy.caps[0].kind CAP_WITHOUT_COMPONENT",
            ])
    }

    @Test func versionsOfAPolicyDoNotOverlap() {
        var next = Sample.haTinh()
        next.version = 2
        next.validity = days("2025-12-31")
        #expect(reasons(next, others: [Sample.haTinh()]) == ["policy.valid_from OVERLAPPING_VERSIONS"])
        next.validity = days("2026-01-01")
        #expect(reasons(next, others: [Sample.haTinh()]).isEmpty)
    }
}
