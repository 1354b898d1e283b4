/// Rows and columns for a terminal, aligned by how wide the text is shown.
struct Table {
    enum Alignment { case left, right }

    private let header: [String]
    private let alignment: [Alignment]
    private(set) var rows: [[String]] = []

    /// A title that begins with `>` is a column of numbers, aligned right.
    init(_ titles: String...) { self.init(titles) }

    init(_ titles: [String]) {
        alignment = titles.map { $0.hasPrefix(">") ? .right : .left }
        header = titles.map { $0.hasPrefix(">") ? String($0.dropFirst()) : $0 }
    }

    mutating func add(_ cells: String...) { rows.append(cells) }

    mutating func add(_ cells: [String]) { rows.append(cells) }

    var text: String {
        let all = [header] + rows
        let widths = header.indices.map { column in
            all.map { column < $0.count ? displayWidth($0[column]) : 0 }.max() ?? 0
        }
        return all.map { row in
            let cells = row.enumerated().map { column, cell in
                let blanks = String(repeating: " ", count: widths[column] - displayWidth(cell))
                return alignment[column] == .right ? blanks + cell : cell + blanks
            }
            return trimmedEnd(cells.joined(separator: "  "))
        }.joined(separator: "\n")
    }

    private func trimmedEnd(_ line: String) -> String {
        var line = line[...]
        while line.last == " " { line = line.dropLast() }
        return String(line)
    }
}

/// Columns that a terminal uses for a text: one per visible character, whether its tone marks are combined or not, and
/// two for wide East Asian characters and pictures.
func displayWidth(_ text: String) -> Int {
    text.reduce(0) { width, character in
        guard let scalar = character.unicodeScalars.first else { return width }
        switch scalar.value {
        case 0..<0x20, 0x7F..<0xA0, 0x200B...0x200F, 0xFEFF: return width
        case 0x1100...0x115F, 0x2E80...0xA4CF, 0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE30...0xFE6F, 0xFF00...0xFF60,
            0x1F300...0x1FAFF, 0x20000...0x3FFFD:
            return width + 2
        default: return width + 1
        }
    }
}
