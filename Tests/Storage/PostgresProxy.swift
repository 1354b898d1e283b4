import Foundation
import Synchronization
import TestSupport

/// Stands between a client and a PostgreSQL server, and cuts the connection at a chosen moment of a commit.
final class PostgresProxy: Sendable {
    enum Cut: Sendable {
        /// The server never gets the COMMIT.
        case before
        /// The server commits, and the client never hears of it.
        case after
    }

    private struct State: Sendable {
        var cuts: [Cut] = []
        var isRefusing = false
        var done = 0
    }

    private let folder: ScratchFolder
    private let listener: Int32
    private let state = Mutex(State())

    /// Serves connections to the socket in `target`, until `close`.
    init(to target: String) throws {
        folder = try ScratchFolder()
        listener = Self.socket()
        guard Self.connected(listener, to: folder.path(Self.name), bind), listen(listener, 16) == 0 else {
            throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO)
        }
        Thread.detachNewThread { [self] in
            while true {
                let client = accept(listener, nil, nil)
                guard client >= 0 else { return }
                Thread.detachNewThread { self.serve(client, "\(target)/\(Self.name)") }
            }
        }
    }

    private static let name = ".s.PGSQL.5432"

    func address(_ database: String) -> String {
        "postgresql:///\(database)?host=\(folder.path)&port=5432&user=postgres"
    }

    /// The next commits are cut like this, one after the other.
    func cut(_ cuts: Cut...) { state.withLock { $0.cuts += cuts } }
    /// New connections are closed at once.
    func refuse(_ isRefusing: Bool) { state.withLock { $0.isRefusing = isRefusing } }
    var cutsMade: Int { state.withLock { $0.done } }

    func close() {
        shutdown(listener, Int32(SHUT_RDWR))
        Foundation.close(listener)
        folder.remove()
    }

    private func serve(_ client: Int32, _ target: String) {
        let server = Self.socket()
        defer { for end in [client, server] { Foundation.close(end) } }
        guard !state.withLock({ $0.isRefusing }), Self.connected(server, to: target, connect) else { return }
        var ends = [client, server].map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while poll(&ends, 2, -1) > 0 {
            if ends[0].revents != 0 {
                let count = read(client, &buffer, buffer.count)
                guard count > 0 else { return }
                let cut = Self.commits(buffer[..<count]) ? next() : nil
                if cut == .before { return }
                guard Self.send(server, buffer, count) else { return }
                if cut == .after {
                    // The answer says that the server is done.
                    _ = read(server, &buffer, buffer.count)
                    return
                }
            }
            if ends[1].revents != 0 {
                let count = read(server, &buffer, buffer.count)
                guard count > 0, Self.send(client, buffer, count) else { return }
            }
        }
    }

    private func next() -> Cut? {
        state.withLock { state in
            guard !state.cuts.isEmpty else { return nil }
            state.done += 1
            return state.cuts.removeFirst()
        }
    }

    private static func commits(_ bytes: ArraySlice<UInt8>) -> Bool {
        Data(bytes).range(of: Data("COMMIT\0".utf8)) != nil
    }

    private static func send(_ descriptor: Int32, _ bytes: [UInt8], _ count: Int) -> Bool {
        var sent = 0
        while sent < count {
            let part = bytes[sent..<count].withUnsafeBytes {
                Foundation.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard part > 0 else { return false }
            sent += part
        }
        return true
    }

    private static func socket() -> Int32 {
        Foundation.socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    }

    private static func connected(
        _ descriptor: Int32, to path: String, _ body: (Int32, UnsafePointer<sockaddr>, socklen_t) -> Int32
    ) -> Bool {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8.prefix($0.count - 1)) }
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        } == 0
    }
}
