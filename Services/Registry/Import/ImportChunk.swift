import ServiceKit
import Shared
import Storage

/// Judges the rows of a chunk one after the other, each seeing what the ones before it did, and does what they ask for.
struct ImportChunk: Sendable {
    let judge: ImportJudge
    let rows: [Cdt_Registry_V1_ImportRow]
    let ids: [ImportJudge.NewIDs]

    struct Result: Sendable {
        var verdicts: [Cdt_Common_V1_RowVerdict] = []
        var counts = ImportCounts()
        var lastRow: Int64 = 0
    }

    /// Stores what is accepted, and how far the import came.
    func commit(to batch: UniqueID, resumed: Bool, recorder: Recorder, by author: Author, in tx: WriteTransaction)
        throws
        -> Result
    {
        let facts = ChunkFacts(StoredFacts(tx: tx))
        let result = try run(facts, stored: true) { effect in
            switch effect {
            case .insertHamlet(let hamlet, let hash): try recorder.insert(hamlet, rowHash: hash, by: author, in: tx)
            case .renameHamlet(let hamlet, let before, let hash):
                try recorder.rename(hamlet, before: before, rowHash: hash, by: author, in: tx)
            case .insertTeam(let team, let mark): try recorder.insert(team, mark: mark, by: author, in: tx)
            case .updateTeam(let team, let before, let mark):
                try recorder.update(team, before: before, mark: mark, by: author, in: tx)
            case .insertPerson(let person): try recorder.insert(person, by: author, in: tx)
            case .updatePerson(let person, let before): try recorder.update(person, before: before, by: author, in: tx)
            case .insertMembership(let membership, let person, let mark):
                try recorder.insert(membership, of: person, mark: mark, by: author, in: tx)
            case .updateMembership(let membership, let before, let person, let mark):
                try recorder.update(membership, before: before, of: person, by: author, in: tx)
                try MembershipStore.mark(membership.id, mark, in: tx)
            case .markMembership(let membership, _, let mark): try MembershipStore.mark(membership.id, mark, in: tx)
            }
        } judged: { verdict in
            switch verdict.outcome {
            case .rejected, .warned: try ImportBatchStore.keep(verdict, of: batch, in: tx)
            default: if resumed { try ImportBatchStore.forget(row: verdict.rowNumber, of: batch, in: tx) }
            }
        }
        try ImportBatchStore.advance(batch, to: result.lastRow, by: result.counts, now: author.now, in: tx)
        return result
    }

    /// Judges only. What would be stored goes to the scratch database, where later rows find it.
    func validate(over stored: ReadTransaction, scratch tx: WriteTransaction) throws -> Result {
        let facts = ChunkFacts(LayeredFacts(stored: StoredFacts(tx: stored), scratch: StoredFacts(tx: tx)))
        return try run(facts, stored: false) {
            try Scratch.put($0, in: tx)
        } judged: { _ in
        }
    }

    private func run(
        _ facts: ChunkFacts<some ImportFacts>, stored: Bool, apply: (ImportEffect) throws -> Void,
        judged: (Cdt_Common_V1_RowVerdict) throws -> Void
    ) throws -> Result {
        var result = Result()
        try facts.prepare(for: rows, system: judge.sourceSystem)
        result.verdicts.reserveCapacity(rows.count)
        for (row, ids) in zip(rows, ids) {
            let judgement = try judge.judge(row, ids: ids, facts: facts)
            if !judgement.isRejected {
                for effect in judgement.effects {
                    try apply(effect)
                    facts.forget(effect)
                }
            }
            let verdict = judgement.verdict(row: row.rowNumber, stored: stored)
            try judged(verdict)
            result.counts.count(verdict.outcome)
            result.verdicts.append(verdict)
            result.lastRow = row.rowNumber
        }
        return result
    }
}

/// Remembers, for one chunk, what rows that follow each other ask for again and again: their team and the policies. And
/// knows which keys nothing has yet: of most rows that is all there is to know, and it is asked for once.
private final class ChunkFacts<Base: ImportFacts>: ImportFacts {
    private let base: Base
    private var teams: [SourceKey: (team: Team, mark: ImportMark?)] = [:]
    private var policies: [TeamLevel: [CapacityPolicy]] = [:]

    private var free: [SourceKind: Set<SourceKey>] = [:]

    init(_ base: Base) { self.base = base }

    func prepare(for rows: [Cdt_Registry_V1_ImportRow], system: String) throws {
        var ids: [SourceKind: Set<String>] = [:]
        for row in rows {
            switch row.row {
            case .team(let team): ids[.team, default: []].insert(team.externalID)
            case .member(let member):
                ids[.membership, default: []].insert(member.externalID)
                ids[.person, default: []].insert(
                    member.personExternalID.isEmpty ? member.externalID : member.personExternalID)
            case .hamlet, nil: break
            }
        }
        for (kind, asked) in ids {
            // Others may be spelt in several ways, or cannot be stored: they are asked for one by one.
            let asked = asked.filter { $0.utf8.allSatisfy { (0x21...0x7E).contains($0) } }
            let free = asked.subtracting(try taken(Array(asked), by: kind, in: system))
            self.free[kind] = Set(free.map { SourceKey(system: system, externalID: $0) })
        }
    }

    private func isFree(_ key: SourceKey, _ kind: SourceKind) -> Bool { free[kind]?.contains(key) ?? false }

    func forget(_ effect: ImportEffect) {
        switch effect {
        case .insertTeam(let team, _), .updateTeam(let team, _, _):
            if let key = team.source {
                teams[key] = nil
                free[.team]?.remove(key)
            }
        case .insertPerson(let person): if let key = person.source { free[.person]?.remove(key) }
        case .insertMembership(let membership, _, _):
            if let key = membership.source { free[.membership]?.remove(key) }
        default: break
        }
    }

    func taken(_ ids: [String], by kind: SourceKind, in system: String) throws -> Set<String> {
        try base.taken(ids, by: kind, in: system)
    }

    func team(_ key: SourceKey) throws -> (team: Team, mark: ImportMark?)? {
        if isFree(key, .team) { return nil }
        if let known = teams[key] { return known }
        let found = try base.team(key)
        teams[key] = found
        return found
    }

    func policies(level: TeamLevel) throws -> [CapacityPolicy] {
        if let known = policies[level] { return known }
        let found = try base.policies(level: level)
        policies[level] = found
        return found
    }

    func teams(on unit: UniqueID, level: TeamLevel) throws -> [(team: UniqueID, stretches: [TeamStretch])] {
        try base.teams(on: unit, level: level)
    }
    func team(id: UniqueID) throws -> (team: Team, mark: ImportMark?)? { try base.team(id: id) }
    func stays(ofTeam id: UniqueID) throws -> [CommuneStay]? { try base.stays(ofTeam: id) }
    func stays(ofHamlet id: UniqueID) throws -> [CommuneStay]? { try base.stays(ofHamlet: id) }
    func hamlet(_ key: SourceKey) throws -> (hamlet: Hamlet, rowHash: [UInt8]?)? { try base.hamlet(key) }
    func hamlets(named key: String, in commune: UnitRank) throws -> [Hamlet] {
        try base.hamlets(named: key, in: commune)
    }
    func membership(_ key: SourceKey) throws -> (membership: Membership, mark: ImportMark?)? {
        isFree(key, .membership) ? nil : try base.membership(key)
    }
    func membership(inTeam id: UniqueID, rowHash: [UInt8]) throws -> Membership? {
        try base.membership(inTeam: id, rowHash: rowHash)
    }
    func person(_ key: SourceKey) throws -> Person? { isFree(key, .person) ? nil : try base.person(key) }
    func memberships(ofTeam id: UniqueID) throws -> [Membership] { try base.memberships(ofTeam: id) }
    func memberships(ofPerson id: UniqueID) throws -> [MembershipRules.OfPerson] { try base.memberships(ofPerson: id) }
}

/// Effects in the scratch database of a validation, which holds only what the validation touched: every effect puts the
/// whole new state.
private enum Scratch {
    static func put(_ effect: ImportEffect, in tx: WriteTransaction) throws {
        switch effect {
        case .insertHamlet(let hamlet, let hash): try put(hamlet, hash, in: tx)
        case .renameHamlet(let hamlet, _, let hash): try put(hamlet, hash, in: tx)
        case .insertTeam(let team, let mark), .updateTeam(let team, _, let mark):
            try tx.execute("DELETE FROM team WHERE id = ?", [SQLValue(team.id)])
            try tx.execute("DELETE FROM team_stretch WHERE team_id = ?", [SQLValue(team.id)])
            try TeamStore.insert(team, mark: mark, in: tx)
        case .insertPerson(let person), .updatePerson(let person, _):
            try tx.execute("DELETE FROM person WHERE id = ?", [SQLValue(person.id)])
            try PersonStore.insert(person, in: tx)
        case .insertMembership(let membership, _, let mark), .updateMembership(let membership, _, _, let mark),
            .markMembership(let membership, _, let mark):
            try tx.execute("DELETE FROM membership WHERE id = ?", [SQLValue(membership.id)])
            try MembershipStore.insert(membership, mark: mark, in: tx)
        }
    }

    private static func put(_ hamlet: Hamlet, _ hash: [UInt8]?, in tx: WriteTransaction) throws {
        try tx.execute("DELETE FROM hamlet WHERE id = ?", [SQLValue(hamlet.id)])
        try tx.execute("DELETE FROM hamlet_stay WHERE hamlet_id = ?", [SQLValue(hamlet.id)])
        try HamletStore.insert(hamlet, rowHash: hash, in: tx)
    }
}
