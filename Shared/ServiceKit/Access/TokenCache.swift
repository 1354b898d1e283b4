import Crypto
import RPC
import Synchronization

/// Tokens that were verified, by their digest: "so that the usual call verifies nothing". It holds no token, so that a
/// dump of the process's memory tells none that is not in use.
///
/// Two generations bound it: when the young one is full it becomes the old one, whose entries move back when they are
/// used. What nobody uses is gone after two fillings, without a list in order of use.
final class TokenCache: Sendable {
    struct Entry: Sendable {
        let caller: Authentication
        /// Which reading of the keys verified it: a key that was taken out opens nothing any more.
        let keys: Int
    }

    private struct State {
        var young: [SHA256Digest: Entry] = [:]
        var old: [SHA256Digest: Entry] = [:]
    }

    private let limit: Int
    private let state = Mutex(State())

    /// `limit`: about so many entries at most.
    init(limit: Int = 8192) { self.limit = max(limit / 2, 1) }

    var count: Int { state.withLock { $0.young.count + $0.old.count } }

    func entry(_ digest: SHA256Digest) -> Entry? {
        state.withLock { state in
            if let entry = state.young[digest] { return entry }
            guard let entry = state.old.removeValue(forKey: digest) else { return nil }
            keep(entry, digest, &state)
            return entry
        }
    }

    func insert(_ entry: Entry, for digest: SHA256Digest) {
        state.withLock { keep(entry, digest, &$0) }
    }

    private func keep(_ entry: Entry, _ digest: SHA256Digest, _ state: inout State) {
        if state.young.count >= limit {
            state.old = state.young
            state.young = [:]
        }
        state.young[digest] = entry
    }
}
