/// An HTTP/2 frame as bytes, right or wrong (RFC 9113, section 4.1). Written and read by hand, so that no library of
/// ours stands between a test and the wire.
struct Frame: Sendable, Hashable {
    enum Kind {
        static let data: UInt8 = 0
        static let headers: UInt8 = 1
        static let priority: UInt8 = 2
        static let reset: UInt8 = 3
        static let settings: UInt8 = 4
        static let pushPromise: UInt8 = 5
        static let ping: UInt8 = 6
        static let goAway: UInt8 = 7
        static let windowUpdate: UInt8 = 8
        static let continuation: UInt8 = 9
    }

    enum Flag {
        static let endStream: UInt8 = 0x1
        static let ack: UInt8 = 0x1
        static let endHeaders: UInt8 = 0x4
        static let padded: UInt8 = 0x8
        static let priority: UInt8 = 0x20
    }

    var kind: UInt8
    var flags: UInt8 = 0
    var stream: UInt32 = 0
    var payload: [UInt8] = []

    /// On the wire; a length other than the payload's when a test lies about it.
    func bytes(length: Int? = nil) -> [UInt8] {
        let length = length ?? payload.count
        return [UInt8(length >> 16 & 255), UInt8(length >> 8 & 255), UInt8(length & 255), kind, flags]
            + bigEndian(stream) + payload
    }

    func has(_ flag: UInt8) -> Bool { flags & flag != 0 }
}

extension Frame {
    static func data(_ stream: UInt32, _ payload: [UInt8], end: Bool = false) -> Frame {
        Frame(kind: Kind.data, flags: end ? Flag.endStream : 0, stream: stream, payload: payload)
    }

    static func padded(_ stream: UInt32, _ payload: [UInt8], padding: UInt8, end: Bool = false) -> Frame {
        Frame(
            kind: Kind.data, flags: Flag.padded | (end ? Flag.endStream : 0), stream: stream,
            payload: [padding] + payload + [UInt8](repeating: 0, count: Int(padding)))
    }

    static func headers(_ stream: UInt32, _ fields: Fields, end: Bool = false, endHeaders: Bool = true) -> Frame {
        headers(stream, block: HPACK.literal(fields), end: end, endHeaders: endHeaders)
    }

    static func headers(_ stream: UInt32, block: [UInt8], end: Bool = false, endHeaders: Bool = true) -> Frame {
        Frame(
            kind: Kind.headers, flags: (end ? Flag.endStream : 0) | (endHeaders ? Flag.endHeaders : 0), stream: stream,
            payload: block)
    }

    static func continuation(_ stream: UInt32, block: [UInt8] = [], endHeaders: Bool) -> Frame {
        Frame(kind: Kind.continuation, flags: endHeaders ? Flag.endHeaders : 0, stream: stream, payload: block)
    }

    static func settings(_ entries: [(UInt16, UInt32)] = []) -> Frame {
        Frame(kind: Kind.settings, payload: entries.flatMap { [UInt8($0 >> 8), UInt8($0 & 255)] + bigEndian($1) })
    }

    static let settingsAck = Frame(kind: Kind.settings, flags: Flag.ack)

    static func ping(_ payload: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 1]) -> Frame {
        Frame(kind: Kind.ping, payload: payload)
    }

    static func reset(_ stream: UInt32, _ code: UInt32 = 8) -> Frame {
        Frame(kind: Kind.reset, stream: stream, payload: bigEndian(code))
    }

    static func windowUpdate(_ stream: UInt32, _ increment: UInt32) -> Frame {
        Frame(kind: Kind.windowUpdate, stream: stream, payload: bigEndian(increment))
    }

    static func goAway(last: UInt32, _ code: UInt32 = 0, debug: String = "") -> Frame {
        Frame(kind: Kind.goAway, payload: bigEndian(last) + bigEndian(code) + Array(debug.utf8))
    }

    static func priority(_ stream: UInt32, on dependency: UInt32, weight: UInt8 = 15) -> Frame {
        Frame(kind: Kind.priority, stream: stream, payload: bigEndian(dependency) + [weight])
    }
}

/// Header fields in order.
typealias Fields = [(name: String, value: String)]

func bigEndian(_ value: UInt32) -> [UInt8] { (0..<4).map { UInt8(value >> (24 - 8 * $0) & 255) } }

func integer(_ bytes: some Collection<UInt8>) -> UInt32 { bytes.prefix(4).reduce(0) { $0 << 8 | UInt32($1) } }

/// A gRPC message: flag, length, bytes (PROTOCOL-HTTP2, "Length-Prefixed-Message").
func message(_ bytes: [UInt8], flag: UInt8 = 0, length: Int? = nil) -> [UInt8] {
    [flag] + bigEndian(UInt32(length ?? bytes.count)) + bytes
}

func message(_ text: String) -> [UInt8] { message(Array(text.utf8)) }
