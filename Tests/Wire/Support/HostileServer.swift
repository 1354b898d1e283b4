import RPC
import Synchronization

/// A server in raw frames, and our client of it.
struct HostileServer {
    let listener: RawListener
    let client: WireClient

    static func run(
        _ options: RPCClient.Options = .init(), _ body: (HostileServer) async throws -> Void
    ) async throws {
        let listener = try RawListener()
        let rpc = try RPCClient(targets: [.init(host: "127.0.0.1", port: listener.port)], options: options)
        do {
            try await body(HostileServer(listener: listener, client: WireClient(rpc: rpc)))
        } catch {
            await rpc.close()
            throw error
        }
        await rpc.close()
    }

    /// The next connection of the client; SETTINGS are exchanged.
    func accept(settings: [(UInt16, UInt32)] = []) async throws -> RawPeer {
        let peer = RawPeer(try await listener.accept(), expectsPreface: true)
        try await peer.send(.settings(settings))
        _ = try await peer.wait { !$0.settings.isEmpty && $0.settingsAcks > 0 }
        return peer
    }
}

extension RawPeer {
    /// A stream above `after` that the client has opened and ended; waits for it.
    func nextRequest(after: UInt32) async throws -> UInt32 {
        _ = try await wait { $0.newestRequest(after: after) != nil }
        guard let stream = newestRequest(after: after) else { throw NoRequest() }
        return stream
    }

    struct NoRequest: Error {}

    func newestRequest(after: UInt32) -> UInt32? { streams.filter { $0.key > after && $0.value.ended }.keys.min() }

    /// Refuses a call with UNAVAILABLE in one HEADERS frame; `pushback` in milliseconds.
    func refuse(_ stream: UInt32, pushback: String? = nil) async throws {
        var fields = Self.responseHeaders + [("grpc-status", "14")]
        if let pushback { fields.append(("grpc-retry-pushback-ms", pushback)) }
        try await send(.headers(stream, fields, end: true))
    }

    /// Answers a call with one message.
    func reply(_ stream: UInt32, _ body: [UInt8]) async throws {
        try await send(.headers(stream, Self.responseHeaders), .data(stream, message(body)))
        try await send(.headers(stream, Self.trailers, end: true))
    }

    static let responseHeaders: Fields = [(":status", "200"), ("content-type", "application/grpc")]
    static let trailers: Fields = [("grpc-status", "0")]
}

/// Calls of our client, as values.
struct WireClient: Sendable {
    struct Outcome: Sendable {
        var reply: [UInt8]?
        var error: RPCError?
    }

    let rpc: RPCClient
    static let echo = MethodDescriptor(service: "wire.Test", method: "Echo", kind: .unary)

    /// One unary call, under way.
    func call(
        _ request: [UInt8] = [1], timeout: Duration = .seconds(60), retries: Bool = true, waitForReady: Bool = false
    ) -> Pending {
        let pending = Pending()
        pending.begin {
            do {
                return Outcome(
                    reply: try await rpc.unary(
                        Self.echo, request,
                        options: CallOptions(timeout: timeout, waitForReady: waitForReady, retries: retries),
                        encode: { $0 }, decode: { $0 }))
            } catch {
                return Outcome(error: error as? RPCError ?? RPCError(code: .unknown, message: "\(error)"))
            }
        }
        return pending
    }

    /// A call whose end can be asked for without waiting.
    final class Pending: Sendable {
        private let result = Mutex<Outcome?>(nil)

        fileprivate func begin(_ body: @escaping @Sendable () async -> Outcome) {
            Task {
                let outcome = await body()
                result.withLock { $0 = outcome }
            }
        }

        var isOver: Bool { result.withLock { $0 != nil } }

        /// Waits for the end; no outcome is an outcome of code UNKNOWN, "hangs".
        var outcome: Outcome {
            get async {
                for _ in 0..<18_000 {
                    if let outcome = result.withLock({ $0 }) { return outcome }
                    try? await Task.sleep(for: .milliseconds(5))
                }
                return Outcome(error: RPCError(code: .unknown, message: "hangs"))
            }
        }
    }
}
