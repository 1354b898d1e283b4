/// A statement of the common SQL subset as PostgreSQL reads it.
///
/// What differs between the engines is bridged here and nowhere else: `?` becomes `$1`, `$2` … and `?1`, which may
/// stand in several places, `$1`, numbered as SQLite numbers them; `BLOB` is `BYTEA`, `INTEGER` and `REAL` get the 64
/// bits they have in SQLite; columns of text compare and sort by their bytes, as SQLite's BINARY does, whatever the
/// database's locale; `WITHOUT ROWID` is SQLite's own.
struct PostgresSQL: Sendable, Hashable {
    /// What stands before, between and after the placeholders.
    private var parts: [String]
    /// The value that each placeholder stands for, counted from one.
    private let numbers: [Int]
    /// How many values are to be bound.
    let placeholders: Int
    /// The first word in upper case.
    var verb = ""
    /// It may be read through a cursor: it returns rows and changes nothing.
    var isQuery = false
    /// It inserts, updates or deletes.
    var changesData = false
    /// The table, if it does nothing but insert a row of placeholders.
    private(set) var insertedInto: String?
    /// All words in lower case, among them the names of its tables.
    private var words: Set<String> = []
    private var hasQuotedNames = false
    /// Nothing but blanks and comments.
    var isEmpty: Bool { verb.isEmpty }

    init(_ sql: String) {
        var scanner = Scanner(sql)
        scanner.scan()
        parts = scanner.parts + [String(decoding: scanner.output, as: UTF8.self)]
        numbers = scanner.numbers
        placeholders = numbers.max() ?? 0
        verb = scanner.verb
        changesData = scanner.changesData
        isQuery = ["SELECT", "VALUES", "WITH"].contains(verb) && !changesData && !scanner.locksRows
        words = scanner.words
        hasQuotedNames = scanner.hasQuotedNames
        insertedInto = plainInsert()
    }

    /// INSERT INTO t (…) VALUES (?, …): nothing else in the row, and nothing after it.
    private func plainInsert() -> String? {
        guard verb == "INSERT", placeholders > 0, numbers == Array(1...placeholders), !hasQuotedNames,
            parts.dropFirst().dropLast().allSatisfy({ $0.filter { !$0.isWhitespace } == "," }),
            parts[placeholders].filter({ !$0.isWhitespace }) == ")"
        else { return nil }
        let head = parts[0].split { $0.isWhitespace || $0 == "(" }.map { $0.lowercased() }
        guard head.count > 3, head[1] == "into", head.last == "values", !words.contains("select") else { return nil }
        return head[2]
    }

    /// The text of a plain INSERT with so many rows in place of one; placeholders are `?` again.
    func inserting(rows: Int) -> String {
        let row = "(" + [String](repeating: "?", count: placeholders).joined(separator: ", ") + ")"
        let head = parts[0].lastIndex(of: "(").map { parts[0][..<$0] } ?? ""
        return head + [String](repeating: row, count: rows).joined(separator: ", ")
    }

    /// Whether it may read or change a table.
    func names(_ table: String) -> Bool { hasQuotedNames || words.contains(table) }

    var text: String { text(types: []) }

    /// The text for values of these types. A value that is text compares by its bytes too, also where no column says
    /// so.
    func text(types: [UInt32]) -> String {
        var text = parts[0]
        for (number, part) in zip(numbers, parts.dropFirst()) {
            let isText = number <= types.count && types[number - 1] == PostgresValue.text
            text += isText ? "($\(number) COLLATE \"C\")" : "$\(number)"
            text += part
        }
        return text
    }

    private struct Scanner {
        private let input: [UInt8]
        private var index = 0
        private(set) var output: [UInt8] = []
        private(set) var parts: [String] = []
        private(set) var numbers: [Int] = []
        private(set) var verb = ""
        private(set) var changesData = false
        private(set) var locksRows = false
        private(set) var words: Set<String> = []
        private(set) var hasQuotedNames = false
        /// The word before this one, in upper case; empty after anything else but blanks.
        private var previous = ""
        /// Inside CREATE TABLE or ALTER TABLE, where a type follows a column's name.
        private var isDefinition = false
        /// The first word of the statement that runs, of several in a script.
        private var statementVerb = ""

        init(_ sql: String) {
            input = Array(sql.utf8)
            output.reserveCapacity(input.count + 32)
        }

        mutating func scan() {
            while index < input.count {
                switch input[index] {
                case UInt8(ascii: "'"), UInt8(ascii: "\""): quoted()
                case UInt8(ascii: "-") where next == UInt8(ascii: "-"): lineComment()
                case UInt8(ascii: "/") where next == UInt8(ascii: "*"): blockComment()
                case UInt8(ascii: "?"): placeholder()
                case let byte where byte.isBlank:
                    output.append(byte)
                    index += 1
                case let byte where byte.startsWord: word()
                case UInt8(ascii: ";"):
                    statementVerb = ""
                    isDefinition = false
                    symbol()
                default: symbol()
                }
            }
        }

        private var next: UInt8? { index + 1 < input.count ? input[index + 1] : nil }

        private mutating func symbol() {
            output.append(input[index])
            index += 1
            previous = ""
        }

        /// `?` is the value after the highest so far, `?3` the third.
        private mutating func placeholder() {
            parts.append(String(decoding: output, as: UTF8.self))
            output.removeAll(keepingCapacity: true)
            let digits = input[(index + 1)...].prefix { $0.isDigit }
            numbers.append(Int(String(decoding: digits, as: UTF8.self)) ?? (numbers.max() ?? 0) + 1)
            index += 1 + digits.count
            previous = ""
        }

        private mutating func quoted() {
            let mark = input[index]
            repeat {
                output.append(input[index])
                index += 1
            } while index < input.count && input[index] != mark
            if index < input.count { symbol() }
            // A name in quotes is a name; a text is not.
            previous = mark == UInt8(ascii: "\"") ? "\"" : ""
            if mark == UInt8(ascii: "\"") { hasQuotedNames = true }
        }

        private mutating func lineComment() {
            while index < input.count, input[index] != UInt8(ascii: "\n") { index += 1 }
        }

        private mutating func blockComment() {
            index += 2
            while index < input.count, !(input[index] == UInt8(ascii: "*") && next == UInt8(ascii: "/")) { index += 1 }
            index = min(index + 2, input.count)
            output.append(UInt8(ascii: " "))
        }

        private mutating func word() {
            let start = index
            while index < input.count, input[index].continuesWord { index += 1 }
            let bytes = input[start..<index]
            let upper = String(decoding: bytes, as: UTF8.self).uppercased()
            if upper == "X", index < input.count, input[index] == UInt8(ascii: "'") { return blobLiteral() }
            note(upper)
            words.insert(upper.lowercased())
            if upper == "WITHOUT", isDefinition, skipped("ROWID") {
                previous = ""
                return
            }
            output += replacement(upper).map { Array($0.utf8) } ?? Array(bytes)
            previous = upper
        }

        private mutating func note(_ word: String) {
            if verb.isEmpty { verb = word }
            if statementVerb.isEmpty { statementVerb = word }
            if word == "TABLE", ["CREATE", "ALTER"].contains(statementVerb) { isDefinition = true }
            if ["INSERT", "UPDATE", "DELETE"].contains(word) {
                if previous == "FOR" { locksRows = true } else { changesData = true }
            }
        }

        private func replacement(_ word: String) -> String? {
            switch word {
            case "BLOB": "BYTEA"
            case "INTEGER": "BIGINT"
            case "REAL": "DOUBLE PRECISION"
            // In a column's definition, but not as the target of CAST (… AS TEXT).
            case "TEXT" where isDefinition && !previous.isEmpty && previous != "AS": "TEXT COLLATE \"C\""
            default: nil
            }
        }

        /// Passes over the next word if it is this one.
        private mutating func skipped(_ expected: String) -> Bool {
            var end = index
            while end < input.count, input[end].isBlank { end += 1 }
            let start = end
            while end < input.count, input[end].continuesWord { end += 1 }
            guard String(decoding: input[start..<end], as: UTF8.self).uppercased() == expected else { return false }
            index = end
            return true
        }

        /// x'0aff' is '\x0aff'::bytea.
        private mutating func blobLiteral() {
            index += 1
            output += "'\\x".utf8
            while index < input.count, input[index] != UInt8(ascii: "'") {
                output.append(input[index])
                index += 1
            }
            index += 1
            output += "'::bytea".utf8
            previous = ""
        }
    }
}

extension UInt8 {
    fileprivate var isBlank: Bool { self == 32 || (9...13).contains(self) }
    fileprivate var isDigit: Bool { (48...57).contains(self) }
    fileprivate var startsWord: Bool {
        (65...90).contains(self) || (97...122).contains(self) || self == UInt8(ascii: "_") || self >= 0x80
    }
    fileprivate var continuesWord: Bool { startsWord || isDigit || self == UInt8(ascii: "$") }
}
