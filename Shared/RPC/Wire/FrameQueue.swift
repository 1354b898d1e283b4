import DequeModule

/// Messages that wait to be taken. The usual call has one, and for one nothing is allocated.
struct FrameQueue: Sendable {
    private var first: MessageDeframer.Frame?
    private var rest: Deque<MessageDeframer.Frame> = []

    /// Messages waiting.
    var count: Int { (first == nil ? 0 : 1) + rest.count }

    mutating func append(_ frame: MessageDeframer.Frame) {
        if first == nil { first = frame } else { rest.append(frame) }
    }

    mutating func popFirst() -> MessageDeframer.Frame? {
        guard let next = first else { return nil }
        first = rest.popFirst()
        return next
    }

    mutating func removeAll() {
        first = nil
        rest.removeAll()
    }

    /// Takes the credit of the only message: it is taken whole anyway.
    mutating func creditOfFirst() -> Int {
        defer { first?.credit = 0 }
        return first?.credit ?? 0
    }
}
