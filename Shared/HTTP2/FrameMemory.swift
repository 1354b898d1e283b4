import CNghttp2

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Memory of one nghttp2 session. Every call makes the library allocate the same eight small blocks and free them
/// again: what is freed is kept, by size, for the next call.
///
/// Confined as its session is: nothing but the library's own calls reaches it, so nothing is locked. Each block has its
/// size before it, which `free` is not told.
struct FrameMemory {
    /// Sizes are rounded up to so many bytes. As many stand before each block, so that blocks have malloc's alignment.
    private static let unit = 16
    /// Sizes that are kept, in units: up to 1 KiB, which a token with some grants takes. Larger blocks (frame buffers,
    /// tables) live as long as the session or are rare.
    private static let sizes = 64
    /// Bytes kept at most: what some forty calls at once take. A connection keeps what its busiest moment took.
    private static let keptBytes = 48 * 1024

    private typealias Block = UnsafeMutableRawPointer

    private struct Lists {
        /// By size in units: the first free block, which begins with a pointer to the next.
        let first = UnsafeMutablePointer<Block?>.allocate(capacity: FrameMemory.sizes + 1)
        var kept = 0
    }

    private let lists: UnsafeMutablePointer<Lists>

    /// Memory for one session.
    init() {
        lists = .allocate(capacity: 1)
        lists.initialize(to: Lists())
        lists.pointee.first.initialize(repeating: nil, count: Self.sizes + 1)
    }

    /// Gives everything back. Once, and after the session has been deleted.
    func deallocate() {
        for size in 0...Self.sizes {
            while let block = lists.pointee.first[size] {
                lists.pointee.first[size] = block.load(as: Block?.self)
                free(block - Self.unit)
            }
        }
        lists.pointee.first.deallocate()
        lists.deallocate()
    }

    /// What the library is given; it keeps a copy.
    var functions: nghttp2_mem {
        nghttp2_mem(
            mem_user_data: lists,
            malloc: { size, user in FrameMemory.lists(user)?.allocate(size) },
            free: { block, user in if let block { FrameMemory.lists(user)?.release(block) } },
            calloc: { count, size, user in
                let (bytes, overflow) = count.multipliedReportingOverflow(by: size)
                guard !overflow, let block = FrameMemory.lists(user)?.allocate(bytes) else { return nil }
                return memset(block, 0, bytes)
            },
            realloc: { block, size, user in
                guard let block else { return FrameMemory.lists(user)?.allocate(size) }
                return FrameMemory.lists(user)?.resize(block, size)
            })
    }

    private static func lists(_ user: UnsafeMutableRawPointer?) -> FrameMemory? {
        user.map { FrameMemory(lists: $0.assumingMemoryBound(to: Lists.self)) }
    }

    private init(lists: UnsafeMutablePointer<Lists>) { self.lists = lists }

    /// The size of a block in units; 0: it is not kept.
    private static func size(of block: Block) -> Int { (block - unit).load(as: Int.self) }

    private func allocate(_ bytes: Int) -> UnsafeMutableRawPointer? {
        // Beyond `Int.max`: nobody has so much.
        guard bytes >= 0 else { return nil }
        guard bytes <= Self.sizes * Self.unit else { return Self.fresh(bytes, size: 0) }
        let size = max(1, (bytes + Self.unit - 1) / Self.unit)
        guard let block = lists.pointee.first[size] else { return Self.fresh(size * Self.unit, size: size) }
        lists.pointee.first[size] = block.load(as: Block?.self)
        lists.pointee.kept -= size * Self.unit
        return block
    }

    private static func fresh(_ bytes: Int, size: Int) -> Block? {
        let (whole, overflow) = bytes.addingReportingOverflow(unit)
        guard !overflow, let start = malloc(whole) else { return nil }
        start.storeBytes(of: size, as: Int.self)
        return start + unit
    }

    private func release(_ block: Block) {
        let size = Self.size(of: block)
        guard size > 0, lists.pointee.kept + size * Self.unit <= Self.keptBytes else { return free(block - Self.unit) }
        block.storeBytes(of: lists.pointee.first[size], as: Block?.self)
        lists.pointee.first[size] = block
        lists.pointee.kept += size * Self.unit
    }

    private func resize(_ block: Block, _ bytes: Int) -> Block? {
        guard bytes >= 0 else { return nil }
        let size = Self.size(of: block)
        guard size > 0 else {
            let (whole, overflow) = bytes.addingReportingOverflow(Self.unit)
            guard !overflow, let start = realloc(block - Self.unit, whole) else { return nil }
            return start + Self.unit
        }
        guard bytes > size * Self.unit else { return block }
        guard let larger = allocate(bytes) else { return nil }
        memcpy(larger, block, size * Self.unit)
        release(block)
        return larger
    }
}
