import RPC
import ServiceKit
import Shared
import Storage
import SwiftProtobuf

extension Cdt_Registry_V1_ListUnitsRequest: PagedRequest {}
extension Cdt_Registry_V1_SearchUnitsRequest: PagedRequest {}
extension Cdt_Registry_V1_ListTeamsRequest: PagedRequest {}
extension Cdt_Registry_V1_ListMembershipsRequest: PagedRequest {}
extension Cdt_Registry_V1_ListCapacityPoliciesRequest: PagedRequest {}
extension Cdt_Registry_V1_ListImportProblemsRequest: PagedRequest {}
extension Cdt_Registry_V1_ListReorganisationsRequest: PagedRequest {}
extension Cdt_Registry_V1_ListReorganisationLinesRequest: PagedRequest {}
extension Cdt_Registry_V1_ListAuditEntriesRequest: PagedRequest {}
extension Cdt_Registry_V1_ListDuplicatesRequest: PagedRequest {}
extension Cdt_Registry_V1_ListGrantsRequest: PagedRequest {}
extension Cdt_Registry_V1_ListAgenciesRequest: PagedRequest {}
extension Cdt_Registry_V1_ListMilestonesRequest: PagedRequest {}
extension Cdt_Registry_V1_ListFiguresRequest: PagedRequest {}

/// The day a request is about. "A code without a date means today, and the reply says so."
struct AskedDay: Sendable, Hashable {
    var date: LocalDate
    var isDefault: Bool

    var text: String { date.description }
}

/// A unit of a request: with a national code, or a hamlet.
enum AskedUnit: Sendable, Hashable {
    case coded(UnitRank)
    case hamlet(UniqueID)
}

/// Reads the fields that requests have in common; problems are collected, and refused together.
struct RequestReader {
    var fields = PersonFields()
    let units: UnitIndex
    let today: LocalDate

    init(_ core: RegistryCore) {
        units = core.units
        today = core.clock.today
    }

    mutating func day(_ text: String, _ field: String = "date") -> AskedDay {
        let date = fields.date(text, field)
        return AskedDay(date: date ?? today, isDefault: text.isEmpty)
    }

    mutating func id(_ name: String, of collection: String, _ field: String) -> UniqueID? {
        guard !name.isEmpty else {
            fields.add(Problem(.fieldMissing, field))
            return nil
        }
        guard let id = ResourceName.uniqueID(name, in: collection) else {
            fields.add(
                Problem(
                    .invalidName, field, ["value": PersonFields.shown(name), "expected": "\(collection)/{id}"]))
            return nil
        }
        return id
    }

    /// `units/{id}` or `units/vn`; any other id is taken for a hamlet's.
    mutating func unit(_ name: String, _ field: String) -> AskedUnit? {
        if name == "units/vn" { return .coded(UnitIndex.nation) }
        guard let id = id(name, of: "units", field) else { return nil }
        return units.rank(of: id).map(AskedUnit.coded) ?? .hamlet(id)
    }

    /// A unit with a national code; empty: the nation.
    mutating func coded(_ name: String, _ field: String) -> UnitRank? {
        if name.isEmpty { return UnitIndex.nation }
        guard let unit = unit(name, field) else { return nil }
        guard case .coded(let rank) = unit else {
            fields.add(Problem(.unitNotFound, field, ["value": PersonFields.shown(name)]))
            return nil
        }
        return rank
    }

    mutating func source(_ key: Cdt_Registry_V1_SourceKey, _ field: String) -> SourceKey? {
        if !ImportHeader.isSystemName(key.sourceSystem) {
            fields.add(
                Problem(.invalidSource, "\(field).source_system", ["value": PersonFields.shown(key.sourceSystem)]))
        }
        guard let externalID = fields.line(key.externalID, "\(field).external_id", limit: 200), fields.problems.isEmpty
        else { return nil }
        return SourceKey(system: key.sourceSystem, externalID: externalID)
    }

    /// The source fields of a resource: both or none.
    mutating func source(_ system: String, _ externalID: String, _ field: String) -> SourceKey? {
        if system.isEmpty, externalID.isEmpty { return nil }
        return source(
            .with {
                $0.sourceSystem = system
                $0.externalID = externalID
            }, field)
    }

    mutating func level(_ level: Cdt_Common_V1_TeamLevel, _ field: String) -> TeamLevel? {
        value(level.rawValue, TeamLevel.self, field)
    }

    /// An enum of the contract that must be given.
    mutating func value<Value: RawRepresentable<Int>>(_ raw: Int, _ type: Value.Type, _ field: String) -> Value? {
        if let value = Value(rawValue: raw) { return value }
        fields.add(raw == 0 ? Problem(.fieldMissing, field) : Problem(.unknownValue, field, ["value": String(raw)]))
        return nil
    }

    /// Throws INVALID_ARGUMENT, or the first other problem, if there is any.
    func refuse() throws { if !fields.problems.isEmpty { throw Refusal(fields.problems).error } }
}

extension RegistryCore {
    func page(_ request: some PagedRequest, _ caller: Caller) throws -> PageTokens.Page {
        try tokens.page(of: request, caller.method, size: 100, maximum: 1000)
    }

    /// Runs a write once per request id. A refusal is a value; nothing of it is kept.
    func write<Reply: Message>(
        _ requestID: String, of request: some Message, by caller: Caller,
        _ body: @escaping @Sendable (WriteTransaction, Author) throws -> Result<Reply, ServiceError>
    ) async throws -> Reply {
        let key = try caller.key(requestID, of: request)
        let author = caller.author(requestID: requestID, now: clock.now)
        return try await writeOnUnits { tx in
            try RequestIDs.once(key, in: tx, now: author.now) { try body(tx, author) }
        }.get()
    }
}
