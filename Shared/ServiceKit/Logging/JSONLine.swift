/// One JSON object on one line, built as bytes.
package struct JSONLine: ~Copyable {
    private var out: LineBuffer

    package init() { self.init(LineBuffer(capacity: 512)) }

    private init(_ out: consuming LineBuffer) {
        self.out = out
        self.out.append(UInt8(ascii: "{"))
    }

    /// Every line begins with when and how serious.
    package init(time: Instant, level: String) {
        self.init(time: time)
        add("level", level)
    }

    /// A line whose level is among the fields added next.
    init(time: Instant) {
        self.init()
        add(time)
    }

    /// The same in memory that is lent for as long as the line lives.
    init(time: Instant, in memory: UnsafeMutablePointer<UInt8>, capacity: Int) {
        self.init(LineBuffer(lent: memory, capacity: capacity))
        add(time)
    }

    private mutating func add(_ time: Instant) {
        out.append("\"time\":\"")
        time.append(to: &out)
        out.append(UInt8(ascii: "\""))
    }

    /// Fields that many lines have in common, for `add(fields:)`: written once, then copied.
    static func fields(_ write: (inout JSONLine) -> Void) -> [UInt8] {
        var line = JSONLine()
        write(&line)
        return Array(line.out.bytes.dropFirst())
    }

    /// Adds fields that `fields` has made.
    mutating func add(fields: [UInt8]) {
        separate()
        out.append(fields)
    }

    package mutating func add(_ name: StaticString, _ value: String) {
        key(name)
        out.append(quoted: value)
    }

    package mutating func add(_ name: StaticString, _ value: Int) {
        key(name)
        out.append(decimal: value)
    }

    /// A text of characters that need no escape, as memory holds them.
    mutating func add<Words: BitwiseCopyable>(_ name: StaticString, plain words: Words) {
        key(name)
        out.append(UInt8(ascii: "\""))
        out.append(memoryOf: words)
        out.append(UInt8(ascii: "\""))
    }

    /// Milliseconds with three decimals: exact to the microsecond.
    package mutating func add(_ name: StaticString, nanoseconds: Int64) {
        key(name)
        let microseconds = Int(max(0, nanoseconds) / 1000)
        out.append(decimal: microseconds / 1000)
        out.append(UInt8(ascii: "."))
        Decimals.append(microseconds % 1000, digits: 3, to: &out)
    }

    /// A field whose value `write` writes as JSON.
    mutating func add(_ name: String, json write: (inout LineBuffer) -> Void) {
        separate()
        out.append(quoted: name)
        out.append(UInt8(ascii: ":"))
        write(&out)
    }

    /// The whole line, with the line feed.
    package consuming func finish() -> [UInt8] {
        end()
        return Array(out.bytes)
    }

    /// Ends the line, and hands its bytes out for as long as `body` runs.
    consuming func finish<Result>(_ body: (UnsafeBufferPointer<UInt8>) -> Result) -> Result {
        end()
        return body(out.bytes)
    }

    private mutating func end() {
        out.append(UInt8(ascii: "}"))
        out.append(UInt8(ascii: "\n"))
    }

    private mutating func separate() {
        if out.count > 1 { out.append(UInt8(ascii: ",")) }
    }

    /// Names in the code need no escape.
    private mutating func key(_ name: StaticString) { out.append(key: name, isFirst: out.count == 1) }
}

extension LineBuffer {
    /// A text as a JSON string.
    mutating func append(quoted text: String) {
        var text = text
        text.withUTF8 { append(quoted: $0) }
    }

    private mutating func append(quoted text: UnsafeBufferPointer<UInt8>) {
        append(UInt8(ascii: "\""))
        // Nearly every text needs no escape and is copied as a whole.
        if text.contains(where: Self.needsEscape) {
            for byte in text { append(escaped: byte) }
        } else {
            append(UnsafeRawBufferPointer(text))
        }
        append(UInt8(ascii: "\""))
    }

    private static func needsEscape(_ byte: UInt8) -> Bool {
        byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") || byte == 0x7F
    }

    private mutating func append(escaped byte: UInt8) {
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"):
            append(UInt8(ascii: "\\"))
            append(byte)
        case UInt8(ascii: "\n"): append("\\n")
        case 0..<0x20, 0x7F:
            append("\\u00")
            for digit in [byte >> 4, byte & 0xF] {
                append(digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10)
            }
        default: append(byte)
        }
    }
}
