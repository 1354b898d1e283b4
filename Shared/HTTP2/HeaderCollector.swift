#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// The header list that is arriving: nothing else can arrive on a connection before its end, so a session has one.
///
/// Every field of every request passes through here. So its memory is used again for each list, and is written without
/// what an array asks at each append. It holds no more than `Limits.headerListBytes`. Confined as its session is.
struct HeaderCollector {
    private struct State {
        var memory = UnsafeMutableRawPointer.allocate(byteCount: 512, alignment: 8)
        var capacity = 512
        var used = 0
        var count = 0
        var listSize = 0
        var kinds: UInt64 = 0
    }

    private let state: UnsafeMutablePointer<State>

    init() {
        state = .allocate(capacity: 1)
        state.initialize(to: State())
    }

    /// Gives its memory back. Once.
    func deallocate() {
        state.pointee.memory.deallocate()
        state.deallocate()
    }

    /// Size of the list so far, as HTTP/2 counts it.
    var listSize: Int { state.pointee.listSize }

    /// Forgets the list, but keeps its memory for the next.
    func clear() {
        (state.pointee.used, state.pointee.count, state.pointee.listSize, state.pointee.kinds) = (0, 0, 0, 0)
    }

    /// Appends a field.
    func append(name: UnsafeBufferPointer<UInt8>, value: UnsafeBufferPointer<UInt8>) {
        let size = HeaderBlock.size(name, value)
        if state.pointee.used + size > state.pointee.capacity { grow(by: size) }
        HeaderBlock.write(name, value, to: state.pointee.memory + state.pointee.used)
        state.pointee.used += size
        state.pointee.count += 1
        state.pointee.listSize += name.count + value.count + 32
        state.pointee.kinds |= HeaderBlock.kind(name)
    }

    private func grow(by size: Int) {
        let capacity = max(state.pointee.capacity * 2, state.pointee.used + size)
        let memory = UnsafeMutableRawPointer.allocate(byteCount: capacity, alignment: 8)
        memcpy(memory, state.pointee.memory, state.pointee.used)
        state.pointee.memory.deallocate()
        (state.pointee.memory, state.pointee.capacity) = (memory, capacity)
    }

    /// The list in memory of its own, and no more of it than it needs.
    func block() -> HeaderBlock {
        HeaderBlock(
            bytes: UnsafeRawBufferPointer(start: state.pointee.memory, count: state.pointee.used),
            count: state.pointee.count, listSize: state.pointee.listSize, kinds: state.pointee.kinds)
    }
}
