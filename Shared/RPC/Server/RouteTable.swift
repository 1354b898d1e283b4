import HTTP2

/// Finds a route by the bytes of its path: no `String` is made, and nothing beyond the paths that look alike is
/// compared.
struct RouteTable: Sendable {
    /// Open addressing, at most half full.
    private let slots: [ServiceRouter.Route?]
    private var mask: Int { slots.count - 1 }

    init(_ routes: [ServiceRouter.Route]) {
        var size = 2
        while size < routes.count * 2 { size *= 2 }
        var slots = [ServiceRouter.Route?](repeating: nil, count: size)
        for route in routes {
            var index = route.path.withUnsafeBufferPointer { Self.hash($0) } & (size - 1)
            while slots[index] != nil { index = (index + 1) & (size - 1) }
            slots[index] = route
        }
        self.slots = slots
    }

    func route(path: UnsafeBufferPointer<UInt8>) -> ServiceRouter.Route? {
        var index = Self.hash(path) & mask
        while let route = slots[index] {
            if route.path.withUnsafeBufferPointer({ $0.equals(path) }) { return route }
            index = (index + 1) & mask
        }
        return nil
    }

    /// Length and last eight bytes: what tells the methods of our services apart. Others meet in one slot and are
    /// compared.
    private static func hash(_ path: UnsafeBufferPointer<UInt8>) -> Int {
        var hash = UInt64(path.count)
        for byte in path.suffix(8) { hash = hash << 8 ^ hash >> 56 ^ UInt64(byte) }
        return Int(truncatingIfNeeded: (hash &* 0x9e37_79b9_7f4a_7c15) >> 32)
    }
}
