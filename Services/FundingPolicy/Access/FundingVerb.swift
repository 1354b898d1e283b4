import RPC
import ServiceKit

/// What a grant lets somebody do with allowances, in a unit and everything under it.
package enum FundingVerb: String, Sendable, CaseIterable {
    /// See what is due, runs, claims, payments and books.
    case read
    /// Start runs, submit claims, make payment batches.
    case prepare
    /// Approve and reject what others have prepared.
    case approve
    /// Post approved runs; export payments and record what became of them.
    case pay
    /// Policies, enrolment lists, appropriations, overdrafts.
    case administer

    package var name: String { "funding.\(rawValue)" }

    /// Whether a grant of some verbs covers this one. `funding.write` covers all that write.
    func isCovered(by verbs: Set<String>) -> Bool {
        verbs.contains("*") || verbs.contains("funding.*") || verbs.contains(name)
            || (self != .read && verbs.contains("funding.write"))
    }
}

extension Identity {
    /// The units in which a verb is granted; empty for the nation. A grant whose unit is no name of one opens nothing.
    func units(for verb: FundingVerb) -> [String] {
        grants.filter { verb.isCovered(by: $0.verbs) }.compactMap { grant in
            if grant.unit.isEmpty || grant.unit == UnitFacts.nationName { return "" }
            return ResourceName.id(grant.unit, in: "units") == nil ? nil : grant.unit
        }
    }

    func hasNation(_ verb: FundingVerb) -> Bool { units(for: verb).contains("") }
}

extension UnitFacts {
    static let nationName = "units/vn"
}
