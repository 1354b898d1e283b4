import HTTP2
import NIOPosix
import RPC

/// Serves `/bench.Bench/Unary` from a bare async handler on one event loop: what the RPC stack itself costs.
struct Bench: RegistrableService {
    /// 125 bytes, like a small team.
    let reply = [UInt8](repeating: UInt8(ascii: "x"), count: 125)

    func register(in router: inout ServiceRouter) {
        router.unary(
            MethodDescriptor(service: "bench.Bench", method: "Unary", kind: .unary), decode: { $0 }, encode: { $0 },
            handler: { (_: [UInt8], _) async -> [UInt8] in reply })
    }
}

var limits = Limits()
limits.unaryTimeout = nil
let server = RPCServer(
    configuration: .init(
        port: Int(CommandLine.arguments.dropFirst().first ?? "0") ?? 0, limits: limits,
        eventLoops: MultiThreadedEventLoopGroup(numberOfThreads: 1)),
    services: [Bench()])
let port = try await server.start()
print("listening on 127.0.0.1:\(port)")
try await Task.sleep(for: .seconds(24 * 3600))
