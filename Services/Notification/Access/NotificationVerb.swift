import RPC
import ServiceKit

/// What a grant lets somebody do with messages, in a unit and everything under it.
enum NotificationVerb: String, Sendable, CaseIterable {
    /// See templates, plans, campaigns and what became of their messages.
    case read
    /// Create, launch, pause, resume and cancel campaigns.
    case send
    /// Decide about messages that cannot go on by themselves, and answer tickets.
    case decide
    /// Keep rules, focal points, groups and webhook endpoints; in the nation also templates.
    case administer

    var name: String { "notification.\(rawValue)" }

    /// Whether a grant of some verbs covers this one. `notification.write` covers all that write.
    func isCovered(by verbs: Set<String>) -> Bool {
        verbs.contains("*") || verbs.contains("notification.*") || verbs.contains(name)
            || (self != .read && verbs.contains("notification.write"))
    }
}

extension Identity {
    func hasNation(_ verb: NotificationVerb) -> Bool {
        grants.contains { verb.isCovered(by: $0.verbs) && ($0.unit.isEmpty || $0.unit == "units/vn") }
    }

    /// The units, bare, in which a verb is granted, the nation aside.
    func units(for verb: NotificationVerb) -> Set<String> {
        Set(
            grants.filter { verb.isCovered(by: $0.verbs) }.compactMap { ResourceName.id($0.unit, in: "units") })
    }
}
