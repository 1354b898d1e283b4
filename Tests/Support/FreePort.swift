#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// A port for a server that a test stops and starts again at the same place.
///
/// It lies below the range from which the kernel hands out ports, so that no other test's socket takes it in between.
package enum FreePort {
    /// Throws when no port can be found.
    package static func find() throws -> Int {
        for _ in 0..<200 {
            let port = Int.random(in: 20_000..<32_000)
            if isFree(UInt16(port)) { return port }
        }
        throw NoFreePort()
    }

    /// Nothing between 20,000 and 32,000 is free.
    package struct NoFreePort: Error {}

    private static func isFree(_ port: UInt16) -> Bool {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr = in_addr(s_addr: UInt32(0x7f00_0001).bigEndian)
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
    }
}
