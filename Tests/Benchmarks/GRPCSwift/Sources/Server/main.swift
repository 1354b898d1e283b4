import Foundation
import GRPCCore
import GRPCNIOTransportHTTP2Posix
import GRPCProtobuf
import SwiftProtobuf

/// The three methods of `grpc.testing.TestService` that are measured, registered as grpc-swift's generated code does.
struct BenchService: RegistrableRPCService {
    static let service = "grpc.testing.TestService"

    func registerMethods<Transport: ServerTransport>(with router: inout RPCRouter<Transport>) {
        router.registerHandler(
            forMethod: MethodDescriptor(fullyQualifiedService: Self.service, method: "UnaryCall"),
            deserializer: ProtobufDeserializer<Grpc_Testing_SimpleRequest>(),
            serializer: ProtobufSerializer<Grpc_Testing_SimpleResponse>()
        ) { request, _ in
            let request = try await ServerRequest(stream: request).message
            let reply = Grpc_Testing_SimpleResponse.with { $0.payload = .zeros(request.responseSize) }
            return StreamingServerResponse(single: ServerResponse(message: reply))
        }
        router.registerHandler(
            forMethod: MethodDescriptor(fullyQualifiedService: Self.service, method: "StreamingOutputCall"),
            deserializer: ProtobufDeserializer<Grpc_Testing_StreamingOutputCallRequest>(),
            serializer: ProtobufSerializer<Grpc_Testing_StreamingOutputCallResponse>()
        ) { request, _ in
            let request = try await ServerRequest(stream: request).message
            return StreamingServerResponse { writer in
                for parameters in request.responseParameters {
                    try await writer.write(.with { $0.payload = .zeros(parameters.size) })
                }
                return [:]
            }
        }
        router.registerHandler(
            forMethod: MethodDescriptor(fullyQualifiedService: Self.service, method: "StreamingInputCall"),
            deserializer: ProtobufDeserializer<Grpc_Testing_StreamingInputCallRequest>(),
            serializer: ProtobufSerializer<Grpc_Testing_StreamingInputCallResponse>()
        ) { request, _ in
            var total = 0
            for try await message in request.messages { total += message.payload.body.count }
            let reply = Grpc_Testing_StreamingInputCallResponse.with { $0.aggregatedPayloadSize = Int32(total) }
            return StreamingServerResponse(single: ServerResponse(message: reply))
        }
    }
}

extension Grpc_Testing_Payload {
    static func zeros(_ count: Int32) -> Self { .with { $0.body = Data(count: Int(count)) } }
}

let arguments = CommandLine.arguments.dropFirst()
let server = GRPCServer(
    transport: .http2NIOPosix(
        address: .ipv4(host: "127.0.0.1", port: Int(arguments.first ?? "0") ?? 0), transportSecurity: .plaintext),
    services: [BenchService()])
try await server.serve()
