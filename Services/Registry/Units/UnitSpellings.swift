import ServiceKit

/// Finds units by the beginning of a word of any of their spellings, in time that does not grow with their number.
///
/// Every word of every folded spelling is the start of a text; these texts are kept sorted, so that all that begin with
/// the query are neighbours.
struct UnitSpellings: Sendable {
    /// A word of a spelling, and what follows it.
    private struct WordStart {
        var offset: Int32
        var spelling: Int32
    }

    private struct Spelling {
        var unit: Int32
        /// -1: the name; else the alias.
        var alias: Int32
    }

    /// All folded spellings, each closed by a zero byte.
    private let text: [UInt8]
    private let spellings: [Spelling]
    private let words: [WordStart]

    init(_ units: [Unit]) {
        var text: [UInt8] = []
        var spellings: [Spelling] = []
        var words: [WordStart] = []
        func add(_ spelling: String, unit: Int, alias: Int) {
            var atStart = true
            for byte in TextFolding.fold(spelling).utf8 {
                if atStart { words.append(WordStart(offset: Int32(text.count), spelling: Int32(spellings.count))) }
                text.append(byte)
                atStart = byte == UInt8(ascii: " ")
            }
            text.append(0)
            spellings.append(Spelling(unit: Int32(unit), alias: Int32(alias)))
        }
        for (rank, unit) in units.enumerated() {
            add(unit.name, unit: rank, alias: -1)
            for (alias, spelling) in unit.aliases.enumerated() { add(spelling, unit: rank, alias: alias) }
        }
        // Sort by the first eight bytes as one number; look further only where these are equal.
        let keys = words.map { Self.prefix(of: text, at: Int($0.offset)) }
        let order = words.indices.sorted { a, b in
            if keys[a] != keys[b] { return keys[a] < keys[b] }
            return Self.isLess(text, Int(words[a].offset), Int(words[b].offset))
        }
        self.text = text
        self.spellings = spellings
        self.words = order.map { words[$0] }
    }

    /// Calls `found` for each spelling with a word at which the folded query begins; a unit may come several times.
    func match(_ query: [UInt8], found: (_ unit: UnitRank, _ alias: Int?) -> Void) {
        guard !query.isEmpty else { return }
        var low = 0
        var high = words.count
        while low < high {
            let middle = (low + high) / 2
            if compare(Int(words[middle].offset), query) < 0 { low = middle + 1 } else { high = middle }
        }
        while low < words.count, compare(Int(words[low].offset), query) == 0 {
            let spelling = spellings[Int(words[low].spelling)]
            found(UnitRank(spelling.unit), spelling.alias < 0 ? nil : Int(spelling.alias))
            low += 1
        }
    }

    /// How the text at `offset`, cut to the length of the query, compares with it. The closing zero is below any
    /// letter.
    private func compare(_ offset: Int, _ query: [UInt8]) -> Int {
        for (index, byte) in query.enumerated() {
            let other = text[offset + index]
            if other != byte { return other < byte ? -1 : 1 }
        }
        return 0
    }

    private static func prefix(of text: [UInt8], at offset: Int) -> UInt64 {
        var key: UInt64 = 0
        var ended = false
        for index in 0..<8 {
            let byte = ended ? 0 : text[offset + index]
            ended = ended || byte == 0
            key = key << 8 | UInt64(byte)
        }
        return key
    }

    private static func isLess(_ text: [UInt8], _ a: Int, _ b: Int) -> Bool {
        var (a, b) = (a, b)
        while text[a] == text[b] {
            if text[a] == 0 { return a < b }
            a += 1
            b += 1
        }
        return text[a] < text[b]
    }
}
