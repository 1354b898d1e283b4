/// Names as search sees them: "NFD, all combining marks removed, đ and ð to d, lower case, every run of other
/// characters than letters and digits one blank". `Tổ dân phố số 3 (cũ)` becomes `to dan pho so 3 cu`.
///
/// What was stored is still what is shown; only the folded copy is compared.
package enum TextFolding {
    package static func fold(_ text: String) -> String {
        var out: [UInt8] = []
        out.reserveCapacity(text.utf8.count)
        // A blank is owed, not written, until a letter follows: none at either end, one for a run.
        var blankOwed = false
        for scalar in text.unicodeScalars {
            let value = scalar.value
            var folded: UInt32
            if value < FoldTable.limit {
                folded = UInt32(FoldTable.shared.scalars[Int(value)])
            } else if let jamo = Hangul(scalar) {
                write(jamo.leading, to: &out, blankOwed: &blankOwed)
                write(jamo.vowel, to: &out, blankOwed: &blankOwed)
                folded = jamo.trailing ?? FoldTable.dropped
            } else {
                folded = FoldTable.fold(scalar)
            }
            if folded == FoldTable.dropped { continue }
            if folded == FoldTable.blank {
                blankOwed = !out.isEmpty
            } else {
                write(folded, to: &out, blankOwed: &blankOwed)
            }
        }
        return String(decoding: out, as: UTF8.self)
    }

    /// "A query matches where it begins at a word of the name or of an alias." Both are folded already.
    /// The empty query matches nothing.
    package static func matches(foldedQuery query: String, foldedName name: String) -> Bool {
        let query = query.utf8
        let name = name.utf8
        guard !query.isEmpty else { return false }
        var word = name[...]
        while word.count >= query.count {
            if word.starts(with: query) { return true }
            guard let blank = word.firstIndex(of: 0x20) else { return false }
            word = word[name.index(after: blank)...]
        }
        return false
    }

    private static func write(_ scalar: UInt32, to out: inout [UInt8], blankOwed: inout Bool) {
        if blankOwed {
            out.append(0x20)
            blankOwed = false
        }
        if scalar < 0x80 {
            out.append(UInt8(truncatingIfNeeded: scalar))
        } else if let scalar = Unicode.Scalar(scalar) {
            out.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
        }
    }
}

/// What each scalar becomes. Everything the names of Vietnam use lies below `limit` and is one table access.
private struct FoldTable {
    static let limit: UInt32 = 0x2000
    static let dropped: UInt32 = 0
    static let blank: UInt32 = 0x20
    static let shared = FoldTable()

    private static let bases: [UInt32: UInt32] = {
        var pairs: [UInt32: UInt32] = [:]
        var letter: UInt32?
        for scalar in LetterBases.pairs.description.unicodeScalars where !scalar.properties.isWhitespace {
            if let from = letter {
                pairs[from] = scalar.value
                letter = nil
            } else {
                letter = scalar.value
            }
        }
        return pairs
    }()

    let scalars: [UInt16]

    private init() {
        scalars = (0..<FoldTable.limit).map { value in
            Unicode.Scalar(value).map { UInt16(truncatingIfNeeded: FoldTable.fold($0)) } ?? UInt16(FoldTable.blank)
        }
    }

    static func fold(_ scalar: Unicode.Scalar) -> UInt32 {
        switch scalar.properties.generalCategory {
        case .nonspacingMark, .spacingMark, .enclosingMark: return dropped
        case .decimalNumber: return scalar.value
        case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter:
            if let base = bases[scalar.value] { return dBarred(base) }
            // One scalar: the only letter with a longer lower case, İ, has a base.
            let lower = scalar.properties.lowercaseMapping.unicodeScalars.first?.value ?? scalar.value
            return dBarred(bases[lower] ?? lower)
        default: return blank
        }
    }

    /// đ is a letter of its own to Unicode; and lists of names hold ð, typed for it.
    private static func dBarred(_ scalar: UInt32) -> UInt32 {
        scalar == 0x111 || scalar == 0xF0 ? 0x64 : scalar
    }
}

/// A Hangul syllable's letters, by arithmetic (The Unicode Standard, section 3.12).
private struct Hangul {
    let leading: UInt32
    let vowel: UInt32
    let trailing: UInt32?

    init?(_ scalar: Unicode.Scalar) {
        guard (0xAC00...0xD7A3).contains(scalar.value) else { return nil }
        let index = scalar.value - 0xAC00
        leading = 0x1100 + index / 588
        vowel = 0x1161 + index % 588 / 28
        trailing = index % 28 == 0 ? nil : 0x11A7 + index % 28
    }
}
