import RPC
import Shared
import SwiftProtobuf
import Synchronization

import struct Foundation.Data

/// `grpc.testing.TestService`, as the interoperability tests of gRPC describe it (doc/interop-test-descriptions.md,
/// "Server features").
public struct TestService: Grpc_Testing_TestService.ServiceProtocol {
    /// What the handlers saw.
    public let observations: Observations
    private let id: String

    /// A service that has seen nothing. `id` is told to calls that ask which server they have reached. `tell` hears of
    /// streaming calls: `begun METHOD`, then `ended METHOD`, or `cancelled METHOD` when the call ended before its
    /// handler did; and of what is left of the deadlines of unary calls.
    public init(id: String = "", tell: (@Sendable (String) -> Void)? = nil) {
        self.id = id
        observations = Observations(tell: tell)
    }

    public func emptyCall(_ request: Grpc_Testing_Empty, context: ServerContext) async throws -> Grpc_Testing_Empty {
        echoMetadata(context)
        return Grpc_Testing_Empty()
    }

    public func unaryCall(
        _ request: Grpc_Testing_SimpleRequest, context: ServerContext
    ) async throws -> Grpc_Testing_SimpleResponse {
        echoMetadata(context)
        observations.sawDeadline(context.deadline?.remaining)
        if request.hasExpectCompressed {
            try expect(compressed: request.expectCompressed.value, context.counters.compressedMessagesReceived == 1)
        }
        if request.hasResponseStatus { throw status(request.responseStatus, context) }
        context.setCompression(request.responseCompressed.value)
        return .with {
            $0.payload = .zeros(request.responseSize)
            if request.fillServerID { $0.serverID = id }
        }
    }

    public func cacheableUnaryCall(
        _ request: Grpc_Testing_SimpleRequest, context: ServerContext
    ) async throws -> Grpc_Testing_SimpleResponse {
        try await unaryCall(request, context: context)
    }

    public func streamingOutputCall(
        _ request: Grpc_Testing_StreamingOutputCallRequest,
        response: ResponseWriter<Grpc_Testing_StreamingOutputCallResponse>, context: ServerContext
    ) async throws {
        try await observations.handling("StreamingOutputCall") {
            echoMetadata(context)
            try await answer(request, response, context)
        }
    }

    public func streamingInputCall(
        _ requests: RequestStream<Grpc_Testing_StreamingInputCallRequest>, context: ServerContext
    ) async throws -> Grpc_Testing_StreamingInputCallResponse {
        try await observations.handling("StreamingInputCall") {
            echoMetadata(context)
            var total = 0
            var compressedBefore = 0
            for try await request in requests {
                let compressed = context.counters.compressedMessagesReceived
                if request.hasExpectCompressed {
                    try expect(compressed: request.expectCompressed.value, compressed > compressedBefore)
                }
                compressedBefore = compressed
                total += request.payload.body.count
            }
            return .with { $0.aggregatedPayloadSize = Int32(total) }
        }
    }

    public func fullDuplexCall(
        _ requests: RequestStream<Grpc_Testing_StreamingOutputCallRequest>,
        response: ResponseWriter<Grpc_Testing_StreamingOutputCallResponse>, context: ServerContext
    ) async throws {
        try await observations.handling("FullDuplexCall") {
            echoMetadata(context)
            for try await request in requests { try await answer(request, response, context) }
        }
    }

    public func halfDuplexCall(
        _ requests: RequestStream<Grpc_Testing_StreamingOutputCallRequest>,
        response: ResponseWriter<Grpc_Testing_StreamingOutputCallResponse>, context: ServerContext
    ) async throws {
        echoMetadata(context)
        var kept: [Grpc_Testing_StreamingOutputCallRequest] = []
        for try await request in requests { kept.append(request) }
        for request in kept { try await answer(request, response, context) }
    }

    /// "The test server will not implement this method."
    public func unimplementedCall(_ request: Grpc_Testing_Empty, context: ServerContext) async throws
        -> Grpc_Testing_Empty
    {
        throw RPCError(code: .unimplemented, message: "not implemented")
    }

    private func answer(
        _ request: Grpc_Testing_StreamingOutputCallRequest,
        _ response: ResponseWriter<Grpc_Testing_StreamingOutputCallResponse>, _ context: ServerContext
    ) async throws {
        if request.hasResponseStatus { throw status(request.responseStatus, context) }
        for parameters in request.responseParameters {
            if parameters.intervalUs > 0 { try await Task.sleep(for: .microseconds(parameters.intervalUs)) }
            context.setCompression(parameters.compressed.value)
            try await response.write(.with { $0.payload = .zeros(parameters.size) })
        }
    }

    /// Feature "Compressed Request".
    private func expect(compressed wanted: Bool, _ actual: Bool) throws {
        guard wanted != actual else { return }
        throw RPCError(
            code: .invalidArgument,
            message: "The request is \(actual ? "" : "not ")compressed, against expect_compressed.")
    }

    /// Feature "Echo Metadata".
    private func echoMetadata(_ context: ServerContext) {
        let metadata = context.metadata
        if let initial = metadata[string: "x-grpc-test-echo-initial"] {
            context.setInitialMetadata(["x-grpc-test-echo-initial": initial])
        }
        for trailing in metadata.binaries("x-grpc-test-echo-trailing-bin") {
            var echo = Metadata()
            echo.add(trailing, for: "x-grpc-test-echo-trailing-bin")
            context.addTrailingMetadata(echo)
        }
    }

    /// Feature "Echo Status"; with the header `x-test-details`, also the details that our services send.
    private func status(_ status: Grpc_Testing_EchoStatus, _ context: ServerContext) -> RPCError {
        let code = StatusCode(rawValue: Int(status.code)) ?? .unknown
        guard context.header("x-test-details") != nil else { return RPCError(code: code, message: status.message) }
        let details: [any SwiftProtobuf.Message] = [
            Google_Rpc_ErrorInfo.with {
                $0.reason = "CAPACITY_EXCEEDED"
                $0.domain = "registry.cdt.vn"
                $0.metadata = ["limit": "9"]
            },
            Google_Rpc_BadRequest.with {
                $0.fieldViolations = [.with { ($0.field, $0.description_p) = ("team.unit", "must be a commune") }]
            },
            Google_Rpc_LocalizedMessage.with { ($0.locale, $0.message) = ("vi", "Tổ đã đủ 9 thành viên.") },
        ]
        let encoded =
            try? Google_Rpc_Status.with {
                $0.code = status.code
                $0.message = status.message
                $0.details = try details.map { try Google_Protobuf_Any(message: $0) }
            }.serializedBytes() as [UInt8]
        return RPCError(code: code, message: status.message, details: encoded)
    }
}

/// What the handlers saw.
public final class Observations: Sendable {
    private struct State {
        var running = 0
        var cancelled = 0
        var deadline: Duration?
    }
    private let state = Mutex(State())
    private let tell: (@Sendable (String) -> Void)?

    init(tell: (@Sendable (String) -> Void)?) { self.tell = tell }

    /// Streaming handlers that have not returned.
    public var running: Int { state.withLock { $0.running } }
    /// Streaming handlers that ended because their call did.
    public var cancelled: Int { state.withLock { $0.cancelled } }
    /// What was left of the deadline of the last unary call; nil: it had none.
    public var deadline: Duration? { state.withLock { $0.deadline } }

    func sawDeadline(_ remaining: Duration?) {
        state.withLock { $0.deadline = remaining }
        if let remaining { tell?("deadline \(remaining.components.seconds)") }
    }

    func handling<T>(_ method: String, _ body: () async throws -> T) async throws -> T {
        state.withLock { $0.running += 1 }
        tell?("begun \(method)")
        defer {
            state.withLock {
                $0.running -= 1
                if Task.isCancelled { $0.cancelled += 1 }
            }
            tell?("\(Task.isCancelled ? "cancelled" : "ended") \(method)")
        }
        return try await body()
    }
}

extension Grpc_Testing_Payload {
    /// So many bytes of zero.
    public static func zeros(_ count: Int32) -> Self { .with { $0.body = Data(count: Int(count)) } }
}
