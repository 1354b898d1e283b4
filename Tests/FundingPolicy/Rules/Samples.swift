import FundingPolicy
import ServiceKit

func day(_ text: String) -> LocalDate { LocalDate(text)! }
func month(_ text: String) -> Month { Month(text)! }
func days(_ from: String, _ to: String = "") -> DateRange {
    DateRange(from: LocalDate(from), to: LocalDate(to))
}

/// The rows of the worked cases, as values; the shipped data are checked against them.
enum Sample {
    static func yenBai() -> Policy {
        Policy(
            name: "policies/yen-bai-60-2022", title: "Yên Bái", titleVi: "Yên Bái", jurisdictionCode: "15",
            document: LegalDocument(number: "60/2022/NQ-HĐND"), validity: days("2022-12-09", "2025-12-31"),
            beneficiary: .team, levels: [.hamlet],
            components: [Component(id: "allowance", kind: .ratePerTeamMonth, rate: 500_000)], requiresEnrolment: true)
    }

    static func haTinh(_ rule: PartMonthRule = .halfMonth) -> Policy {
        Policy(
            name: "policies/ha-tinh-119-2023", title: "Hà Tĩnh", titleVi: "Hà Tĩnh", jurisdictionCode: "42",
            document: LegalDocument(number: "119/2023/NQ-HĐND"), validity: days("2024-01-01", "2025-12-31"),
            beneficiary: .team, levels: [.commune, .hamlet],
            components: [Component(id: "allowance", kind: .ratePerTeamMonth, rate: 600_000)], partMonthRule: rule)
    }

    static func binhDuong(_ rule: PartMonthRule = .halfMonth) -> Policy {
        Policy(
            name: "policies/binh-duong-27-2023", title: "Bình Dương", titleVi: "Bình Dương", jurisdictionCode: "74",
            document: LegalDocument(number: "27/2023/NQ-HĐND"), validity: days("2024-01-01"), beneficiary: .member,
            levels: [.commune, .hamlet],
            components: [
                Component(id: "allowance", kind: .ratePerMemberMonth, rate: 60_000),
                Component(id: "mobilised", kind: .ratePerMemberDay, rate: 150_000),
            ], partMonthRule: rule)
    }

    static func daNang2024() -> Policy {
        Policy(
            name: "policies/da-nang-36-2024", title: "Đà Nẵng", titleVi: "Đà Nẵng", jurisdictionCode: "48",
            document: LegalDocument(number: "36/2024/NQ-HĐND"), validity: days("2024-08-10", "2025-12-31"),
            beneficiary: .team, levels: [.hamlet],
            components: [Component(id: "expenses", kind: .actualExpense, rate: 0)],
            caps: [Cap(kind: .memberDay, amount: 50_000), Cap(kind: .teamYear, amount: 3_000_000)])
    }

    static func team(
        _ id: String = "teams/a", level: TeamLevel = .hamlet, activeFrom: String = "2022-06-01", to: String = "",
        decision: LegalDocument? = LegalDocument(number: "01/QĐ-UBND", issuedOn: day("2022-06-01"))
    ) -> TeamFacts {
        TeamFacts(
            id: id, level: level, displayName: "Tổ \(id)", statuses: [StatusPeriod(.active, days(activeFrom, to))],
            placements: [Placement(unit: "units/x", days: days(activeFrom))], decision: decision)
    }

    static func teamCase(_ facts: TeamFacts, coverage: Coverage = Coverage(), policies: Int = 1) -> TeamCase {
        TeamCase(facts: facts, coverage: Array(repeating: coverage, count: policies))
    }

    static func members(_ count: Int, in team: String, _ range: DateRange) -> [PersonCase] {
        (0..<count).map { PersonCase(id: "people/\($0)", stays: [Stay(team: team, days: range)]) }
    }
}

/// Sum of what is due in the months.
func due(
    _ policies: [Policy], _ team: TeamCase, persons: [PersonCase] = [], _ from: String, _ to: String = ""
) throws -> Int64 {
    try lines(policies, team, persons: persons, from, to).reduce(0) { $0 + $1.amount }
}

func lines(
    _ policies: [Policy], _ team: TeamCase, persons: [PersonCase] = [], others: [TeamCase] = [], _ from: String,
    _ to: String = "", claims: Bool = false, elsewhere: Bool = false
) throws -> [EntitlementLine] {
    let teams = Dictionary(uniqueKeysWithValues: ([team] + others).map { ($0.facts.id, $0) })
    return try EntitlementRules(policies: policies).lines(
        of: team, persons: persons, teams: teams, months: month(from)...month(to.isEmpty ? from : to),
        includingClaims: claims, includingBookedElsewhere: elsewhere)
}
