import Foundation

/// Header text beyond ASCII as encoded words (RFC 2047).
enum EncodedWords {
    /// `Name: value` folded into lines of at most 76 characters, with CRLF at the end.
    ///
    /// ASCII of one line stays as it is. Otherwise every word is base64 of whole characters: "each 'encoded-word' MUST
    /// encode an integral number of octets … multi-octet characters may not be split" (section 5), at most 75 long.
    static func header(_ name: String, _ value: String) -> String {
        let plain = value.utf8.allSatisfy { $0 >= 0x20 && $0 < 0x7F }
        if plain, !value.contains("=?"), !needsQuoting(name, value), name.utf8.count + 2 + value.utf8.count <= 76 {
            return "\(name): \(value)\r\n"
        }
        // "=?utf-8?B?" and "?=" are 12 of 75 characters; 60 of base64 are 45 octets. The first line holds the name too.
        var lines: [String] = []
        var chunk: [UInt8] = []
        var room = min(45, (76 - name.utf8.count - 2 - 12) / 4 * 3)
        for scalar in value.unicodeScalars {
            let bytes = Array(String(scalar).utf8)
            if chunk.count + bytes.count > room {
                lines.append(word(chunk))
                chunk = []
                room = 45
            }
            chunk += bytes
        }
        if !chunk.isEmpty { lines.append(word(chunk)) }
        return "\(name): " + lines.joined(separator: "\r\n ") + "\r\n"
    }

    /// The name of a mailbox is a phrase: its special characters would need quotes (RFC 5322, section 3.2.5).
    private static func needsQuoting(_ name: String, _ value: String) -> Bool {
        name != "Subject" && value.contains { "()<>[]:;@\\,.\"".contains($0) }
    }

    private static func word(_ bytes: [UInt8]) -> String { "=?utf-8?B?\(Data(bytes).base64EncodedString())?=" }
}

/// UTF-8 text as lines of ASCII that every mail server carries.
enum TransferEncoding {
    /// The shorter of quoted-printable, which a person can still read in the source, and base64.
    static func encode(_ text: String) -> (name: String, bytes: [UInt8]) {
        // A text part ends with a line end; the final dot of SMTP would add one anyway.
        let lines = text.withLineFeeds.hasSuffix("\n") ? text.withLineFeeds : text.withLineFeeds + "\n"
        let quoted = quotedPrintable(lines)
        let octets = Array(
            lines.split(separator: "\n", omittingEmptySubsequences: false).joined(separator: "\r\n").utf8)
        let base64 = base64Lines(octets)
        return quoted.count <= base64.count ? ("quoted-printable", quoted) : ("base64", base64)
    }

    /// RFC 2045, section 6.7.
    static func quotedPrintable(_ text: String) -> [UInt8] {
        var out: [UInt8] = []
        for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            if index > 0 { out += [13, 10] }
            let bytes = Array(line.utf8)
            var width = 0
            for (position, byte) in bytes.enumerated() {
                let isLast = position == bytes.count - 1
                // Rule 3: blanks at the end of a line are encoded.
                let isPlain = (byte >= 33 && byte <= 126 && byte != 61) || ((byte == 32 || byte == 9) && !isLast)
                let size = isPlain ? 1 : 3
                // Rule 5: at most 76 characters, the soft line break's "=" included.
                if width + size > (isLast ? 76 : 75) {
                    out += [61, 13, 10]
                    width = 0
                }
                if isPlain { out.append(byte) } else { out += [61, hex(byte >> 4), hex(byte & 15)] }
                width += size
            }
        }
        if !out.isEmpty, out.last != 10 { out += [13, 10] }
        return out
    }

    private static func base64Lines(_ octets: [UInt8]) -> [UInt8] {
        var out: [UInt8] = []
        var start = 0
        while start < octets.count {
            let end = min(start + 57, octets.count)
            out += Data(octets[start..<end]).base64EncodedString().utf8
            out += [13, 10]
            start = end
        }
        return out
    }

    private static func hex(_ digit: UInt8) -> UInt8 { digit < 10 ? 48 + digit : 55 + digit }
}
