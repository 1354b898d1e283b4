#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The addresses a host name has now.
struct ResolvedAddress: Sendable, Hashable {
    var address: PublicAddress
    /// As written, IPv6 without brackets.
    var text: String
}

enum AddressLookup {
    /// Asks the system's resolver. It blocks: call it on a sender's thread. Empty: no such host, or no answer.
    static func resolve(_ host: String) -> [ResolvedAddress] {
        var hints = addrinfo()
        hints.ai_family = AF_UNSPEC
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(host, nil, &hints, &list) == 0 else { return [] }
        defer { freeaddrinfo(list) }
        var found: [ResolvedAddress] = []
        var next = list
        while let entry = next {
            next = entry.pointee.ai_next
            guard let bytes = bytes(of: entry.pointee) else { continue }
            var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN) + 1)
            guard inet_ntop(entry.pointee.ai_family, bytes, &text, socklen_t(text.count)) != nil else { continue }
            let length = text.firstIndex(of: 0) ?? text.count
            let written = String(decoding: text[..<length].map { UInt8(bitPattern: $0) }, as: UTF8.self)
            let resolved = ResolvedAddress(address: PublicAddress(bytes: bytes), text: written)
            if !found.contains(resolved) { found.append(resolved) }
        }
        return found
    }

    private static func bytes(of entry: addrinfo) -> [UInt8]? {
        guard let address = entry.ai_addr else { return nil }
        switch entry.ai_family {
        case AF_INET:
            return address.withMemoryRebound(to: sockaddr_in.self, capacity: 1) { pointer in
                withUnsafeBytes(of: pointer.pointee.sin_addr) { Array($0) }
            }
        case AF_INET6:
            return address.withMemoryRebound(to: sockaddr_in6.self, capacity: 1) { pointer in
                withUnsafeBytes(of: pointer.pointee.sin6_addr) { Array($0) }
            }
        default:
            return nil
        }
    }
}
