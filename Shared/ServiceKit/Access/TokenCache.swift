/// Tokens that were verified: "so that the usual call verifies nothing". A value; the authenticator guards it.
///
/// An entry is found by what stands at the end of its token, which is the end of a signature: nobody chooses that, and
/// the standard library hashes it with a key of the process, so that nobody can make many entries meet. Then the whole
/// token is compared, in a time that says nothing of where it differs. So the usual call costs no digest; the price is
/// that the tokens in use lie in the memory of the process, where they come through with every call anyway
/// (THREAT_MODEL.md).
struct TokenCache {
    final class Entry: Sendable {
        let caller: Authentication
        /// Which reading of the keys verified it: a key that was taken out opens nothing any more.
        let keys: Int
        fileprivate let token: [UInt8]

        init(token: [UInt8], caller: Authentication, keys: Int) {
            self.token = token
            self.caller = caller
            self.keys = keys
        }
    }

    /// Length and last 16 bytes.
    private struct Tail: Hashable {
        var length: Int
        var words = (UInt64(0), UInt64(0))

        init(_ token: UnsafeRawBufferPointer) {
            length = token.count
            withUnsafeMutableBytes(of: &words) { words in
                words.copyMemory(from: UnsafeRawBufferPointer(rebasing: token.suffix(words.count)))
            }
        }

        static func == (one: Tail, other: Tail) -> Bool { one.length == other.length && one.words == other.words }

        func hash(into hasher: inout Hasher) { hasher.combine(words.0 ^ words.1) }
    }

    private var entries: RecentValues<Tail, Entry>

    /// `limit`: about so many entries at most.
    init(limit: Int = 8192) { entries = RecentValues(limit: limit) }

    var count: Int { entries.count }

    /// The entry of exactly this token.
    mutating func entry(_ token: UnsafeRawBufferPointer) -> Entry? {
        guard let entry = entries.value(Tail(token)), Self.same(entry.token, token) else { return nil }
        return entry
    }

    /// Of two tokens with the same end, which do not happen by chance, the later one is kept.
    mutating func insert(_ entry: Entry) { entries.keep(entry, entry.token.withUnsafeBytes { Tail($0) }) }

    /// Looks at all bytes, whatever the first ones say.
    private static func same(_ kept: [UInt8], _ shown: UnsafeRawBufferPointer) -> Bool {
        guard kept.count == shown.count else { return false }
        return kept.withUnsafeBytes { kept in
            guard let one = kept.baseAddress, let other = shown.baseAddress else { return kept.isEmpty }
            var difference: UInt64 = 0
            var offset = 0
            while offset + 8 <= kept.count {
                difference |=
                    (one + offset).loadUnaligned(as: UInt64.self) ^ (other + offset).loadUnaligned(as: UInt64.self)
                offset += 8
            }
            while offset < kept.count {
                difference |=
                    UInt64((one + offset).load(as: UInt8.self)) ^ UInt64((other + offset).load(as: UInt8.self))
                offset += 1
            }
            return difference == 0
        }
    }
}
