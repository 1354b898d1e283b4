import Foundation

extension String {
    /// Normalization Form C: "NFC before counting", so that a letter with its tone mark is one character however it was
    /// typed, and is what providers expect.
    var nfc: String { utf8.allSatisfy { $0 < 0x80 } ? self : precomposedStringWithCanonicalMapping }

    /// Characters as providers and standards count them: Unicode scalars, after NFC.
    var scalarCount: Int { nfc.unicodeScalars.count }

    /// CR LF and lone CR become LF: the one line end that texts are stored with.
    var withLineFeeds: String {
        guard utf8.contains(UInt8(ascii: "\r")) else { return self }
        var out = String.UnicodeScalarView()
        var afterReturn = false
        for scalar in unicodeScalars {
            if scalar == "\n", afterReturn {
                afterReturn = false
                continue
            }
            afterReturn = scalar == "\r"
            out.append(afterReturn ? "\n" : scalar)
        }
        return String(out)
    }
}

extension Unicode.Scalar {
    /// C0, DEL and C1 controls, and the line and paragraph separators: nothing that belongs into one line of text.
    var isControl: Bool { value < 0x20 || (0x7F...0x9F).contains(value) || value == 0x2028 || value == 0x2029 }
}
