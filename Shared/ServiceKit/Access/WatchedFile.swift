import Foundation
import Synchronization

/// A small file that others replace while the service runs: keys, tokens. Tells when it is another one than before.
final class WatchedFile: Sendable {
    /// What tells two states of a file apart: a rename brings another inode, an edit another time or size.
    private struct Stamp: Hashable {
        var device: UInt64
        var inode: UInt64
        var size: Int64
        var seconds: Int
        var nanoseconds: Int
    }

    private struct State {
        var stamp: Stamp?
        var lookedAt: ContinuousClock.Instant?
    }

    let path: String
    /// Looked at no more often than this.
    private let interval: Duration
    private let state = Mutex(State())

    init(_ path: String, interval: Duration = .seconds(1)) {
        self.path = path
        self.interval = interval
    }

    /// Whether the file has changed since the last time this was true; true at first. `now`: look even if it was looked
    /// at just before. Of several who ask at once, one is told.
    func hasChanged(now isUrgent: Bool = false) -> Bool {
        state.withLock { state in
            let now = ContinuousClock.now
            if !isUrgent, let last = state.lookedAt, last.duration(to: now) < interval { return false }
            state.lookedAt = now
            // A file that is missing is being replaced, or a mistake: what it said last goes on.
            guard let stamp = Self.stamp(of: path), stamp != state.stamp else { return false }
            state.stamp = stamp
            return true
        }
    }

    func read() throws -> Data { try Data(contentsOf: URL(fileURLWithPath: path)) }

    private static func stamp(of path: String) -> Stamp? {
        var info = stat()
        guard stat(path, &info) == 0 else { return nil }
        return Stamp(
            device: UInt64(info.st_dev), inode: UInt64(info.st_ino), size: Int64(info.st_size),
            seconds: info.st_mtim.tv_sec, nanoseconds: info.st_mtim.tv_nsec)
    }
}
