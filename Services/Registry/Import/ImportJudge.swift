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
            "value": code, "date": date.description, "lastName": units[last].name,
            "lastUnit": units[last].id.unitName,
            "lastValidFrom": units[last].validity.from?.description,
            "lastValidTo": units[last].validity.to?.description,
        ]
    }
}
