import ServiceKit

/// A checked URL of a system that receives messages.
struct WebhookURL: Sendable, Hashable {
    let isSecure: Bool
    /// A DNS name in lower case, or an address literal without brackets.
    let host: String
    let port: Int
    /// With the query, from the first slash on.
    let path: String

    /// Reads `https://host[:port][/path][?query]`; anything that two programs could read differently is refused: user
    /// names, fragments, blanks, unusual spellings of addresses. Plain `http` only where private addresses are allowed.
    init?(_ text: String, allowPrivate: Bool) {
        guard text.utf8.count <= 2_000, text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "\\") })
        else { return nil }
        let rest: Substring
        if text.hasPrefix("https://") {
            isSecure = true
            rest = text.dropFirst(8)
        } else if allowPrivate, text.hasPrefix("http://") {
            isSecure = false
            rest = text.dropFirst(7)
        } else {
            return nil
        }
        let authority = rest.prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        let tail = rest[authority.endIndex...]
        guard !tail.contains("#"), !authority.contains("@") else { return nil }
        path = tail.hasPrefix("/") ? String(tail) : "/" + tail

        var portText: Substring?
        if authority.hasPrefix("[") {
            guard let close = authority.firstIndex(of: "]") else { return nil }
            let literal = authority[authority.index(after: authority.startIndex)..<close]
            guard literal.contains(":"), literal.allSatisfy({ $0.isHexDigit || $0 == ":" || $0 == "." }) else {
                return nil
            }
            host = literal.lowercased()
            let after = authority[authority.index(after: close)...]
            if !after.isEmpty {
                guard after.hasPrefix(":") else { return nil }
                portText = after.dropFirst()
            }
        } else {
            let parts = authority.split(separator: ":", omittingEmptySubsequences: false)
            guard parts.count <= 2, WebhookURL.isHost(parts[0]) else { return nil }
            host = parts[0].lowercased()
            portText = parts.count == 2 ? parts[1] : nil
        }
        if let portText {
            guard let number = UInt16(portText), number > 0, String(number) == portText else { return nil }
            port = Int(number)
        } else {
            port = isSecure ? 443 : 80
        }
    }

    var text: String {
        let shown = host.contains(":") ? "[\(host)]" : host
        return "\(isSecure ? "https" : "http")://\(shown):\(port)\(path)"
    }

    /// DNS labels with a last one that is no number, or four decimal numbers.
    private static func isHost(_ text: Substring) -> Bool {
        let labels = text.split(separator: ".", omittingEmptySubsequences: false)
        guard
            labels.allSatisfy({ label in
                (1...63).contains(label.utf8.count) && label.first != "-" && label.last != "-"
                    && label.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-") }
            })
        else { return false }
        if labels.count == 4, labels.allSatisfy({ label in UInt8(label).map { String($0) == label } ?? false }) {
            return true
        }
        return labels.last.map { last in last.contains { $0.isLetter } && !last.lowercased().hasPrefix("0x") } ?? false
    }
}

/// The endpoint a message goes to.
struct WebhookTarget: Sendable, Hashable {
    /// Id of the endpoint; its signing secret follows from it.
    var endpoint: String
    var url: String
}
