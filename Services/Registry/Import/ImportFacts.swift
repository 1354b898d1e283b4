import ServiceKit
import Storage

/// What the judgement of a row needs to know of what is stored.
protocol ImportFacts {
    func team(_ key: SourceKey) throws -> (team: Team, mark: ImportMark?)?
    func team(id: UniqueID) throws -> (team: Team, mark: ImportMark?)?
    func teams(on unit: UniqueID, level: TeamLevel) throws -> [(team: UniqueID, stretches: [TeamStretch])]
    /// The communes of a team and of a hamlet over time; nil: there is none.
    func stays(ofTeam id: UniqueID) throws -> [CommuneStay]?
    func stays(ofHamlet id: UniqueID) throws -> [CommuneStay]?
    func hamlet(_ key: SourceKey) throws -> (hamlet: Hamlet, rowHash: [UInt8]?)?
    func hamlets(named key: String, in commune: UnitRank) throws -> [Hamlet]
    func membership(_ key: SourceKey) throws -> (membership: Membership, mark: ImportMark?)?
    /// The one that a row left which said the same.
    func membership(inTeam id: UniqueID, rowHash: [UInt8]) throws -> Membership?
    func person(_ key: SourceKey) throws -> Person?
    func memberships(ofTeam id: UniqueID) throws -> [Membership]
    func memberships(ofPerson id: UniqueID) throws -> [MembershipRules.OfPerson]
    func policies(level: TeamLevel) throws -> [CapacityPolicy]
    /// Which of some external ids of a system are taken: asked once for many rows.
    func taken(_ ids: [String], by kind: SourceKind, in system: String) throws -> Set<String>
}

/// What has keys of source systems; raw values are tables.
enum SourceKind: String, CaseIterable, Sendable {
    case team
    case person
    case membership
}

/// Facts of one database.
struct StoredFacts: ImportFacts {
    let tx: ReadTransaction

    func team(_ key: SourceKey) throws -> (team: Team, mark: ImportMark?)? { try TeamStore.team(key, in: tx) }
    func team(id: UniqueID) throws -> (team: Team, mark: ImportMark?)? { try TeamStore.marked(id, in: tx) }
    func teams(on unit: UniqueID, level: TeamLevel) throws -> [(team: UniqueID, stretches: [TeamStretch])] {
        try TeamStore.teams(on: unit, level: level, in: tx)
    }
    func stays(ofTeam id: UniqueID) throws -> [CommuneStay]? {
        try TeamStore.team(id, in: tx).map { Following.stays(of: $0) }
    }
    func stays(ofHamlet id: UniqueID) throws -> [CommuneStay]? { try HamletStore.hamlet(id, in: tx)?.stays }
    func hamlet(_ key: SourceKey) throws -> (hamlet: Hamlet, rowHash: [UInt8]?)? { try HamletStore.hamlet(key, in: tx) }
    func hamlets(named key: String, in commune: UnitRank) throws -> [Hamlet] {
        try HamletStore.hamlets(named: key, in: commune, in: tx)
    }
    func membership(_ key: SourceKey) throws -> (membership: Membership, mark: ImportMark?)? {
        try MembershipStore.membership(key, in: tx)
    }
    func membership(inTeam id: UniqueID, rowHash: [UInt8]) throws -> Membership? {
        try MembershipStore.membership(inTeam: id, rowHash: rowHash, in: tx)
    }
    func person(_ key: SourceKey) throws -> Person? { try PersonStore.person(key, in: tx) }
    func memberships(ofTeam id: UniqueID) throws -> [Membership] { try MembershipStore.memberships(ofTeam: id, in: tx) }
    func memberships(ofPerson id: UniqueID) throws -> [MembershipRules.OfPerson] {
        try MembershipStore.memberships(ofPerson: id, in: tx)
    }
    func policies(level: TeamLevel) throws -> [CapacityPolicy] { try CapacityStore.all(level: level, in: tx) }

    func taken(_ ids: [String], by kind: SourceKind, in system: String) throws -> Set<String> {
        var taken: Set<String> = []
        try ids.inParts(of: Self.atOnce) { part in
            // As many placeholders each time, so that it is one statement.
            let places = [String](repeating: "?", count: Self.atOnce).joined(separator: ", ")
            let padding = [String](repeating: part.first ?? "", count: Self.atOnce - part.count)
            let found = try tx.query(
                "SELECT external_id FROM \(kind.rawValue) WHERE source_system = ? AND external_id IN (\(places))",
                [.text(system)] + (part + padding).map { .text($0) }
            ) { try $0.text(0) }
            taken.formUnion(found)
        }
        return taken
    }

    private static let atOnce = 250
}

/// The facts as they would be: what a validation has accepted so far, kept in a scratch database, lies over what is
/// stored. So VALIDATE sees the rows before a row just as COMMIT does, and needs no more memory.
struct LayeredFacts: ImportFacts {
    let stored: StoredFacts
    let scratch: StoredFacts

    func team(_ key: SourceKey) throws -> (team: Team, mark: ImportMark?)? {
        try scratch.team(key) ?? stored.team(key)
    }

    func team(id: UniqueID) throws -> (team: Team, mark: ImportMark?)? {
        try scratch.team(id: id) ?? stored.team(id: id)
    }

    func teams(on unit: UniqueID, level: TeamLevel) throws -> [(team: UniqueID, stretches: [TeamStretch])] {
        let accepted = try scratch.teams(on: unit, level: level)
        var result = accepted
        // A stored team that the validation has moved or changed is known by its accepted state only.
        for other in try stored.teams(on: unit, level: level)
        where try TeamStore.team(other.team, in: scratch.tx) == nil {
            result.append(other)
        }
        return result
    }

    func stays(ofTeam id: UniqueID) throws -> [CommuneStay]? {
        try scratch.stays(ofTeam: id) ?? stored.stays(ofTeam: id)
    }

    func stays(ofHamlet id: UniqueID) throws -> [CommuneStay]? {
        try scratch.stays(ofHamlet: id) ?? stored.stays(ofHamlet: id)
    }

    func hamlet(_ key: SourceKey) throws -> (hamlet: Hamlet, rowHash: [UInt8]?)? {
        try scratch.hamlet(key) ?? stored.hamlet(key)
    }

    func hamlets(named key: String, in commune: UnitRank) throws -> [Hamlet] {
        let accepted = try scratch.hamlets(named: key, in: commune)
        return try accepted
            + stored.hamlets(named: key, in: commune).filter { try HamletStore.hamlet($0.id, in: scratch.tx) == nil }
    }

    func membership(_ key: SourceKey) throws -> (membership: Membership, mark: ImportMark?)? {
        try scratch.membership(key) ?? stored.membership(key)
    }

    func membership(inTeam id: UniqueID, rowHash: [UInt8]) throws -> Membership? {
        try scratch.membership(inTeam: id, rowHash: rowHash) ?? stored.membership(inTeam: id, rowHash: rowHash)
    }

    func person(_ key: SourceKey) throws -> Person? { try scratch.person(key) ?? stored.person(key) }

    func memberships(ofTeam id: UniqueID) throws -> [Membership] {
        let accepted = try scratch.memberships(ofTeam: id)
        return try accepted
            + stored.memberships(ofTeam: id).filter {
                try MembershipStore.membership($0.id, in: scratch.tx) == nil
            }
    }

    func memberships(ofPerson id: UniqueID) throws -> [MembershipRules.OfPerson] {
        // The scratch database holds accepted memberships in stored teams too, whose level only the stored rows tell.
        let accepted = try MembershipStore.memberships(ofPersonAlone: id, in: scratch.tx).compactMap { membership in
            let team =
                try TeamStore.team(membership.team, in: scratch.tx) ?? TeamStore.team(membership.team, in: stored.tx)
            return team.map { MembershipRules.OfPerson(membership: membership, level: $0.level) }
        }
        return try accepted
            + stored.memberships(ofPerson: id).filter {
                try MembershipStore.membership($0.membership.id, in: scratch.tx) == nil
            }
    }

    func policies(level: TeamLevel) throws -> [CapacityPolicy] { try stored.policies(level: level) }

    func taken(_ ids: [String], by kind: SourceKind, in system: String) throws -> Set<String> {
        try scratch.taken(ids, by: kind, in: system).union(stored.taken(ids, by: kind, in: system))
    }
}
