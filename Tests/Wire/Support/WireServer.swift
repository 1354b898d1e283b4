import HTTP2
import RPC
import Synchronization

/// Methods of all kinds over plain bytes, so that every byte of a call is in the hands of its test.
struct WireService: RegistrableService {
    let seen = Seen()

    func register(in router: inout ServiceRouter) {
        let seen = seen
        func method(_ name: String, _ kind: CallKind) -> MethodDescriptor {
            MethodDescriptor(service: "wire.Test", method: name, kind: kind)
        }
        func unary(
            _ name: String, _ handler: @escaping @Sendable ([UInt8], ServerContext) async throws -> [UInt8]
        ) {
            router.unary(
                method(name, .unary), decode: { $0 }, encode: { $0 },
                handler: { request, context in
                    try await seen.handling(context) { try await handler(request, context) }
                })
        }
        // What comes as `x-…` goes back with the status, `x-initial-…` before the reply as well.
        unary("Echo") { request, context in
            for entry in context.metadata where entry.key.hasPrefix("x-") {
                var echo = Metadata()
                switch entry.value {
                case .string(let value): echo.add(value, for: entry.key)
                case .binary(let value): echo.add(value, for: entry.key)
                }
                context.addTrailingMetadata(echo)
                if entry.key.hasPrefix("x-initial-") { context.setInitialMetadata(echo) }
            }
            return request
        }
        unary("Fail") { request, _ in
            throw RPCError(
                code: StatusCode(rawValue: Int(request[0])) ?? .unknown,
                message: String(decoding: request.dropFirst(), as: UTF8.self),
                metadata: ["grpc-status": "0", "x-kept": "yes"])
        }
        unary("Wait") { request, _ in
            try await Task.sleep(for: .seconds(600))
            return request
        }
        // Does not listen when it is cancelled.
        unary("Stubborn") { request, _ in
            while !seen.isReleased { await Task.detached { try? await Task.sleep(for: .milliseconds(5)) }.value }
            return request
        }
        unary("Compressed") { request, context in
            context.setCompression(true)
            return request
        }
        router.clientStreaming(
            method("Collect", .clientStreaming), decode: { $0 }, encode: { $0 },
            handler: {
                (requests: RequestStream<[UInt8]>, context) in
                try await seen.handling(context) {
                    var sizes: [Int] = []
                    for try await request in requests { sizes.append(request.count) }
                    return Array(sizes.map(String.init).joined(separator: " ").utf8)
                }
            })
        router.clientStreaming(
            method("Early", .clientStreaming), decode: { $0 }, encode: { $0 },
            handler: {
                (_: RequestStream<[UInt8]>, context) in
                try await seen.handling(context) { Array("early".utf8) }
            })
        router.clientStreaming(
            method("Ignore", .clientStreaming), decode: { $0 }, encode: { $0 },
            handler: {
                (_: RequestStream<[UInt8]>, context) in
                try await seen.handling(context) {
                    try await Task.sleep(for: .seconds(600))
                    return []
                }
            })
        router.serverStreaming(
            method("Hang", .serverStreaming), decode: { $0 }, encode: { $0 },
            handler: {
                (_: [UInt8], _: ResponseWriter<[UInt8]>, context) in
                try await seen.handling(context) { try await Task.sleep(for: .seconds(600)) }
            })
        // "count size", and the code of an error after them
        router.serverStreaming(
            method("Produce", .serverStreaming), decode: { $0 }, encode: { $0 },
            handler: {
                (request: [UInt8], response: ResponseWriter<[UInt8]>, context) in
                try await seen.handling(context) {
                    let numbers = String(decoding: request, as: UTF8.self).split(separator: " ").compactMap { Int($0) }
                    guard numbers.count >= 2 else { throw RPCError(code: .invalidArgument, message: "count and size") }
                    for _ in 0..<numbers[0] {
                        try await response.write([UInt8](repeating: 7, count: numbers[1]))
                        seen.wrote()
                    }
                    guard numbers.count > 2 else { return }
                    throw RPCError(
                        code: StatusCode(rawValue: numbers[2]) ?? .unknown, message: "after \(numbers[0])",
                        metadata: ["x-kept": "yes"])
                }
            })
        router.bidirectionalStreaming(
            method("Chat", .bidirectionalStreaming), decode: { $0 }, encode: { $0 },
            handler: {
                (requests: RequestStream<[UInt8]>, response: ResponseWriter<[UInt8]>, context) in
                try await seen.handling(context) {
                    // Long ones are compressed, for who can read that.
                    for try await request in requests {
                        context.setCompression(request.count > 1000)
                        try await response.write(request)
                    }
                }
            })
    }
}

/// What the handlers saw.
final class Seen: Sendable {
    struct State {
        var started = 0
        var running = 0
        var mostRunning = 0
        var cancelled = 0
        var written = 0
        var timeouts: [Duration?] = []
        var released = false
    }
    private let state = Mutex(State())

    var now: State { state.withLock { $0 } }

    /// Lets stubborn handlers end.
    func release() { state.withLock { $0.released = true } }
    var isReleased: Bool { now.released }

    func wrote() { state.withLock { $0.written += 1 } }

    func handling<T: Sendable>(_ context: ServerContext, _ body: () async throws -> T) async throws -> T {
        state.withLock {
            $0.started += 1
            $0.running += 1
            $0.mostRunning = max($0.mostRunning, $0.running)
            $0.timeouts.append(context.deadline?.remaining)
        }
        defer {
            state.withLock {
                $0.running -= 1
                if Task.isCancelled { $0.cancelled += 1 }
            }
        }
        return try await body()
    }

    /// Waits until something is so.
    func eventually(_ condition: (State) -> Bool) async throws -> Bool {
        for _ in 0..<12_000 {
            if condition(now) { return true }
            try await Task.sleep(for: .milliseconds(5))
        }
        return false
    }
}

/// A server of `WireService` on a free port, for the length of a test.
struct WireServer {
    let port: Int
    let seen: Seen
    let server: RPCServer

    static func run(
        _ limits: Limits = Limits(), _ body: (WireServer) async throws -> Void
    ) async throws {
        let service = WireService()
        let server = RPCServer(configuration: .init(limits: limits), services: [service])
        let port = try await server.start()
        do {
            try await body(WireServer(port: port, seen: service.seen, server: server))
        } catch {
            await server.shutdown(grace: .zero)
            throw error
        }
        await server.shutdown(grace: .zero)
    }

    /// One connection to such a server.
    static func connect(
        _ limits: Limits = Limits(), settings: [(UInt16, UInt32)] = [],
        _ body: (RawPeer, WireServer) async throws -> Void
    ) async throws {
        try await run(limits) { server in
            try await body(RawPeer.connect(port: server.port, settings: settings), server)
        }
    }

    /// Whether a new connection gets an answer.
    func answersOthers() async throws -> Bool {
        let other = try await RawPeer.connect(port: port)
        return try await other.call("Echo", message("still here")).status == 0
    }
}
