import Crypto
import ServiceKit
import Shared
import SwiftProtobuf

/// The facts one line stands on, with all of their dates, as data: what an explanation is told from, now or years
/// later.
package struct Evidence: Sendable, Hashable {
    package var facts: [Cdt_Funding_V1_FactUsed]

    package init(facts: [Cdt_Funding_V1_FactUsed]) { self.facts = facts }

    /// Kinds of facts. The names are part of the contract.
    package enum Kind {
        package static let policy = "POLICY"
        package static let team = "TEAM"
        package static let status = "STATUS"
        package static let decision = "DECISION"
        package static let enrolment = "ENROLMENT"
        package static let territory = "TERRITORY"
        package static let placement = "PLACEMENT"
        package static let membership = "MEMBERSHIP"
        package static let report = "REPORT"
    }

    /// What a line of this team under this policy stands on; of a person, with all stays.
    package init(
        policy: borrowing Policy, jurisdiction: UnitFacts?, team: borrowing TeamFacts,
        coverage: borrowing Coverage, person: PersonCase? = nil, reports: TeamReports = TeamReports()
    ) {
        facts = [Evidence.fact(Kind.team, team.id, .always, team.displayName)]
        for period in team.statuses {
            facts.append(Evidence.fact(Kind.status, team.id, period.days, period.status.label))
        }
        if let decision = team.decision {
            facts.append(Evidence.fact(Kind.decision, team.id, decision.inForce, decision.number))
        }
        for placement in team.placements {
            facts.append(
                Evidence.fact(
                    Kind.placement, placement.unit, placement.days,
                    placement.unitName.isEmpty ? placement.unit : placement.unitName))
        }
        for days in coverage.territory {
            facts.append(
                Evidence.fact(
                    Kind.territory, jurisdiction?.id ?? policy.jurisdictionUnit, days,
                    jurisdiction?.displayName ?? policy.jurisdictionCode))
        }
        if policy.requiresEnrolment {
            for days in coverage.enrolment {
                facts.append(Evidence.fact(Kind.enrolment, policy.name, days, policy.name))
            }
        }
        for stay in person?.stays ?? [] {
            facts.append(Evidence.fact(Kind.membership, stay.membership, stay.days, stay.team))
        }
        if policy.reportCondition != .none {
            for report in reports.reports where person == nil || report.person == nil || report.person == person?.id {
                facts.append(
                    Evidence.fact(
                        Kind.report, report.person ?? team.id, report.month.days, report.standing.label))
            }
        }
    }

    private static func fact(_ kind: String, _ resource: String, _ days: DateRange, _ value: String)
        -> Cdt_Funding_V1_FactUsed
    {
        .with {
            $0.kind = kind
            $0.resource = resource
            $0.from = days.from?.description ?? ""
            $0.to = days.to?.description ?? ""
            $0.value = value
        }
    }

    package var teamName: String { facts.first { $0.kind == Kind.team }?.value ?? "" }

    // MARK: Storing

    package func content() throws -> [UInt8] {
        try Cdt_Funding_V1_Explanation.with { $0.facts = facts }.serializedBytes()
    }

    package init(content: [UInt8]) throws {
        facts = try Cdt_Funding_V1_Explanation(serializedBytes: content).facts
    }

    /// The key under which equal evidence is stored once: the first half of its SHA-256.
    package static func key(of content: [UInt8]) -> [UInt8] { Array(SHA256.hash(data: content).prefix(16)) }
}

extension Cdt_Funding_V1_FactUsed {
    var days: DateRange { DateRange(from: LocalDate(from), to: LocalDate(to)) }
}
