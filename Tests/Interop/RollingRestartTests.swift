import InteropService
import RPC
import TestSupport
import Testing

/// Two servers of two processes are stopped and started again under load: no call is lost. `./dev drain-test` does it
/// for longer, with the official Python client beside ours.
@Suite(.timeLimit(.minutes(10))) struct RollingRestartTests {
    private static func start(port: Int) async throws -> BackgroundProcess {
        let server = try BackgroundProcess(["\(PackageFolder.products)/interop-server", "--port", "\(port)"])
        _ = try await server.line(after: "listening on ", within: .seconds(60))
        return server
    }

    /// Waits until a server has answered calls of the load.
    private static func wait(for server: BackgroundProcess, in load: Load) async throws {
        for _ in 0..<3000 {
            if load.takeServers().contains("\(server.id)") { return }
            try await Task.sleep(for: .milliseconds(20))
        }
        Issue.record("the client did not come back to a server")
    }

    @Test func `A rolling restart under load loses no call`() async throws {
        let ports = [try FreePort.find(), try FreePort.find()]
        var servers = [try await Self.start(port: ports[0]), try await Self.start(port: ports[1])]
        let rpc = try RPCClient(
            targets: ports.map { .init(host: "127.0.0.1", port: $0) },
            options: .init(connectBackoff: Backoff(initial: .milliseconds(50), maximum: .milliseconds(500))))
        let load = Load(rpc)
        let running = Task { await load.run(workers: 16) }
        for server in servers { try await Self.wait(for: server, in: load) }
        for index in [0, 1, 0, 1] {
            #expect(await servers[index].stop(grace: .seconds(60)) == 0)
            servers[index] = try await Self.start(port: ports[index])
            try await Self.wait(for: servers[index], in: load)
        }
        load.stop()
        await running.value
        await rpc.close()
        for server in servers { await server.stop() }
        #expect(load.report.failures == [])
        #expect(load.report.succeeded > 100)
    }
}
