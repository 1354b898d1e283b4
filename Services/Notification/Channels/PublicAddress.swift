/// An IP address as bytes, and whether it is one of the public Internet.
///
/// "Webhook targets must resolve to public addresses": otherwise whoever may register an endpoint could make this
/// service call the operator's own network.
struct PublicAddress: Sendable, Hashable {
    /// 4 or 16 bytes, in network order.
    let bytes: [UInt8]

    /// IANA's special-purpose registries say what is not globally reachable; for IPv6 only 2000::/3 is assigned at all.
    var isPublic: Bool {
        if bytes.count == 4 { return Self.isPublic4(bytes) }
        guard bytes.count == 16 else { return false }
        if let embedded = embeddedIPv4 { return Self.isPublic4(embedded) }
        guard bytes[0] & 0xE0 == 0x20 else { return false }
        let special: [(prefix: [UInt8], bits: Int)] = [
            ([0x20, 0x01, 0x00, 0x00], 23),  // 2001::/23 protocol assignments, Teredo among them
            ([0x20, 0x01, 0x0D, 0xB8], 32),  // documentation
            ([0x3F, 0xFF, 0x00, 0x00], 20),  // documentation
        ]
        return !special.contains { Self.matches(bytes, $0.prefix, bits: $0.bits) }
    }

    /// The IPv4 address that IPv4-mapped, NAT64 and 6to4 addresses lead to.
    private var embeddedIPv4: [UInt8]? {
        if bytes[..<12].elementsEqual([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF]) { return Array(bytes[12...]) }
        if bytes[..<12].elementsEqual([0, 0x64, 0xFF, 0x9B, 0, 0, 0, 0, 0, 0, 0, 0]) { return Array(bytes[12...]) }
        if bytes[0] == 0x20, bytes[1] == 0x02 { return Array(bytes[2..<6]) }
        return nil
    }

    private static func isPublic4(_ bytes: [UInt8]) -> Bool {
        let special: [(prefix: [UInt8], bits: Int)] = [
            ([0], 8), ([10], 8), ([100, 64], 10), ([127], 8), ([169, 254], 16), ([172, 16], 12), ([192, 0, 0], 24),
            ([192, 0, 2], 24), ([192, 88, 99], 24), ([192, 168], 16), ([198, 18], 15), ([198, 51, 100], 24),
            ([203, 0, 113], 24), ([224], 4), ([240], 4),
        ]
        return !special.contains { matches(bytes, $0.prefix, bits: $0.bits) }
    }

    private static func matches(_ address: [UInt8], _ prefix: [UInt8], bits: Int) -> Bool {
        var left = bits
        for (a, b) in zip(address, prefix) where left > 0 {
            let mask = left >= 8 ? UInt8.max : ~(UInt8.max >> UInt8(left))
            if a & mask != b & mask { return false }
            left -= 8
        }
        return true
    }
}
