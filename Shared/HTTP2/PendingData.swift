/// DATA of one stream that one read of the socket has brought.
///
/// Usually that is one piece, which stays where it was read; only when there are more they are copied together. So it
/// holds nothing beyond the `Session.receive` in which it was filled.
struct PendingData {
    private var piece = UnsafeBufferPointer<UInt8>(start: nil, count: 0)
    private var copied: [UInt8] = []

    var isEmpty: Bool { piece.isEmpty && copied.isEmpty }

    mutating func append(_ bytes: UnsafeBufferPointer<UInt8>) {
        if isEmpty {
            piece = bytes
        } else {
            if copied.isEmpty { copied.append(contentsOf: piece) }
            copied.append(contentsOf: bytes)
        }
    }

    mutating func clear() { self = PendingData() }

    mutating func take() -> PendingData {
        defer { clear() }
        return self
    }

    func withBytes(_ body: (UnsafeBufferPointer<UInt8>) -> Void) {
        if copied.isEmpty { body(piece) } else { copied.withUnsafeBufferPointer(body) }
    }
}
