import Foundation

/// A TCP socket that never blocks its thread: waiting is sleeping, so that tests beside this one go on.
final class RawSocket {
    struct Failed: Error { let what: String, code: Int32 }

    private let descriptor: Int32
    private(set) var isClosed = false

    /// Connects to 127.0.0.1. `receiveBuffer` makes the window that TCP offers small; `fromSecondAddress`: comes from
    /// 127.0.0.2.
    init(port: Int, receiveBuffer: Int32? = nil, fromSecondAddress: Bool = false) throws {
        let descriptor = Self.make()
        if fromSecondAddress {
            _ = Self.withAddress(port: 0, host: 0x7f00_0002) { bind(descriptor, $0, $1) }
        }
        if var receiveBuffer {
            setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &receiveBuffer, socklen_t(MemoryLayout<Int32>.size))
        }
        let connected = Self.withAddress(port: port) { connect(descriptor, $0, $1) }
        guard connected == 0 else {
            let code = errno
            close(descriptor)
            throw Failed(what: "connect", code: code)
        }
        self.descriptor = descriptor
        _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
    }

    fileprivate init(accepted descriptor: Int32) {
        self.descriptor = descriptor
        _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
    }

    deinit { close(descriptor) }

    fileprivate static func make() -> Int32 {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var on: Int32 = 1
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
        return descriptor
    }

    fileprivate static func withAddress<T>(
        port: Int, host: UInt32 = 0x7f00_0001, _ body: (UnsafePointer<sockaddr>, socklen_t) -> T
    ) -> T {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr = in_addr(s_addr: host.bigEndian)
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body($0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
    }

    /// Sends what the peer takes within `limit`; returns how many bytes that was.
    @discardableResult
    func send(_ bytes: [UInt8], within limit: Duration = .seconds(20)) async throws -> Int {
        let deadline = ContinuousClock.now + limit
        var sent = 0
        while sent < bytes.count, !isClosed {
            let count = bytes.withUnsafeBytes {
                Foundation.send(descriptor, $0.baseAddress.map { $0 + sent }, $0.count - sent, Int32(MSG_NOSIGNAL))
            }
            if count > 0 {
                sent += count
            } else if errno == EAGAIN || errno == EWOULDBLOCK {
                guard ContinuousClock.now < deadline else { return sent }
                try await Task.sleep(for: .milliseconds(1))
            } else {
                isClosed = true
            }
        }
        return sent
    }

    /// What is there; nil when nothing is.
    func receive() -> [UInt8]? {
        guard !isClosed else { return nil }
        let bytes = [UInt8](unsafeUninitializedCapacity: 64 * 1024) { buffer, count in
            count = recv(descriptor, buffer.baseAddress, buffer.count, 0)
            if count <= 0 {
                if count == 0 || (errno != EAGAIN && errno != EWOULDBLOCK) { isClosed = true }
                count = 0
            }
        }
        return bytes.isEmpty ? nil : bytes
    }

    /// No more will be sent.
    func finishSending() { shutdown(descriptor, Int32(SHUT_WR)) }

    /// Ends the connection.
    func abort() {
        isClosed = true
        shutdown(descriptor, Int32(SHUT_RDWR))
    }
}

/// Accepts connections on a free port, for hostile servers.
final class RawListener {
    private let descriptor: Int32
    let port: Int

    init() throws {
        let descriptor = RawSocket.make()
        _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
        var address = sockaddr_in()
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        guard RawSocket.withAddress(port: 0, { bind(descriptor, $0, $1) }) == 0, listen(descriptor, 16) == 0 else {
            let code = errno
            close(descriptor)
            throw RawSocket.Failed(what: "listen", code: code)
        }
        withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { _ = getsockname(descriptor, $0, &length) }
        }
        self.descriptor = descriptor
        port = Int(UInt16(bigEndian: address.sin_port))
    }

    deinit { close(descriptor) }

    /// The next connection; waits for it.
    func accept(within limit: Duration = .seconds(20)) async throws -> RawSocket {
        let deadline = ContinuousClock.now + limit
        while ContinuousClock.now < deadline {
            let accepted = Foundation.accept(descriptor, nil, nil)
            if accepted >= 0 { return RawSocket(accepted: accepted) }
            try await Task.sleep(for: .milliseconds(1))
        }
        throw RawSocket.Failed(what: "accept", code: ETIMEDOUT)
    }
}
