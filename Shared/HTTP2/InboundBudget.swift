/// Bounds what one connection makes us hold of requests that are incomplete or not taken by their handlers.
///
/// Below the limit every stream gets its flow control credit at once. Above it only one stream does, until its message
/// is complete: all others have to wait with what their windows let them send. So one request always gets on, and a
/// connection holds at most `concurrentStreams` windows and one message. A value that says what to credit.
package struct InboundBudget: Sendable {
    /// Bytes that may be held before the server is told.
    private static let step = 64 * 1024

    private let limit: Int
    private let total: InboundTotal?
    /// Bytes held now.
    private(set) package var held = 0
    /// Bytes the server has been told of.
    private var told = 0
    /// The stream that may go on above the limit.
    private var favoured: Int32?
    private var withheld: [Int32: Int] = [:]

    package init(limit: Int, total: InboundTotal? = nil) {
        self.limit = limit
        self.total = total
    }

    /// Whether the server as a whole holds too much for a stream to go on that holds `count` bytes of it. What small
    /// requests hold on their way to the handler is let through.
    package func refuses(holding count: Int) -> Bool {
        guard count > Self.step, let total else { return false }
        return total.isExhausted
    }

    /// A stream has sent part of a message, for which it would get `credit`; returns what it gets now.
    package mutating func credit(_ credit: Int, to stream: Int32) -> Int {
        if held <= limit || favoured == stream { return credit }
        if favoured == nil {
            favoured = stream
            return credit
        }
        withheld[stream, default: 0] += credit
        return 0
    }

    /// What a stream makes us hold has changed by `change` bytes; `needsMore`: its message is incomplete. Returns the
    /// credit that has become free, by stream.
    package mutating func changed(by change: Int, stream: Int32, needsMore: Bool) -> [(stream: Int32, credit: Int)] {
        held += change
        if held - told >= Self.step || held < told, let total {
            total.add(held - told)
            told = held
        }
        if favoured == stream, !needsMore { favoured = nil }
        guard !withheld.isEmpty else { return [] }
        if held <= limit {
            defer { withheld = [:] }
            return withheld.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
        }
        var free: [(stream: Int32, credit: Int)] = []
        if change < 0 || !needsMore, let own = withheld.removeValue(forKey: stream) { free.append((stream, own)) }
        if favoured == nil, let next = withheld.keys.min(), let credit = withheld.removeValue(forKey: next) {
            favoured = next
            free.append((next, credit))
        }
        return free
    }
}
