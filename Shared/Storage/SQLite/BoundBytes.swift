/// The texts and blobs that a statement is given, one after the other: SQLite would ask for memory for each of them, at
/// each run.
struct BoundBytes {
    /// More than so much is given back after a run.
    private static let keptBytes = 4096

    // Never without an address, not even for no bytes at all: SQLite would make that NULL.
    private var memory = UnsafeMutableRawPointer.allocate(byteCount: 1, alignment: 1)
    private var capacity = 1
    private var used = 0

    /// Before the first copy of a run.
    mutating func makeRoom(_ bytes: Int) {
        guard bytes > capacity else { return }
        memory.deallocate()
        capacity = max(bytes, 128)
        memory = .allocate(byteCount: capacity, alignment: 1)
    }

    /// Where the copy lies until `clear`.
    mutating func copy(_ bytes: UnsafeRawBufferPointer) -> UnsafeMutableRawPointer {
        precondition(used + bytes.count <= capacity, "room was made for all values")
        let place = memory + used
        if let source = bytes.baseAddress { place.copyMemory(from: source, byteCount: bytes.count) }
        used += bytes.count
        return place
    }

    /// Values may be large, and they may be personal data: they do not stay.
    mutating func clear() {
        if capacity > Self.keptBytes {
            memory.deallocate()
            memory = .allocate(byteCount: 1, alignment: 1)
            capacity = 1
        } else {
            memory.initializeMemory(as: UInt8.self, repeating: 0, count: used)
        }
        used = 0
    }

    func deallocate() { memory.deallocate() }
}
