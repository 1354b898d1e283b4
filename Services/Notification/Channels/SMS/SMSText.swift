import Foundation

/// How a short message is written on the wire; raw values are those of the contract's `SmsEncoding`.
enum SMSEncoding: Int, Sendable, Hashable {
    case gsm7 = 1
    case ucs2 = 2
}

/// A text as a short message: its encoding, and the segments it is charged as.
///
/// 3GPP TS 23.040, section 9.2.3.24.1, and TS 23.038: one message carries 140 octets, that is 160 septets or 70 UCS-2
/// units. A longer text is split, and each part begins with a header of 6 octets, which leaves 153 septets or 67 units.
/// A character of the extension table takes two septets, which must not be torn apart; nor must a surrogate pair.
struct SMSText: Sendable, Hashable {
    let text: String
    let encoding: SMSEncoding
    let segments: Int

    /// - Parameter accented: False: "default to unaccented text", which costs a third.
    init(_ text: String, accented: Bool) {
        let written = accented ? text.nfc : SMSText.unaccented(text)
        let septets = written.unicodeScalars.map { GSMAlphabet.septets(of: $0) }
        self.text = written
        if let all = SMSText.complete(septets) {
            encoding = .gsm7
            segments = SMSText.segments(all, single: 160, part: 153)
        } else {
            encoding = .ucs2
            segments = SMSText.segments(
                written.unicodeScalars.map { $0.value > 0xFFFF ? 2 : 1 }, single: 70, part: 67)
        }
    }

    private static func complete(_ septets: [Int?]) -> [Int]? {
        let known = septets.compactMap { $0 }
        return known.count == septets.count ? known : nil
    }

    /// - Parameter sizes: Of each character, in the units of the encoding.
    static func segments(_ sizes: [Int], single: Int, part: Int) -> Int {
        if sizes.reduce(0, +) <= single { return 1 }
        var (segments, used) = (1, 0)
        for size in sizes {
            if used + size > part {
                segments += 1
                used = 0
            }
            used += size
        }
        return segments
    }

    /// Letters without their marks, đ as d, and the punctuation of word processors as that of a typewriter, so that it
    /// fits the 7-bit alphabet. Everything else stays: nothing that was written is lost.
    static func unaccented(_ text: String) -> String {
        var out = String.UnicodeScalarView()
        for scalar in text.decomposedStringWithCanonicalMapping.unicodeScalars {
            switch scalar {
            case "đ": out.append("d")
            case "Đ": out.append("D")
            case "\u{2018}", "\u{2019}", "\u{201A}", "\u{2032}": out.append("'")
            case "\u{201C}", "\u{201D}", "\u{201E}", "\u{2033}": out.append("\"")
            case "\u{2010}"..."\u{2015}", "\u{2212}": out.append("-")
            case "\u{2026}": out.append(contentsOf: "...".unicodeScalars)
            case "\u{A0}", "\u{2007}", "\u{202F}": out.append(" ")
            case "\u{2022}": out.append("*")
            case "\u{20AB}": out.append("d")
            default:
                if scalar.properties.canonicalCombiningClass == .notReordered { out.append(scalar) }
            }
        }
        return String(out).nfc
    }
}

/// The GSM 7-bit default alphabet (3GPP TS 23.038, section 6.2.1) and its extension table (6.2.1.1).
enum GSMAlphabet {
    /// By code, from 0x00 on; 0x1B is the escape to the extension table and stands for no character.
    static let basic: [Unicode.Scalar] = Array(
        ("@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\u{1B}ÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
            + "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà").unicodeScalars)
    /// After the escape.
    static let extended: [Unicode.Scalar] = ["\u{0C}", "^", "{", "}", "\\", "[", "~", "]", "|", "€"]

    private static let sizes: [Unicode.Scalar: Int] = {
        var sizes: [Unicode.Scalar: Int] = [:]
        for scalar in basic where scalar != "\u{1B}" { sizes[scalar] = 1 }
        for scalar in extended { sizes[scalar] = 2 }
        return sizes
    }()

    /// Septets that a character takes; nil when the alphabet does not have it.
    static func septets(of scalar: Unicode.Scalar) -> Int? { sizes[scalar] }
}
