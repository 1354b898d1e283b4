import RPC
import SwiftProtobuf
import Synchronization
import TestSupport
import Testing

@testable import Telemetry

@Suite struct OTLPTests {
    private static let trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    private static let own = "00f067aa0ba902b7"

    /// Field by field by hand, so that a field that is moved or mistaken for another shows.
    @Test func aSpanIsWrittenAsTheSpecificationSays() throws {
        let context = try #require(TraceContext(traceID: Self.trace, spanID: Self.own, sampled: true, state: "a=1"))
        var span = Span(
            "pkg.Service/Get", .server, at: context, from: .init(nanoseconds: 1_700_000_000_000_000_001),
            to: .init(nanoseconds: 1_700_000_000_000_000_002))
        span.parent = TraceContext(traceID: Self.trace, spanID: "0000000000000009", sampled: true)
        span.links = [
            try #require(TraceContext(traceID: "000000000000000000000000000000ff", spanID: Self.own, sampled: true))
        ]
        span.attributes = [.init("rpc.system", "grpc"), .init("rpc.grpc.status_code", 13)]
        span.hasFailed = true
        let fields = try WireField.read(span.message.serializedBytes())
        #expect(fields[1] == [.bytes(Self.bytes(Self.trace))])
        #expect(fields[2] == [.bytes(Self.bytes(Self.own))])
        #expect(fields[3] == [.bytes(Array("a=1".utf8))])
        #expect(fields[4] == [.bytes([0, 0, 0, 0, 0, 0, 0, 9])])
        #expect(fields[5] == [.bytes(Array("pkg.Service/Get".utf8))])
        #expect(fields[6] == [.number(2)], "SPAN_KIND_SERVER")
        #expect(fields[7] == [.number(1_700_000_000_000_000_001)])
        #expect(fields[8] == [.number(1_700_000_000_000_000_002)])
        #expect(fields[16] == [.number(1)], "flags: recorded")

        let attributes = try (fields[9] ?? []).map { try WireField.read($0.content) }
        #expect(
            attributes.map { $0[1] } == [
                [.bytes(Array("rpc.system".utf8))], [.bytes(Array("rpc.grpc.status_code".utf8))],
            ])
        let values = try attributes.map { try WireField.read(($0[2]?.first ?? .bytes([])).content) }
        #expect(values == [[1: [.bytes(Array("grpc".utf8))]], [3: [.number(13)]]])

        let link = try WireField.read((fields[13]?.first ?? .bytes([])).content)
        #expect(link[1] == [.bytes([UInt8](repeating: 0, count: 15) + [0xff])])
        #expect(link[2] == [.bytes(Self.bytes(Self.own))])
        let status = try WireField.read((fields[15]?.first ?? .bytes([])).content)
        #expect(status == [3: [.number(2)]], "STATUS_CODE_ERROR, and no message")
    }

    private static func bytes(_ hex: String) -> [UInt8] {
        stride(from: 0, to: hex.count, by: 2).compactMap { UInt8(hex.dropFirst($0).prefix(2), radix: 16) }
    }

    @Test func callsAreSpansOfOneTraceAndSoIsWhatTheyCall() async throws {
        let collector = SampleCollector()
        let tracer = Tracer(collector: collector, sampling: .always)
        let server = RPCServer(
            configuration: .init(port: 0, isTracing: true, sampling: .always), services: [Echo()],
            interceptors: [ServerSpans(tracer: tracer)])
        let port = try await server.start()
        let client = try RPCClient(
            targets: [.init(host: "127.0.0.1", port: port)], options: .init(interceptors: [tracer.calls]))
        let root = TraceContext.beginning(sampling: .always)
        try await root.run {
            _ = try await client.echo([1])
            await #expect(throws: RPCError.self) { try await client.echo([]) }
        }
        // Without a caller it begins a trace.
        _ = try await client.echo([2])
        // What its caller does not record is not recorded here.
        try await TraceContext.beginning(sampling: .never).run { _ = try await client.echo([3]) }
        await client.close()
        await server.shutdown()
        await tracer.close(within: .seconds(60))

        let spans = collector.spans
        #expect(spans.count == 6)
        let clients = spans.filter { $0.kind == .client && $0.context.traceID == root.traceID }
        #expect(clients.map(\.parent?.spanID) == [root.spanID, root.spanID])
        #expect(clients.map(\.hasFailed).sorted { !$0 && $1 } == [false, true])
        for call in clients {
            let served = try #require(spans.first { $0.parent?.spanID == call.context.spanID })
            #expect(served.kind == .server)
            #expect(served.context.traceID == root.traceID)
            #expect(served.name == "cdt.test.Echo/Echo")
            #expect(!served.hasFailed, "NOT_FOUND is the caller's mistake")
            #expect(served.start.nanoseconds <= served.end.nanoseconds)
            let codes = served.attributes.filter { $0.key == "rpc.grpc.status_code" }.map(\.value)
            #expect(codes == [.integer(call.hasFailed ? 5 : 0)])
        }
    }

    /// Our client, our server, the message of OTLP between them.
    @Test func aCollectorIsToldWhoseSpansTheyAreAndWhatItRefusesIsCounted() async throws {
        let service = SampleTraceService()
        let server = RPCServer(configuration: .init(port: 0), services: [service])
        let port = try await server.start()
        let tracer = Tracer(
            collector: try OTLPCollector(
                at: .init(host: "127.0.0.1", port: port), tls: nil,
                from: .init(service: "registry", version: "1.2", instance: "one")), sampling: .always)
        for _ in 0..<3 {
            tracer.record(Span("work", .work, at: .beginning(sampling: .always), from: .now(), to: .now()))
        }
        await tracer.close(within: .seconds(60))
        await server.shutdown()
        #expect(tracer.statistics == .init(sent: 2, unsent: 1))
        let request = try #require(service.requests.first)
        let resource = try #require(request.resourceSpans.first).resource
        let attributes = Dictionary(uniqueKeysWithValues: resource.attributes.map { ($0.key, $0.value.stringValue) })
        #expect(attributes["service.name"] == "registry")
        #expect(attributes["service.version"] == "1.2")
        #expect(attributes["service.instance.id"] == "one")
        #expect(request.resourceSpans.flatMap(\.scopeSpans).flatMap(\.spans).count == 3)
    }
}

/// A field of a protobuf message as it is on the wire; enough of it for these messages.
private enum WireField: Equatable {
    struct Broken: Error {}

    case number(UInt64)
    case bytes([UInt8])

    var content: [UInt8] { if case .bytes(let bytes) = self { bytes } else { [] } }

    /// By field number, in order.
    static func read(_ bytes: [UInt8]) throws -> [Int: [WireField]] {
        var rest = bytes[...]
        func take(_ count: Int) throws -> ArraySlice<UInt8> {
            guard count <= rest.count else { throw Broken() }
            defer { rest = rest.dropFirst(count) }
            return rest.prefix(count)
        }
        func varint() throws -> UInt64 {
            var (value, shift) = (UInt64(0), UInt64(0))
            while true {
                guard let byte = try take(1).first, shift < 64 else { throw Broken() }
                value |= UInt64(byte & 0x7f) << shift
                if byte < 0x80 { return value }
                shift += 7
            }
        }
        func fixed(_ count: Int) throws -> UInt64 {
            try take(count).reversed().reduce(0) { $0 << 8 | UInt64($1) }
        }
        var fields: [Int: [WireField]] = [:]
        while !rest.isEmpty {
            let tag = try varint()
            let field: WireField
            switch tag & 7 {
            case 0: field = .number(try varint())
            case 1: field = .number(try fixed(8))
            case 2: field = .bytes(Array(try take(Int(try varint()))))
            case 5: field = .number(try fixed(4))
            default: throw Broken()
            }
            fields[Int(tag >> 3), default: []].append(field)
        }
        return fields
    }
}

/// Records as services do.
private struct ServerSpans: ServerInterceptor {
    let tracer: Tracer

    func intercept(_ context: ServerContext, next: NextHandler) async throws {
        var outcome: RPCError?
        defer {
            if let trace = context.trace, trace.sampled { tracer.served(context, trace, outcome, nanoseconds: 1_000) }
        }
        do {
            try await next(context)
        } catch {
            outcome = error as? RPCError
            throw error
        }
    }
}

/// Gives back what it gets, but nothing is not found.
private struct Echo: RegistrableService {
    static let method = MethodDescriptor(service: "cdt.test.Echo", method: "Echo", kind: .unary)

    func register(in router: inout ServiceRouter) {
        router.unary(
            Self.method, decode: { $0 }, encode: { (bytes: [UInt8]) in bytes },
            handler: { bytes, _ in
                guard !bytes.isEmpty else { throw RPCError(code: .notFound, message: "nothing") }
                return bytes
            })
    }
}

extension RPCClient {
    fileprivate func echo(_ bytes: [UInt8]) async throws -> [UInt8] {
        try await unary(Echo.method, bytes, options: .defaults, encode: { $0 }, decode: { $0 })
    }
}

/// Keeps what it is sent, and takes one span less than it is given.
private final class SampleTraceService: Opentelemetry_Proto_Collector_Trace_V1_TraceService.ServiceProtocol {
    private let received = Mutex<[Opentelemetry_Proto_Collector_Trace_V1_ExportTraceServiceRequest]>([])

    var requests: [Opentelemetry_Proto_Collector_Trace_V1_ExportTraceServiceRequest] { received.withLock { $0 } }

    func export(
        _ request: Opentelemetry_Proto_Collector_Trace_V1_ExportTraceServiceRequest, context: ServerContext
    ) async throws -> Opentelemetry_Proto_Collector_Trace_V1_ExportTraceServiceResponse {
        received.withLock { $0.append(request) }
        return .with { $0.partialSuccess.rejectedSpans = 1 }
    }
}
