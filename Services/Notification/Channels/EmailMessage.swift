import Foundation
import ServiceKit

/// A mailbox: an address, and the name beside it.
struct Mailbox: Sendable, Hashable {
    var displayName: String
    var address: String

    /// Nil when the address could break a command or a header, or cannot be right: RFC 5321 atoms and dots, in ASCII.
    /// Internationalised addresses (RFC 6531) are not taken: few of the servers on the way would.
    init?(displayName: String = "", address: String) {
        let parts = address.split(separator: "@", omittingEmptySubsequences: false)
        guard parts.count == 2, address.utf8.count <= 254, (1...64).contains(parts[0].utf8.count),
            Mailbox.isDotAtom(parts[0], extra: "!#$%&'*+/=?^_`{|}~-"), Mailbox.isDomain(parts[1])
        else { return nil }
        self.displayName = displayName
        self.address = address
    }

    /// Reads `Name <address>` or `address`.
    init?(parsing text: String) {
        let text = text.trimmingCharacters(in: .whitespaces)
        guard text.hasSuffix(">"), let open = text.lastIndex(of: "<") else {
            self.init(address: text)
            return
        }
        let name = text[..<open].trimmingCharacters(in: CharacterSet(charactersIn: " \""))
        guard !name.unicodeScalars.contains(where: \.isControl) else { return nil }
        self.init(displayName: name, address: String(text[text.index(after: open)...].dropLast()))
    }

    var domain: String { String(address[address.index(after: address.lastIndex(of: "@") ?? address.startIndex)...]) }

    /// `t…@example.vn`: tells a person which provider refused, and names nobody.
    var masked: String { "\(address.prefix(1))…@\(domain)" }

    private static func isDotAtom(_ text: Substring, extra: String) -> Bool {
        text.split(separator: ".", omittingEmptySubsequences: false).allSatisfy { atom in
            !atom.isEmpty && atom.unicodeScalars.allSatisfy { isAlphanumeric($0) || extra.unicodeScalars.contains($0) }
        }
    }

    private static func isDomain(_ text: Substring) -> Bool {
        let labels = text.split(separator: ".", omittingEmptySubsequences: false)
        return labels.allSatisfy { label in
            (1...63).contains(label.utf8.count) && label.first != "-" && label.last != "-"
                && label.unicodeScalars.allSatisfy { isAlphanumeric($0) || $0 == "-" }
        }
    }

    private static func isAlphanumeric(_ scalar: Unicode.Scalar) -> Bool {
        scalar.isASCII && scalar.properties.isAlphabetic || ("0"..."9").contains(scalar)
    }
}

/// A mail as it goes over the wire: headers in ASCII, UTF-8 text in a transfer encoding that every server carries.
struct EmailMessage: Sendable, Hashable {
    var from: Mailbox
    var to: Mailbox
    var subject: String
    var text: String
    /// Without angle brackets.
    var messageID: String
    var date: Instant
    var language: Language

    /// Headers, an empty line and the body, with CRLF line ends; nil when a value would break out of its header.
    ///
    /// Stuffing of leading dots and the final dot are the transport's.
    func bytes() -> [UInt8]? {
        let values = [from.displayName, to.displayName, subject, messageID]
        guard !values.contains(where: { $0.unicodeScalars.contains(where: \.isControl) }) else { return nil }
        let body = TransferEncoding.encode(text.nfc)
        var out = ""
        out += "Date: \(MailDate.text(date))\r\n"
        out += Self.addressHeader("From", from)
        out += Self.addressHeader("To", to)
        out += EncodedWords.header("Subject", subject.nfc)
        out += "Message-ID: <\(messageID)>\r\n"
        out += "MIME-Version: 1.0\r\n"
        out += "Content-Type: text/plain; charset=utf-8\r\n"
        out += "Content-Transfer-Encoding: \(body.name)\r\n"
        out += "Content-Language: \(language.tag)\r\n"
        // RFC 3834: vacation responders and other robots keep quiet.
        out += "Auto-Submitted: auto-generated\r\n"
        out += "\r\n"
        return Array(out.utf8) + body.bytes
    }

    private static func addressHeader(_ name: String, _ mailbox: Mailbox) -> String {
        guard !mailbox.displayName.isEmpty else { return "\(name): <\(mailbox.address)>\r\n" }
        // On its own line: the encoded name may fill the one before.
        return EncodedWords.header(name, mailbox.displayName.nfc).dropLastLineEnd + "\r\n <\(mailbox.address)>\r\n"
    }
}

extension String {
    fileprivate var dropLastLineEnd: String { hasSuffix("\r\n") ? String(unicodeScalars.dropLast(2)) : self }
}

/// RFC 5322 date and time, in the recipients' zone.
enum MailDate {
    static func text(_ instant: Instant) -> String {
        let date = instant.localDate
        let (year, month, day) = date.components
        let second = instant.adding(seconds: 7 * 3600).seconds % 60
        let minutes = instant.localMinuteOfDay
        let two = { (number: Int) in number < 10 ? "0\(number)" : String(number) }
        let weekdays = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        return "\(weekdays[date.weekday - 1]), \(day) \(months[month - 1]) \(year) "
            + "\(two(minutes / 60)):\(two(minutes % 60)):\(two(Int(second))) +0700"
    }
}
