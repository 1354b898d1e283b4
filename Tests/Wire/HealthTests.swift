import RPC
import Synchronization
import TestSupport
import Testing

/// Round-robin leaves out addresses that say they do not serve (gRFC A17).
@Suite(.timeLimit(.minutes(10))) struct HealthTests {
    /// `grpc.health.v1.Health/Watch` by hand, with a switch.
    private final class Health: RegistrableService {
        private let serving = Mutex(true)

        func set(_ serving: Bool) { self.serving.withLock { $0 = serving } }

        func register(in router: inout ServiceRouter) {
            router.serverStreaming(
                MethodDescriptor(service: "grpc.health.v1.Health", method: "Watch", kind: .serverStreaming),
                decode: { $0 }, encode: { $0 },
                handler: { (request: [UInt8], response: ResponseWriter<[UInt8]>, _) in
                    #expect(request == [0x0a, 9] + Array("wire.Test".utf8))
                    var last: Bool?
                    while true {
                        let now = self.serving.withLock { $0 }
                        if now != last { try await response.write([0x08, now ? 1 : 2]) }
                        last = now
                        try await Task.sleep(for: .milliseconds(5))
                    }
                })
        }
    }

    private struct World {
        let services = [WireService(), WireService()]
        let health = [Health(), Health()]
        var client: WireClient

        /// Calls made on each server by 20 calls.
        func share() async -> [Int] {
            let before = services.map(\.seen.now.started)
            for _ in 0..<20 { #expect(await client.call(retries: false).outcome.error == nil) }
            return zip(services, before).map { $0.seen.now.started - $1 }
        }
    }

    private func withWorld(checksHealth: Bool, _ body: (World) async throws -> Void) async throws {
        var world = World(client: WireClient(rpc: try RPCClient(host: "127.0.0.1", port: 1)))
        var servers: [RPCServer] = []
        var targets: [RPCClient.Target] = []
        for (service, health) in zip(world.services, world.health) {
            let services: [any RegistrableService] = checksHealth ? [service, health] : [service]
            let server = RPCServer(configuration: .init(), services: services)
            targets.append(.init(host: "127.0.0.1", port: try await server.start()))
            servers.append(server)
        }
        let rpc = try RPCClient(targets: targets, options: .init(healthService: "wire.Test"))
        world.client = WireClient(rpc: rpc)
        try await body(world)
        await rpc.close(grace: .zero)
        for server in servers { await server.shutdown(grace: .zero) }
    }

    @Test func `An address that does not serve gets no calls until it serves again`() async throws {
        try await withWorld(checksHealth: true) { world in
            try await eventually("both get calls") { await world.share() == [10, 10] }
            world.health[0].set(false)
            try await eventually("only the second gets calls") { await world.share() == [0, 20] }
            world.health[0].set(true)
            try await eventually("both get calls again") { await world.share() == [10, 10] }
        }
    }

    @Test func `Where no address serves, calls fail or wait`() async throws {
        try await withWorld(checksHealth: true) { world in
            for health in world.health { health.set(false) }
            try await eventually("calls fail") {
                await world.client.call(retries: false).outcome.error?.code == .unavailable
            }
            let waits = world.client.call(waitForReady: true)
            #expect(await world.client.call(retries: false).outcome.error?.message.contains("does not serve") == true)
            #expect(!waits.isOver)
            world.health[1].set(true)
            #expect(await waits.outcome.error == nil)
        }
    }

    @Test func `A server that is not asked for its health in vain is taken as healthy`() async throws {
        try await withWorld(checksHealth: false) { world in
            try await eventually("both get calls") { await world.share() == [10, 10] }
        }
    }
}
