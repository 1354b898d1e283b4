/// One JSON object on one line, built as bytes.
package struct JSONLine: Sendable {
    package private(set) var bytes: [UInt8] = []

    package init() { bytes.reserveCapacity(384) }

    /// Every line begins with when and how serious.
    package init(time: Instant, level: String) {
        self.init(time: time)
        add("level", level)
    }

    /// A line whose level is among the fields added next.
    init(time: Instant) {
        self.init()
        key("time")
        bytes.append(UInt8(ascii: "\""))
        time.append(to: &bytes)
        bytes.append(UInt8(ascii: "\""))
    }

    /// Fields that many lines have in common, for `add(fields:)`: written once, then copied.
    static func fields(_ write: (inout JSONLine) -> Void) -> [UInt8] {
        var line = JSONLine()
        write(&line)
        if !line.bytes.isEmpty { line.bytes[0] = UInt8(ascii: ",") }
        return line.bytes
    }

    /// Adds fields to a line that has some already.
    mutating func add(fields: [UInt8]) { bytes.append(contentsOf: fields) }

    package mutating func add(_ name: StaticString, _ value: String) {
        key(name)
        JSONLine.append(quoted: value, to: &bytes)
    }

    package mutating func add(_ name: StaticString, _ value: Int) {
        key(name)
        bytes.append(contentsOf: String(value).utf8)
    }

    /// A text of plain characters, which `write` appends.
    mutating func add(_ name: StaticString, plain write: (inout [UInt8]) -> Void) {
        key(name)
        bytes.append(UInt8(ascii: "\""))
        write(&bytes)
        bytes.append(UInt8(ascii: "\""))
    }

    /// Milliseconds with three decimals: exact to the microsecond.
    package mutating func add(_ name: StaticString, milliseconds duration: Duration) {
        key(name)
        let (seconds, attoseconds) = duration.components
        let microseconds = max(0, seconds * 1_000_000 + attoseconds / 1_000_000_000_000)
        bytes.append(contentsOf: String(microseconds / 1000).utf8)
        bytes.append(UInt8(ascii: "."))
        Decimals.append(Int(microseconds % 1000), digits: 3, to: &bytes)
    }

    /// A value that is JSON already.
    mutating func add(_ name: String, json: [UInt8]) {
        bytes.append(bytes.isEmpty ? UInt8(ascii: "{") : UInt8(ascii: ","))
        JSONLine.append(quoted: name, to: &bytes)
        bytes.append(UInt8(ascii: ":"))
        bytes.append(contentsOf: json)
    }

    /// The whole line, with the line feed.
    package consuming func finish() -> [UInt8] {
        if bytes.isEmpty { bytes.append(UInt8(ascii: "{")) }
        bytes.append(UInt8(ascii: "}"))
        bytes.append(UInt8(ascii: "\n"))
        return bytes
    }

    /// Names in the code need no escape.
    private mutating func key(_ name: StaticString) {
        bytes.append(bytes.isEmpty ? UInt8(ascii: "{") : UInt8(ascii: ","))
        bytes.append(UInt8(ascii: "\""))
        name.withUTF8Buffer { bytes.append(contentsOf: $0) }
        bytes.append(UInt8(ascii: "\""))
        bytes.append(UInt8(ascii: ":"))
    }

    static func append(quoted text: String, to out: inout [UInt8]) {
        var text = text
        text.withUTF8 { append(quoted: $0, to: &out) }
    }

    private static func append(quoted text: UnsafeBufferPointer<UInt8>, to out: inout [UInt8]) {
        out.append(UInt8(ascii: "\""))
        // Nearly every text needs no escape and is copied as a whole.
        if text.contains(where: needsEscape) {
            for byte in text { append(escaped: byte, to: &out) }
        } else {
            out.append(contentsOf: text)
        }
        out.append(UInt8(ascii: "\""))
    }

    private static func needsEscape(_ byte: UInt8) -> Bool {
        byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") || byte == 0x7F
    }

    private static func append(escaped byte: UInt8, to out: inout [UInt8]) {
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"):
            out.append(UInt8(ascii: "\\"))
            out.append(byte)
        case UInt8(ascii: "\n"): out.append(contentsOf: "\\n".utf8)
        case 0..<0x20, 0x7F:
            out.append(contentsOf: "\\u00".utf8)
            for digit in [byte >> 4, byte & 0xF] {
                out.append(digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10)
            }
        default: out.append(byte)
        }
    }
}
