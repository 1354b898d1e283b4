import Logging
import RPC
import Shared
import Storage
import SwiftProtobuf

@testable import ServiceKit

/// A service whose only method does what its request says.
enum SampleDefinition: ServiceDefinition {
    static let identity = ServiceIdentity(name: "sample", title: "A service for tests.", port: 50_099)
    static let greeting = Option<String>.text("greeting", default: "hello", help: "What to say.")
    static let options: [any AnyOption] = [greeting]
    static let migrations = [
        MigrationSet("sample", [Migration(version: 1, name: "notes", sql: "CREATE TABLE notes (text TEXT NOT NULL)")])
    ]

    static func make(_ context: ServiceContext) async throws -> ServiceParts {
        ServiceParts(services: [SampleService(context: context, greeting: try context.settings[greeting])])
    }
}

struct SampleService: RegistrableService {
    static let act = MethodDescriptor(service: "cdt.sample.v1.SampleService", method: "Act", kind: .unary)
    static let watch = MethodDescriptor(
        service: "cdt.sample.v1.SampleService", method: "WatchIt", kind: .serverStreaming)

    struct Secret: Error { let path = "/var/lib/secret" }

    let context: ServiceContext
    let greeting: String

    func register(in router: inout ServiceRouter) {
        router.unary(
            Self.act, decode: { try Google_Protobuf_StringValue(serializedBytes: $0) },
            encode: { (message: Google_Protobuf_StringValue) in try message.serializedBytes() },
            handler: { try await act($0, $1) })
        router.serverStreaming(
            Self.watch, decode: { try Google_Protobuf_StringValue(serializedBytes: $0) },
            encode: { (message: Google_Protobuf_StringValue) in try message.serializedBytes() },
            handler: { _, response, _ in
                try await response.write(Google_Protobuf_StringValue("begun"))
                try await Task.sleep(for: .seconds(600))
            })
    }

    private func act(_ request: Google_Protobuf_StringValue, _ call: ServerContext) async throws
        -> Google_Protobuf_StringValue
    {
        switch request.value {
        case "refuse": throw ServiceError.notFound(type: "cdt.sample.v1.Note", name: "notes/1")
        case "invalid": throw ServiceError.invalid("text", reason: "REQUIRED", "is required", vi: "là bắt buộc")
        case "fail": throw Secret()
        case "storage": throw StorageError.full("/var/lib/secret")
        case "bug": throw StorageError.misuse("SELECT secret")
        case "trace":
            return .init(
                "\(TraceContext.current?.traceparent ?? "") \(call.trace?.state ?? "") \(call.identity?.subject ?? "")")
        case "slow":
            context.logger.info("slow has begun")
            try await Task.sleep(for: .milliseconds(300))
            return .init("done")
        case "endless":
            context.logger.info("endless has begun")
            try await Task.sleep(for: .seconds(600))
            return .init("never")
        case "today": return .init(context.clock.today.description)
        case "write":
            try await context.database.write { try $0.execute("INSERT INTO notes (text) VALUES ('x')") }
            return .init(String(try context.database.read { try $0.count("SELECT count(*) FROM notes") }))
        default: return .init(greeting)
        }
    }
}

/// Calls it.
struct SampleClient {
    let rpc: RPCClient

    func act(_ text: String, _ options: CallOptions = .defaults) async throws -> String {
        let reply: Google_Protobuf_StringValue = try await rpc.unary(
            SampleService.act, Google_Protobuf_StringValue(text), options: options,
            encode: { (message: Google_Protobuf_StringValue) in try message.serializedBytes() },
            decode: { try Google_Protobuf_StringValue(serializedBytes: $0) })
        return reply.value
    }

    func watch(_ options: CallOptions = .defaults) async throws -> ServerStreamingCall<Google_Protobuf_StringValue> {
        try await rpc.serverStreaming(
            SampleService.watch, Google_Protobuf_StringValue(), options: options,
            encode: { (message: Google_Protobuf_StringValue) in try message.serializedBytes() },
            decode: { try Google_Protobuf_StringValue(serializedBytes: $0) })
    }
}
