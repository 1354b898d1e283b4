import Foundation
import InteropService
import RPC
import SwiftProtobuf

/// `/bench.Bench/Unary`: an async handler over bytes, which is what the RPC stack itself costs. The reply is the one
/// that `UnaryCall` of `MessageService` gives to the benchmark's small request.
struct BareService: RegistrableService {
    private let reply: [UInt8]

    init() {
        let message = Grpc_Testing_SimpleResponse.with { $0.payload = .zeros(125) }
        reply = (try? message.serializedBytes()) ?? []
    }

    func register(in router: inout ServiceRouter) {
        router.unary(
            MethodDescriptor(service: "bench.Bench", method: "Unary", kind: .unary), decode: { $0 }, encode: { $0 },
            handler: { (_: [UInt8], _) async -> [UInt8] in reply })
    }
}

/// The measured methods of `grpc.testing.TestService`, registered as generated code does, with handlers as short as
/// those of the other implementations.
struct MessageService: RegistrableService {
    func register(in router: inout ServiceRouter) {
        router.unary(
            Grpc_Testing_TestService.Method.unaryCall,
            decode: { try Grpc_Testing_SimpleRequest(serializedBytes: $0) },
            encode: { (message: Grpc_Testing_SimpleResponse) in try message.serializedBytes() },
            handler: { request, _ in .with { $0.payload = .zeros(request.responseSize) } })
        router.serverStreaming(
            Grpc_Testing_TestService.Method.streamingOutputCall,
            decode: { try Grpc_Testing_StreamingOutputCallRequest(serializedBytes: $0) },
            encode: { (message: Grpc_Testing_StreamingOutputCallResponse) in try message.serializedBytes() },
            handler: { request, response, _ in
                for parameters in request.responseParameters {
                    try await response.write(.with { $0.payload = .zeros(parameters.size) })
                }
            })
        router.clientStreaming(
            Grpc_Testing_TestService.Method.streamingInputCall,
            decode: { try Grpc_Testing_StreamingInputCallRequest(serializedBytes: $0) },
            encode: { (message: Grpc_Testing_StreamingInputCallResponse) in try message.serializedBytes() },
            handler: { requests, _ in
                var total = 0
                for try await request in requests { total += request.payload.body.count }
                return .with { $0.aggregatedPayloadSize = Int32(total) }
            })
    }
}
