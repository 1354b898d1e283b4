import NIOConcurrencyHelpers
import RPC

/// A service over bare bytes, with every kind of method; behaviour is chosen by the first byte of the request.
struct EchoService: RegistrableService {
    static let unary = MethodDescriptor(service: "test.Echo", method: "Unary", kind: .unary)
    static let download = MethodDescriptor(service: "test.Echo", method: "Download", kind: .serverStreaming)
    static let upload = MethodDescriptor(service: "test.Echo", method: "Upload", kind: .clientStreaming)
    static let chat = MethodDescriptor(service: "test.Echo", method: "Chat", kind: .bidirectionalStreaming)

    /// How often handlers started, and how often they were cancelled.
    let seen: Counter
    let cancelled: Counter

    init(seen: Counter = Counter(), cancelled: Counter = Counter()) {
        self.seen = seen
        self.cancelled = cancelled
    }

    func register(in router: inout ServiceRouter) {
        router.unary(
            Self.unary, decode: { $0 }, encode: { $0 }, handler: { try await answer($0, $1) })
        router.serverStreaming(
            Self.download, decode: { $0 }, encode: { $0 },
            handler: { request, response, _ in try await send(request, response) })
        router.clientStreaming(
            Self.upload, decode: { $0 }, encode: { $0 }, handler: { requests, _ in try await count(requests) })
        router.bidirectionalStreaming(
            Self.chat, decode: { $0 }, encode: { $0 },
            handler: { requests, response, _ in
                for try await request in requests { try await response.write(request) }
            })
    }

    /// As many messages as the first two bytes say, of as many thousand bytes as the third says.
    private func send(_ request: [UInt8], _ response: ResponseWriter<[UInt8]>) async throws {
        seen.increment()
        let count = Int(request.first ?? 0) * 256 + Int(request.dropFirst().first ?? 0)
        let size = Int(request.dropFirst(2).first ?? 1) * 1000
        do {
            for index in 0..<count {
                try await response.write([UInt8](repeating: UInt8(truncatingIfNeeded: index), count: size))
            }
        } catch {
            cancelled.increment()
            throw error
        }
    }

    private func count(_ requests: RequestStream<[UInt8]>) async throws -> [UInt8] {
        var total = 0
        for try await request in requests { total += request.count }
        return Array(String(total).utf8)
    }

    private func answer(_ request: [UInt8], _ context: ServerContext) async throws -> [UInt8] {
        seen.increment()
        switch request.first {
        case UInt8(ascii: "E"):
            throw RPCError(
                code: .notFound, message: "không có %", metadata: ["why": "test"], details: [1, 2, 3])
        case UInt8(ascii: "S"):
            do {
                try await Task.sleep(for: .seconds(30))
            } catch {
                cancelled.increment()
                throw error
            }
        case UInt8(ascii: "M"):
            var metadata = Metadata()
            for entry in context.metadata where entry.key.hasPrefix("x-") {
                switch entry.value {
                case .string(let value): metadata.add(value, for: entry.key)
                case .binary(let value): metadata.add(value, for: entry.key)
                }
            }
            context.setInitialMetadata(metadata)
            context.addTrailingMetadata(metadata)
        case UInt8(ascii: "D"):
            return Array("\(context.deadline?.remaining ?? .zero)".utf8)
        case UInt8(ascii: "A"):
            return Array((context.header("authorization") ?? "").utf8)
        case UInt8(ascii: "Z"):
            context.setCompression(true)
        case UInt8(ascii: "X"):
            struct Unexpected: Error {}
            throw Unexpected()
        default: break
        }
        return request
    }
}

/// Counts from any thread.
final class Counter: Sendable {
    private let value = NIOLockedValueBox(0)
    func increment() { value.withLockedValue { $0 += 1 } }
    var count: Int { value.withLockedValue { $0 } }

    /// Waits until the count is reached; false after the time is up.
    func reaches(_ wanted: Int, within limit: Duration = .seconds(60)) async -> Bool {
        let end = ContinuousClock.now + limit
        while count < wanted {
            if ContinuousClock.now > end { return false }
            try? await Task.sleep(for: .milliseconds(5))
        }
        return true
    }
}
