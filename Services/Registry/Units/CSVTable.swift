/// A CSV file (RFC 4180) with a header row, read strictly: a file that ships with the product must be exactly right.
package struct CSVTable: Sendable {
    /// The cells of every data row, in the order of the columns asked for.
    package let rows: [[String]]

    /// Reads `bytes`, whose header must be `columns`, in this order.
    package init(_ bytes: [UInt8], columns: [String], file: String) throws(CSVError) {
        var reader = Reader(bytes: bytes, file: file)
        guard let header = try reader.row() else { throw CSVError(file: file, line: 1, problem: "the file is empty") }
        guard header == columns else {
            throw CSVError(
                file: file, line: 1,
                problem: "the header is \(header.joined(separator: ",")), not \(columns.joined(separator: ","))")
        }
        var rows: [[String]] = []
        while let row = try reader.row() {
            guard row.count == columns.count else {
                throw CSVError(
                    file: file, line: reader.line, problem: "\(row.count) cells instead of \(columns.count)")
            }
            rows.append(row)
        }
        self.rows = rows
    }
}

/// What is wrong in a CSV file, and where.
package struct CSVError: Error, Sendable, Hashable, CustomStringConvertible {
    package var file: String
    package var line: Int
    package var problem: String

    package var description: String { "\(file), line \(line): \(problem)" }
}

private struct Reader {
    let bytes: [UInt8]
    let file: String
    var position = 0
    /// Line of the row read last.
    var line = 0
    private var nextLine = 1

    init(bytes: [UInt8], file: String) {
        self.bytes = bytes
        self.file = file
    }

    /// The next row, nil at the end of the file.
    mutating func row() throws(CSVError) -> [String]? {
        guard position < bytes.count else { return nil }
        line = nextLine
        var cells: [String] = []
        while true {
            cells.append(try cell())
            guard position < bytes.count else { break }
            let byte = bytes[position]
            position += 1
            if byte == UInt8(ascii: ",") { continue }
            if byte == UInt8(ascii: "\r") {
                guard position < bytes.count, bytes[position] == UInt8(ascii: "\n") else {
                    throw problem("a carriage return without a line feed")
                }
                position += 1
            }
            break
        }
        nextLine += 1
        return cells
    }

    private mutating func cell() throws(CSVError) -> String {
        guard position < bytes.count, bytes[position] == UInt8(ascii: "\"") else {
            let start = position
            while position < bytes.count {
                switch bytes[position] {
                case UInt8(ascii: ","), UInt8(ascii: "\n"), UInt8(ascii: "\r"): return try text(bytes[start..<position])
                case UInt8(ascii: "\""): throw problem("a quote inside a cell that does not begin with one")
                default: position += 1
                }
            }
            return try text(bytes[start..<position])
        }
        position += 1
        var content: [UInt8] = []
        while position < bytes.count {
            let byte = bytes[position]
            position += 1
            guard byte == UInt8(ascii: "\"") else {
                if byte == UInt8(ascii: "\n") { nextLine += 1 }
                content.append(byte)
                continue
            }
            guard position < bytes.count, bytes[position] == UInt8(ascii: "\"") else { return try text(content[...]) }
            content.append(byte)
            position += 1
        }
        throw problem("a quoted cell is not closed")
    }

    private func text(_ bytes: ArraySlice<UInt8>) throws(CSVError) -> String {
        guard let text = String(validating: bytes, as: UTF8.self) else { throw problem("not UTF-8") }
        return text
    }

    private func problem(_ text: String) -> CSVError { CSVError(file: file, line: line, problem: text) }
}
