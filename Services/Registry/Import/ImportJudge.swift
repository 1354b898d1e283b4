import Crypto
import ServiceKit
import Shared
import SwiftProtobuf

/// Judges rows: the same judgement in VALIDATE and COMMIT, from the row and the facts alone. It writes nothing.
struct ImportJudge {
    let units: UnitIndex
    let sourceSystem: String
    /// The day on which commune codes are read.
    let codeDate: LocalDate
    let now: Instant
    let batchKey: Int64
    /// Where the caller may import; nil: everywhere.
    let reach: Reach?

    /// Ids for what a row may create, made before the transaction.
    struct NewIDs: Sendable {
        var first: UniqueID
        var second: UniqueID
        /// For a new person.
        var salt: [UInt8]
    }

    func judge(_ row: Cdt_Registry_V1_ImportRow, ids: NewIDs, facts: some ImportFacts) throws -> RowJudgement {
        switch row.row {
        case .hamlet(let hamlet): try judge(hamlet, ids: ids, facts: facts)
        case .team(let team): try judge(team, number: row.rowNumber, ids: ids, facts: facts)
        case .member(let member): try judge(member, number: row.rowNumber, ids: ids, facts: facts)
        case nil: .rejected([Problem(.rowEmpty, "row")])
        }
    }

    // MARK: What the kinds of rows have in common

    func key(_ externalID: String) -> SourceKey { SourceKey(system: sourceSystem, externalID: externalID) }

    /// Hash of what a row says. The meaning of a code depends on the day, so the unit it named is hashed as well.
    static func hash(_ row: some Message, unit: UniqueID? = nil) throws -> [UInt8] {
        let bytes: [UInt8] = try row.serializedBytes()
        var hash = SHA256()
        hash.update(data: bytes)
        if let unit { hash.update(data: unit.bytes) }
        return Array(hash.finalize().prefix(16))
    }

    func externalID(_ text: String, _ field: String, _ fields: inout PersonFields) -> String? {
        fields.line(text, field, limit: 200)
    }

    /// The commune a code means on the import's day.
    func commune(_ code: String, _ field: String, _ fields: inout PersonFields) -> UnitRank? {
        guard !code.isEmpty else {
            fields.add(Problem(.fieldMissing, field))
            return nil
        }
        guard code.utf8.count == 5, code.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else {
            fields.add(Problem(.invalidCode, field, ["value": PersonFields.shown(code)]))
            return nil
        }
        switch units.resolve(code: code, on: codeDate) {
        case .unit(let rank): return rank
        case .notInForce(let last):
            fields.add(Problem(.codeNotInForce, field, units.lastValidity(code: code, last, on: codeDate)))
        case .unknown: fields.add(Problem(.codeUnknown, field, ["value": code]))
        }
        return nil
    }

    // MARK: What the caller may import

    /// "It covers … every import": why a row is not the caller's to import. What is there already is not told of.
    func outside(_ commune: UnitRank?, _ code: String, _ field: String) -> Problem? {
        guard let reach, let commune, !reach.allows(.importRows, on: commune, date: codeDate) else { return nil }
        return Problem(.outsideGrant, field, ["value": code])
    }

    func outside(_ stays: [CommuneStay]?, _ key: String, _ field: String) -> Problem? {
        guard let reach, let stays, !reach.allows(.importRows, at: stays, date: codeDate) else { return nil }
        return Problem(.outsideGrant, field, ["value": PersonFields.shown(key)])
    }

    /// A person who is known already is the caller's if one of their places is.
    func outside(_ person: Person, _ key: String, _ field: String, facts: some ImportFacts) throws -> Problem? {
        guard let reach else { return nil }
        for membership in try facts.memberships(ofPerson: person.id) {
            guard let stays = try facts.stays(ofTeam: membership.membership.team) else { continue }
            if reach.allows(.importRows, at: stays, date: codeDate) { return nil }
        }
        for id in [person.residenceUnit, person.workUnit].compactMap(\.self) {
            if let unit = units.rank(of: id) {
                if reach.allows(.importRows, on: unit, date: codeDate) { return nil }
            } else if let stays = try facts.stays(ofHamlet: id), reach.allows(.importRows, at: stays, date: codeDate) {
                return nil
            }
        }
        return Problem(.outsideGrant, field, ["value": PersonFields.shown(key)])
    }

    /// A row with the external id of another row of this import, and other values.
    func repeated(_ mark: ImportMark?, number: Int64, field: String) -> Problem? {
        guard let mark, mark.batchKey == batchKey, mark.rowNumber != number else { return nil }
        return Problem(.externalIDRepeated, field, ["row": String(mark.rowNumber)])
    }
}

extension UnitIndex {
    /// What to say of a code that names nothing on a day.
    func lastValidity(code: String, _ last: UnitRank, on date: LocalDate) -> [String: String?] {
        [
            "value": code, "date": date.description, "lastName": self[last].name,
            "lastUnit": self[last].id.unitName,
            "lastValidFrom": self[last].validity.from?.description,
            "lastValidTo": self[last].validity.to?.description,
        ]
    }
}
