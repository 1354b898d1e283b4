import RPC
import SwiftProtobuf
import Synchronization

/// Calls of all four kinds, without a pause, until it is stopped; counts those that fail. No call is repeated by the
/// caller: what a server that stops does to calls under way shows.
public final class Load: Sendable {
    /// What came of it.
    public struct Report: Sendable {
        /// Calls that ended as they should.
        public var succeeded = 0
        /// Calls that did not, with their errors.
        public var failures: [String] = []
    }

    private struct State {
        var report = Report()
        var isStopped = false
        var servers: Set<String> = []
    }
    private let client: Grpc_Testing_TestService.Client
    private let state = Mutex(State())

    /// A load on the servers of a client.
    public init(_ rpc: RPCClient) { client = Grpc_Testing_TestService.Client(rpc) }

    /// Ends the load when the calls under way have ended.
    public func stop() { state.withLock { $0.isStopped = true } }

    /// Calls so far.
    public var report: Report { state.withLock { $0.report } }

    /// Servers that have answered since this was last asked, by their ids.
    public func takeServers() -> Set<String> {
        state.withLock { state in
            defer { state.servers = [] }
            return state.servers
        }
    }

    /// Calls from so many tasks, until `stop`.
    public func run(workers: Int) async {
        await withTaskGroup(of: Void.self) { group in
            for worker in 0..<workers {
                group.addTask {
                    var turn = worker
                    while !self.state.withLock({ $0.isStopped }) {
                        await self.one(turn)
                        turn += 1
                    }
                }
            }
        }
    }

    private func one(_ turn: Int) async {
        let kind = ["unary", "server streaming", "client streaming", "bidirectional"][turn % 4]
        do {
            switch turn % 4 {
            case 0: try await unary()
            case 1: try await download()
            case 2: try await upload()
            default: try await pingPong()
            }
            state.withLock { $0.report.succeeded += 1 }
        } catch {
            state.withLock { $0.report.failures.append("\(kind): \(error)") }
        }
    }

    private struct Wrong: Error { let got: Int }

    private static let options = CallOptions(timeout: .seconds(60), retries: false)

    private func unary() async throws {
        let response = try await client.unaryCall(
            .with { ($0.responseSize, $0.fillServerID) = (100, true) }, options: Self.options)
        guard response.payload.body.count == 100 else { throw Wrong(got: response.payload.body.count) }
        state.withLock { _ = $0.servers.insert(response.serverID) }
    }

    /// A reply that takes a while, so that servers are stopped in the middle of many.
    private func download() async throws {
        let request = Grpc_Testing_StreamingOutputCallRequest.with {
            $0.responseParameters = (0..<10).map { _ in .with { ($0.size, $0.intervalUs) = (1000, 5000) } }
        }
        let call = try await client.streamingOutputCall(request, options: Self.options)
        var count = 0
        for try await _ in call.responses { count += 1 }
        guard count == 10 else { throw Wrong(got: count) }
    }

    private func upload() async throws {
        let call = try await client.streamingInputCall(options: Self.options)
        for _ in 0..<10 { try await call.requests.send(.with { $0.payload = .zeros(1000) }) }
        let total = Int(try await call.response().aggregatedPayloadSize)
        guard total == 10_000 else { throw Wrong(got: total) }
    }

    private func pingPong() async throws {
        let call = try await client.fullDuplexCall(options: Self.options)
        var responses = call.responses.makeAsyncIterator()
        for size in 1...5 as ClosedRange<Int32> {
            try await call.requests.send(.with { $0.responseParameters = [.with { $0.size = size }] })
            let got = try await responses.next()?.payload.body.count ?? -1
            guard got == Int(size) else { throw Wrong(got: got) }
        }
        call.requests.finish()
        if let extra = try await responses.next() { throw Wrong(got: extra.payload.body.count) }
    }
}
