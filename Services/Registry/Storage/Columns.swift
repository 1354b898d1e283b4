import ServiceKit
import Storage

/// The Registry's types as columns. Ids are blobs here, sixteen bytes each, for there are millions.
extension SQLValue {
    package init(_ id: UniqueID) { self = .blob(id.bytes) }
    package init(_ id: UniqueID?) { self = id.map { .blob($0.bytes) } ?? .null }
}

extension DateRange {
    /// First column of the stored, half-open form.
    package var storedFrom: SQLValue { SQLValue(from ?? .distantPast) }
    /// Second column: the first day after.
    package var storedTo: SQLValue { SQLValue(exclusiveEnd ?? .distantFuture) }
}

extension Row {
    package func id(_ index: Int) throws -> UniqueID {
        guard let id = try withBlob(index, { UniqueID(bytes: $0) }) else {
            throw StorageError.misuse("column \(index) is no id")
        }
        return id
    }

    package func idOrNull(_ index: Int) throws -> UniqueID? { try isNull(index) ? nil : id(index) }

    /// The interval in two neighbouring columns.
    package func range(_ index: Int) throws -> DateRange {
        let from = try date(index)
        let end = try date(index + 1)
        return DateRange(from: from == .distantPast ? nil : from, exclusiveEnd: end == .distantFuture ? nil : end)
    }

    package func source(_ index: Int) throws -> SourceKey? {
        guard let system = try textOrNull(index), let externalID = try textOrNull(index + 1) else { return nil }
        return SourceKey(system: system, externalID: externalID)
    }

    /// Values kept in one column, one a line; none of them holds a line break.
    package func lines(_ index: Int) throws -> [String] {
        try text(index).split(separator: "\n").map(String.init)
    }

    package func value<Value: RawRepresentable<Int>>(_ index: Int, _ type: Value.Type) throws -> Value {
        let raw = try int(index)
        guard let value = Value(rawValue: raw) else {
            throw StorageError.misuse("column \(index) is no \(type): \(raw)")
        }
        return value
    }
}

/// Six columns that hold a legal document; the first is NULL without one.
extension Document {
    static func columns(_ document: Document?) -> [SQLValue] {
        guard let document else { return [.null, .null, .null, .null, .null, .null] }
        return [
            .text(document.number), .text(document.title), .text(document.issuer), SQLValue(document.issuedOn),
            document.effective.storedFrom, document.effective.storedTo,
        ]
    }

    static func read(_ row: Row, _ index: Int) throws -> Document? {
        guard let number = try row.textOrNull(index) else { return nil }
        return Document(
            number: number, title: try row.text(index + 1), issuer: try row.text(index + 2),
            issuedOn: try row.dateOrNull(index + 3), effective: try row.range(index + 4))
    }
}
