/// Collects every violation of a request before refusing it: "BadRequest with all violations", not the first.
///
/// ```swift
/// var check = Violations()
/// let from = check.date(request.from, "from")
/// let id = check.name(request.team, of: "teams", "team")
/// try check.refuse()
/// ```
/// The readers give nil when they noted a violation; `refuse()` then throws, so what follows may rely on the values.
package struct Violations: Sendable {
    package private(set) var all: [ServiceError.FieldViolation] = []

    package init() {}

    package var isEmpty: Bool { all.isEmpty }

    /// Throws INVALID_ARGUMENT with everything noted, if anything was.
    package func refuse() throws(ServiceError) {
        if !all.isEmpty { throw ServiceError.invalid(all) }
    }

    package mutating func add(_ field: String, reason: String = "INVALID_FIELD", _ description: String, vi: String) {
        all.append(
            ServiceError.FieldViolation(field: field, reason: reason, description: description, descriptionVi: vi))
    }

    package mutating func require(
        _ condition: Bool, _ field: String, reason: String = "INVALID_FIELD", _ description: @autoclosure () -> String,
        vi: @autoclosure () -> String
    ) {
        if !condition { add(field, reason: reason, description(), vi: vi()) }
    }

    package mutating func missing(_ field: String) {
        add(field, reason: "REQUIRED", "is required", vi: "là bắt buộc")
    }
}

/// Readers of the kinds of fields that the contract has.
extension Violations {
    /// A date; empty is a violation unless `required` is false.
    package mutating func date(_ text: String, _ field: String, required: Bool = true) -> LocalDate? {
        if text.isEmpty {
            if required { missing(field) }
            return nil
        }
        guard let date = LocalDate(text) else {
            add(
                field, reason: "INVALID_DATE",
                "\"\(Self.shown(text))\" is not a date; write YYYY-MM-DD, for example 2024-10-31",
                vi: "\"\(Self.shown(text))\" không phải là ngày; hãy viết YYYY-MM-DD, ví dụ 2024-10-31")
            return nil
        }
        return date
    }

    package mutating func month(_ text: String, _ field: String, required: Bool = true) -> Month? {
        if text.isEmpty {
            if required { missing(field) }
            return nil
        }
        guard let month = Month(text) else {
            add(
                field, reason: "INVALID_MONTH",
                "\"\(Self.shown(text))\" is not a month; write YYYY-MM, for example 2024-10",
                vi: "\"\(Self.shown(text))\" không phải là tháng; hãy viết YYYY-MM, ví dụ 2024-10")
            return nil
        }
        return month
    }

    /// An interval, both ends included; an empty end is open.
    package mutating func range(
        _ from: String, _ fromField: String, _ to: String, _ toField: String, fromRequired: Bool = false
    ) -> DateRange {
        let range = DateRange(
            from: date(from, fromField, required: fromRequired), to: date(to, toField, required: false))
        if let first = range.from, let last = range.to, last < first {
            add(
                toField, reason: "INVALID_INTERVAL", "\(last) is before \(fromField) (\(first))",
                vi: "\(last) sớm hơn \(fromField) (\(first))")
        }
        return range
    }

    /// Text that must be there and must not be longer than `max` characters; blanks at its ends are cut off.
    package mutating func text(_ text: String, _ field: String, max: Int = 500, required: Bool = true) -> String {
        let trimmed = String(text.drop(while: \.isWhitespace).reversed().drop(while: \.isWhitespace).reversed())
        if required, trimmed.isEmpty { missing(field) }
        if trimmed.unicodeScalars.count > max {
            add(
                field, reason: "TOO_LONG", "is longer than \(max) characters", vi: "dài hơn \(max) ký tự")
        }
        if trimmed.unicodeScalars.contains(where: { $0.value < 0x20 && $0 != "\n" && $0 != "\t" || $0.value == 0x7F }) {
            add(field, reason: "CONTROL_CHARACTER", "holds a control character", vi: "chứa ký tự điều khiển")
        }
        return trimmed
    }

    /// The id in a resource name `collection/{id}`.
    package mutating func name(_ text: String, of collection: String, _ field: String, required: Bool = true) -> String?
    {
        if text.isEmpty {
            if required { missing(field) }
            return nil
        }
        guard let id = ResourceName.id(text, in: collection) else {
            add(
                field, reason: "INVALID_NAME", "\"\(Self.shown(text))\" is not a name of the form \(collection)/{id}",
                vi: "\"\(Self.shown(text))\" không có dạng \(collection)/{id}")
            return nil
        }
        return id
    }

    /// A UUID; empty is allowed unless `required`.
    package mutating func uuid(_ text: String, _ field: String, required: Bool = false) -> UniqueID? {
        if text.isEmpty {
            if required { missing(field) }
            return nil
        }
        guard let id = UniqueID(text) else {
            add(
                field, reason: "INVALID_UUID",
                "\"\(Self.shown(text))\" is not a UUID, for example 0192d3a4-5b6c-7def-8123-456789abcdef",
                vi: "\"\(Self.shown(text))\" không phải là UUID, ví dụ 0192d3a4-5b6c-7def-8123-456789abcdef")
            return nil
        }
        return id
    }

    /// What was sent, short enough for a message.
    private static func shown(_ text: String) -> String { text.count > 60 ? text.prefix(60) + "…" : text }
}

/// Names of resources: `teams/{id}`, `teams/{id}/memberships/{id}`.
package enum ResourceName {
    /// The id of `collection/{id}`, nil unless the text is exactly that. Ids are letters, digits, `-`, `_` and `.`.
    package static func id(_ name: String, in collection: String) -> String? {
        withID(name, in: collection) { isID($0) ? String(decoding: $0, as: UTF8.self) : nil }
    }

    /// The same where ids are UUIDs.
    package static func uniqueID(_ name: String, in collection: String) -> UniqueID? {
        withID(name, in: collection) { UniqueID(utf8: $0) }
    }

    /// What stands after `collection/`.
    private static func withID<ID>(
        _ name: String, in collection: String, _ body: (Slice<UnsafeBufferPointer<UInt8>>) -> ID?
    ) -> ID? {
        var name = name
        return name.withUTF8 { bytes in
            let length = collection.utf8.count
            guard bytes.count > length, bytes[length] == UInt8(ascii: "/"), bytes.starts(with: collection.utf8) else {
                return nil
            }
            return body(bytes[(length + 1)...])
        }
    }

    /// The two ids of `outer/{id}/inner/{id}`.
    package static func ids(_ name: String, in outer: String, _ inner: String) -> (outer: String, inner: String)? {
        let parts = name.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 4, parts[0] == outer, parts[2] == inner, isID(parts[1].utf8), isID(parts[3].utf8) else {
            return nil
        }
        return (String(parts[1]), String(parts[3]))
    }

    /// The last id of a name, whatever the collections: `teams/{t}/memberships/{m}` gives `{m}`.
    package static func lastID(_ name: String) -> String {
        guard let slash = name.utf8.lastIndex(of: UInt8(ascii: "/")) else { return name }
        return String(name[name.utf8.index(after: slash)...])
    }

    private static func isID(_ text: some Collection<UInt8>) -> Bool {
        !text.isEmpty && text.count <= 128
            && text.allSatisfy {
                switch $0 {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."):
                    true
                default: false
                }
            }
    }
}
