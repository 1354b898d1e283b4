import Foundation

/// What is wrong with a CSV file, in words that name the file, the line and the remedy.
package struct CSVError: Error, CustomStringConvertible, Equatable {
    package let file: String
    package let line: Int
    package let problem: String

    package var description: String { "\(file), line \(line): \(problem)" }
}

/// A CSV file by RFC 4180 with a header line: UTF-8, LF or CRLF, fields in double quotes where they need them.
package struct CSVDocument: Sendable {
    /// One record after the header, with the line it began on.
    package struct Record: Sendable {
        package let line: Int
        package let fields: [String]
    }

    package let file: String
    package let header: [String]
    private let columns: [String: Int]
    private let bytes: [UInt8]
    private let start: Int
    private let startLine: Int

    package init(contentsOf url: URL) throws {
        try self.init([UInt8](Data(contentsOf: url, options: .mappedIfSafe)), file: url.lastPathComponent)
    }

    package init(_ bytes: [UInt8], file: String) throws {
        var parser = CSVParser(bytes: bytes, position: bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? 3 : 0, line: 1)
        guard let header = try parser.next(file: file) else {
            throw CSVError(file: file, line: 1, problem: "the file is empty; the first line must name the columns")
        }
        self.file = file
        self.header = header.fields
        self.columns = Dictionary(
            header.fields.enumerated().map { ($1, $0) }, uniquingKeysWith: { first, _ in first })
        self.bytes = bytes
        self.start = parser.position
        self.startLine = parser.line
    }

    /// Position of a column that must be there.
    package func column(_ name: String) throws -> Int {
        guard let index = columns[name] else {
            let known = header.joined(separator: ", ")
            throw CSVError(file: file, line: 1, problem: "column \(name) is missing; the columns are \(known)")
        }
        return index
    }

    /// Position of a column that may be absent.
    package func optionalColumn(_ name: String) -> Int? { columns[name] }

    /// Reads one record after another.
    package struct Cursor {
        private let document: CSVDocument
        private var parser: CSVParser

        fileprivate init(_ document: CSVDocument) {
            self.document = document
            parser = CSVParser(bytes: document.bytes, position: document.start, line: document.startLine)
        }

        /// The next record; nil at the end. One with another number of fields than the header is an error.
        package mutating func next() throws -> Record? {
            guard let record = try parser.next(file: document.file) else { return nil }
            guard record.fields.count == document.header.count else {
                throw CSVError(
                    file: document.file, line: record.line,
                    problem: "\(record.fields.count) fields where the header has \(document.header.count)")
            }
            return record
        }
    }

    package func cursor() -> Cursor { Cursor(self) }

    /// Calls `body` for each record in order.
    package func eachRecord(_ body: (Record) throws -> Void) throws {
        var cursor = cursor()
        while let record = try cursor.next() { try body(record) }
    }

    /// Number of lines after the header, which is the number of records unless fields hold line ends: good enough for
    /// a progress bar.
    package var lineCount: Int {
        bytes.withUnsafeBufferPointer { buffer in
            buffer.dropFirst(start).count { $0 == UInt8(ascii: "\n") }
        }
    }

    /// All records; for files that are small or needed whole.
    package func records() throws -> [Record] {
        var all: [Record] = []
        try eachRecord { all.append($0) }
        return all
    }
}

/// Reads one record after another from bytes.
private struct CSVParser {
    let bytes: [UInt8]
    var position: Int
    var line: Int

    /// The next record; nil at the end. Blank lines are skipped.
    mutating func next(file: String) throws -> CSVDocument.Record? {
        while position < bytes.count, bytes[position] == .lineFeed || bytes[position] == .carriageReturn {
            if bytes[position] == .lineFeed { line += 1 }
            position += 1
        }
        guard position < bytes.count else { return nil }
        let first = line
        var fields: [String] = []
        while true {
            fields.append(try field(file: file))
            guard position < bytes.count else { break }
            let separator = bytes[position]
            position += 1
            if separator == .comma {
                if position == bytes.count { fields.append("") }
                if position == bytes.count { break }
                continue
            }
            if separator == .carriageReturn, position < bytes.count, bytes[position] == .lineFeed { position += 1 }
            line += 1
            break
        }
        return CSVDocument.Record(line: first, fields: fields)
    }

    private mutating func field(file: String) throws -> String {
        guard position < bytes.count, bytes[position] == .quote else {
            let from = position
            while position < bytes.count {
                let byte = bytes[position]
                if byte == .comma || byte == .lineFeed || byte == .carriageReturn { break }
                position += 1
            }
            return try text(bytes[from..<position], file: file)
        }
        let opened = line
        position += 1
        var value: [UInt8] = []
        while position < bytes.count {
            let byte = bytes[position]
            position += 1
            guard byte == .quote else {
                if byte == .lineFeed { line += 1 }
                value.append(byte)
                continue
            }
            if position < bytes.count, bytes[position] == .quote {
                value.append(.quote)
                position += 1
                continue
            }
            if position < bytes.count, ![.comma, .lineFeed, .carriageReturn].contains(bytes[position]) {
                throw CSVError(file: file, line: line, problem: "text after a closing double quote; double it inside")
            }
            return try text(value[...], file: file)
        }
        throw CSVError(file: file, line: opened, problem: "a double quote is opened and never closed")
    }

    private func text(_ slice: ArraySlice<UInt8>, file: String) throws -> String {
        guard let text = String(validating: slice, as: UTF8.self) else {
            throw CSVError(file: file, line: line, problem: "not UTF-8; save the file as UTF-8")
        }
        return text
    }
}

extension UInt8 {
    fileprivate static let quote = UInt8(ascii: "\"")
    fileprivate static let comma = UInt8(ascii: ",")
    fileprivate static let lineFeed = UInt8(ascii: "\n")
    fileprivate static let carriageReturn = UInt8(ascii: "\r")
}
