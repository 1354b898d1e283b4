import NIOCore

/// Limits by name, as operators write them: `concurrent-streams=100`, `peer-resets=200/50`, `write-stall=30`,
/// `connection-age=off`.
extension Limits {
    private enum Field {
        case count(WritableKeyPath<Limits, Int>)
        case rate(WritableKeyPath<Limits, TokenBucket.Rate>)
        case time(WritableKeyPath<Limits, TimeAmount>)
        case optionalTime(WritableKeyPath<Limits, TimeAmount?>)
        case optionalDuration(WritableKeyPath<Limits, Duration?>)
    }

    private static var fields: KeyValuePairs<String, Field> {
        [
            "concurrent-streams": .count(\.concurrentStreams), "running-handlers": .count(\.runningHandlers),
            "header-list-bytes": .count(\.headerListBytes), "continuations": .count(\.continuations),
            "settings-entries": .count(\.settingsEntries), "receive-message-bytes": .count(\.receiveMessageBytes),
            "inbound-connection-bytes": .count(\.inboundConnectionBytes),
            "inbound-server-bytes": .count(\.inboundServerBytes),
            "stream-window-bytes": .count(\.streamWindowBytes),
            "connection-window-bytes": .count(\.connectionWindowBytes),
            "outbound-stream-bytes": .count(\.outboundStreamBytes),
            "outbound-connection-bytes": .count(\.outboundConnectionBytes),
            "outbound-acknowledgements": .count(\.outboundAcknowledgements), "peer-resets": .rate(\.peerResets),
            "stream-errors": .rate(\.streamErrors), "control-frames": .rate(\.controlFrames),
            "oversized-header-lists": .count(\.oversizedHeaderLists), "handshake": .time(\.handshake),
            "header-block": .time(\.headerBlock), "unary-timeout": .optionalDuration(\.unaryTimeout),
            "write-stall": .time(\.writeStall), "connection-idle": .optionalTime(\.connectionIdle),
            "connection-age": .optionalTime(\.connectionAge), "connection-age-grace": .time(\.connectionAgeGrace),
            "keepalive": .time(\.keepalive), "keepalive-timeout": .time(\.keepaliveTimeout),
            "ping-interval": .time(\.pingInterval), "ping-strikes": .count(\.pingStrikes),
            "connections": .count(\.connections), "connections-per-address": .count(\.connectionsPerAddress),
        ]
    }

    /// The names that `set` knows.
    public static var names: [String] { fields.map(\.key) }

    /// Sets a limit. Counts are whole numbers, rates `BURST/PER-SECOND`, times seconds; what may be absent takes `off`.
    /// Returns what would have been right when the text is not; nil: it is set.
    public mutating func set(_ name: String, to text: String) -> String? {
        guard let field = Self.fields.first(where: { $0.key == name })?.value else {
            return "one of \(Self.names.joined(separator: ", "))"
        }
        switch field {
        case .count(let path):
            // As a window or a setting goes over the wire: 31 bits.
            guard let number = Int(text), (0...0x7fff_ffff).contains(number) else { return "a whole number" }
            self[keyPath: path] = number
        case .rate(let path):
            guard let rate = TokenBucket.Rate(text) else { return TokenBucket.Rate.expectation }
            self[keyPath: path] = rate
        case .time(let path):
            guard let time = Self.time(text) else { return "a number of seconds" }
            self[keyPath: path] = time
        case .optionalTime(let path):
            guard text == "off" || Self.time(text) != nil else { return "a number of seconds, or off" }
            self[keyPath: path] = Self.time(text)
        case .optionalDuration(let path):
            guard text == "off" || Self.time(text) != nil else { return "a number of seconds, or off" }
            self[keyPath: path] = Self.time(text).map { .nanoseconds($0.nanoseconds) }
        }
        return nil
    }

    private static func time(_ text: String) -> TimeAmount? {
        // A year is as good as for ever, and far from where arithmetic ends.
        guard let seconds = Double(text), seconds > 0, seconds <= 31_536_000 else { return nil }
        return .nanoseconds(Int64(seconds * 1_000_000_000))
    }
}
