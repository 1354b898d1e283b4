import Foundation

/// What is wrong with the input, and where.
struct Refusal: Error, CustomStringConvertible {
    let description: String
}

/// The rows of a CSV file (RFC 4180), by the titles in its first line.
struct CSVFile {
    /// One row.
    struct Row {
        /// File and line, for people.
        let place: String
        fileprivate let fields: [String: String]

        /// The field of a column.
        subscript(column: String) -> String {
            get throws {
                guard let field = fields[column] else { throw Refusal(description: "\(place): no column \(column)") }
                return field
            }
        }

        /// What the word in a column stands for.
        func meaning<Value>(_ column: String, of words: [String: Value]) throws -> Value {
            let word = try self[column]
            guard let value = words[word] else {
                let known = words.keys.sorted().joined(separator: ", ")
                throw Refusal(description: "\(place): \(column) is \"\(word)\"; known are \(known)")
            }
            return value
        }

        /// The number in a column.
        func number(_ column: String) throws -> Int64 {
            guard let number = Int64(try self[column]) else {
                throw Refusal(description: "\(place): \(column) is not a number")
            }
            return number
        }
    }

    let rows: [Row]

    init(_ path: String) throws {
        let text = try String(contentsOfFile: path, encoding: .utf8)
        let name = URL(fileURLWithPath: path).lastPathComponent
        var records = Self.records(text.hasPrefix("\u{feff}") ? text.dropFirst() : text[...])[...]
        guard let titles = records.popFirst()?.fields else { throw Refusal(description: "\(name) is empty") }
        rows = records.map { record in
            let fields = Dictionary(zip(titles, record.fields), uniquingKeysWith: { first, _ in first })
            return Row(place: "\(name):\(record.line)", fields: fields)
        }
    }

    /// The records, each with the line it ends on.
    private static func records(_ text: Substring) -> [(line: Int, fields: [String])] {
        var records: [(line: Int, fields: [String])] = []
        var fields: [String] = []
        var field = ""
        var isQuoted = false
        var line = 1
        var before: Character?
        for character in text {
            // Swift takes both bytes of CR LF for one character.
            let isEnd = character == "\n" || character == "\r\n"
            if character == "\"" {
                // Two inside quotes are one.
                if !isQuoted && before == "\"" { field.append(character) }
                isQuoted.toggle()
            } else if character == "," && !isQuoted {
                fields.append(field)
                field = ""
            } else if isEnd && !isQuoted {
                records.append((line, fields + [field]))
                (fields, field) = ([], "")
            } else {
                field.append(character)
            }
            if isEnd { line += 1 }
            before = character
        }
        if !field.isEmpty || !fields.isEmpty { records.append((line, fields + [field])) }
        return records
    }
}
