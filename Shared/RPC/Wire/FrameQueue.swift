import DequeModule

/// Messages that wait to be taken. The usual call has one, and for one nothing is allocated.
struct FrameQueue: Sendable {
    private var first: MessageDeframer.Frame?
    private var rest: Deque<MessageDeframer.Frame>?

    /// Messages waiting.
    var count: Int { (first == nil ? 0 : 1) + (rest?.count ?? 0) }

    /// Memory of the messages waiting: also empty ones take some.
    private(set) var byteCount = 0

    /// What a message takes beside its bytes: its place here, and the head of their array.
    private static let overhead = MemoryLayout<MessageDeframer.Frame>.stride + 32

    mutating func append(_ frame: MessageDeframer.Frame) {
        byteCount += frame.bytes.count + Self.overhead
        if first == nil { first = frame } else if rest == nil { rest = [frame] } else { rest?.append(frame) }
    }

    mutating func popFirst() -> MessageDeframer.Frame? {
        guard let next = first else { return nil }
        byteCount -= next.bytes.count + Self.overhead
        first = rest?.popFirst()
        return next
    }

    mutating func removeAll() {
        byteCount = 0
        first = nil
        rest = nil
    }

    /// Takes the credit of the only message: it is taken whole anyway.
    mutating func creditOfFirst() -> Int {
        defer { first?.credit = 0 }
        return first?.credit ?? 0
    }
}
