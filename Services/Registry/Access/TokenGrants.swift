import RPC
import ServiceKit

/// The Registry's verbs as tokens name them: `registry.read`, a role `registry.editor`, `registry.*`, or `*`.
extension AccessVerb {
    var tokenName: String {
        switch self {
        case .read: "registry.read"
        case .readPeople: "registry.read_people"
        case .writeTeams: "registry.write_teams"
        case .writePeople: "registry.write_people"
        case .importRows: "registry.import"
        case .administer: "registry.administer"
        }
    }
}

extension AccessRole {
    var tokenName: String {
        switch self {
        case .viewer: "registry.viewer"
        case .editor: "registry.editor"
        case .integrator: "registry.integrator"
        case .administrator: "registry.administrator"
        }
    }
}

extension Identity.Grant {
    var isNation: Bool { unit.isEmpty || unit == "units/vn" }

    func has(_ verb: AccessVerb) -> Bool {
        verbs.contains("*") || verbs.contains(verb.tokenName) || verbs.contains("registry.*")
            || AccessRole.allCases.contains { $0.verbs.contains(verb) && verbs.contains($0.tokenName) }
    }
}

extension Identity {
    /// Whether the token alone allows a verb everywhere.
    func hasNation(_ verb: AccessVerb) -> Bool { grants.contains { $0.isNation && $0.has(verb) } }
}

extension Grant {
    /// A token's grant as one of the Registry; nil when it has no verb of the Registry, or its unit is none.
    init?(_ grant: Identity.Grant) {
        let verbs = Set(AccessVerb.allCases.filter(grant.has))
        guard !verbs.isEmpty,
            let unit = grant.isNation
                ? Unit.nationID : ResourceName.uniqueID(grant.unit, in: "units")
        else { return nil }
        self.init(
            id: UniqueID(high: 0, low: 0), subject: "", unit: unit, verbs: verbs, createdAt: Instant(microseconds: 0))
    }
}
