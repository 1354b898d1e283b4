import Storage

/// How the values of this folder are stored: dates and months as text that sorts, moments as microseconds since 1970.
extension SQLValue {
    package init(_ value: LocalDate) { self = .text(value.description) }
    package init(_ value: LocalDate?) { self = value.map { .text($0.description) } ?? .null }
    package init(_ value: Month) { self = .text(value.description) }
    package init(_ value: Month?) { self = value.map { .text($0.description) } ?? .null }
    package init(_ value: Instant) { self = .integer(value.microseconds) }
    package init(_ value: Instant?) { self = value.map { .integer($0.microseconds) } ?? .null }
}

extension Row {
    package func date(_ index: Int) throws -> LocalDate {
        guard let date = try withText(index, { LocalDate(utf8: $0) }) else {
            return try value(index, LocalDate.init(_:), "a date")
        }
        return date
    }
    package func dateOrNull(_ index: Int) throws -> LocalDate? { try isNull(index) ? nil : date(index) }
    package func month(_ index: Int) throws -> Month { try value(index, Month.init, "a month") }
    package func instant(_ index: Int) throws -> Instant { Instant(microseconds: try int64(index)) }
    package func instantOrNull(_ index: Int) throws -> Instant? { try isNull(index) ? nil : instant(index) }

    private func value<T>(_ index: Int, _ read: (String) -> T?, _ expected: String) throws -> T {
        let text = try text(index)
        guard let value = read(text) else {
            throw StorageError.misuse("column \(index) holds \"\(text)\", which is not \(expected)")
        }
        return value
    }
}
