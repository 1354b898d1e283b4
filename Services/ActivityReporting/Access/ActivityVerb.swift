import RPC
import ServiceKit

/// What a grant lets somebody do with reports, in a unit and everything under it.
enum ActivityVerb: String, Sendable, CaseIterable {
    /// See reports, obligations, figures and difficulties.
    case read
    /// Send reports.
    case submit
    /// Say on which day a report on paper or of an earlier system was received.
    case declare
    /// Endorse reports, as a team leader does.
    case endorse
    /// Approve reports, excuse subjects and see to difficulties, as a commune does.
    case approve
    /// Accept reports, as a province does.
    case accept
    /// Set policies, waive reports; in the nation, open and close periods.
    case administer

    var name: String { "activity.\(rawValue)" }

    /// Whether a grant of some verbs covers this one. `activity.write` covers all that write.
    func isCovered(by verbs: Set<String>) -> Bool {
        verbs.contains("*") || verbs.contains("activity.*") || verbs.contains(name)
            || (self != .read && verbs.contains("activity.write"))
    }
}

extension Identity {
    func hasNation(_ verb: ActivityVerb) -> Bool {
        grants.contains { verb.isCovered(by: $0.verbs) && Self.isNation($0) }
    }

    private static func isNation(_ grant: Grant) -> Bool { grant.unit.isEmpty || grant.unit == "units/vn" }

    /// The units, bare, in which a verb is granted; "" for the nation. A grant whose unit is no name of one opens
    /// nothing.
    func units(for verb: ActivityVerb) -> [String] {
        grants.filter { verb.isCovered(by: $0.verbs) }.compactMap { grant in
            Self.isNation(grant) ? "" : ResourceName.id(grant.unit, in: "units")
        }
    }
}
