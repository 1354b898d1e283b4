import CLibpq
import Foundation

/// Tells other processes on the same database of commits, and hears of theirs (NOTIFY and LISTEN).
///
/// After the commit, on a connection of its own and together for all that came in the meantime: NOTIFY inside a
/// transaction would make commits wait for each other. A process that dies in between tells nothing, which is why
/// those who wait also look by themselves now and then.
final class PostgresAnnouncer: Sendable {
    private struct State: Sendable {
        var channels: Set<String> = []
        var isStopping = false
        var hasEnded = false
    }

    private let monitor = Monitor(State())
    /// Written to when there is something to announce; the thread waits for it and for the server at once.
    private let wake: (read: Int32, write: Int32)

    /// Listens when it returns.
    init(address: String, signals: CommitSignals) throws {
        let link = try Self.listen(address)
        var ends: [Int32] = [-1, -1]
        // Without a pipe (no descriptors left) the thread looks once in each interval.
        if pipe(&ends) == 0 {
            for end in ends {
                _ = fcntl(end, F_SETFD, FD_CLOEXEC)
                _ = fcntl(end, F_SETFL, O_NONBLOCK)
            }
        }
        wake = (ends[0], ends[1])
        let thread = Thread { [self] in
            run(link, address: address, signals: signals)
            monitor.broadcast { $0.hasEnded = true }
        }
        thread.name = "storage-announcer"
        thread.stackSize = 1 << 20
        thread.start()
    }

    deinit {
        for end in [wake.read, wake.write] where end >= 0 { Foundation.close(end) }
    }

    func announce(_ channels: Set<String>) {
        guard !channels.isEmpty else { return }
        let isNews = monitor.withLock { state in
            let before = state.channels.count
            state.channels.formUnion(channels)
            return state.channels.count > before
        }
        if isNews { poke() }
    }

    func stop() {
        monitor.broadcast { $0.isStopping = true }
        poke()
    }

    func join() { monitor.wait { $0.hasEnded ? () : nil } }

    private func poke() {
        var byte: UInt8 = 1
        // A full pipe wakes as well as one more byte would.
        _ = Foundation.write(wake.write, &byte, 1)
    }

    private static func listen(_ address: String) throws -> PostgresLink {
        try PostgresLink(address: address, isForWriting: true, setUp: "LISTEN cdt_commits")
    }

    private func run(_ first: PostgresLink, address: String, signals: CommitSignals) {
        var link: PostgresLink? = first
        var backoff = 0.05
        while !monitor.withLock({ $0.isStopping && $0.channels.isEmpty }) {
            do {
                if let link {
                    try exchange(link, signals)
                } else {
                    link = try Self.listen(address)
                    backoff = 0.05
                    // What was said while nobody listened.
                    signals.fireAll()
                }
            } catch {
                // Those who wait look by themselves meanwhile.
                link = nil
                if monitor.withLock({ $0.isStopping }) { return }
                wait(for: -1, milliseconds: Int32(backoff * 1_000))
                backoff = min(backoff * 2, 5)
            }
        }
    }

    /// Says what there is to say, and waits for what others say.
    private func exchange(_ link: PostgresLink, _ signals: CommitSignals) throws {
        let channels = monitor.withLock { state in
            defer { state.channels = [] }
            return state.channels
        }
        if !channels.isEmpty {
            try link.send(
                text: "SELECT pg_notify('cdt_commits', $1)",
                values: [.text(channels.sorted().joined(separator: "\n"))])
            try link.settle()
        }
        signals.fire(Set(try link.notifications().flatMap { $0.split(separator: "\n").map(String.init) }))
        if !monitor.withLock({ $0.isStopping || !$0.channels.isEmpty }) {
            wait(for: link.descriptor, milliseconds: 1_000)
        }
    }

    private func wait(for descriptor: Int32, milliseconds: Int32) {
        var waiting = [wake.read, descriptor].map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
        poll(&waiting, 2, milliseconds)
        var bytes = [UInt8](repeating: 0, count: 64)
        while Foundation.read(wake.read, &bytes, bytes.count) == bytes.count {}
    }
}
