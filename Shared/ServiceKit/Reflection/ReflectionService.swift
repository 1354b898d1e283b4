import Foundation
import RPC
import Shared
import SwiftProtobuf

/// Server reflection: tools such as `buf curl` and `grpcurl` learn the contract from the running service.
///
/// Both versions are served, as older tools know only v1alpha and newer ones only v1; their messages are the same.
package enum Reflection {
    /// - Parameter services: full names to list; the descriptors of the whole contract are served beside them.
    package static func services(listing services: [String]) -> [any RegistrableService] {
        let names =
            services + [
                Grpc_Reflection_V1_ServerReflection.name, Grpc_Reflection_V1alpha_ServerReflection.name,
            ]
        let answers = ReflectionAnswers(services: names.sorted())
        return [ReflectionV1(answers: answers), ReflectionV1Alpha(answers: answers)]
    }
}

struct ReflectionV1: Grpc_Reflection_V1_ServerReflection.ServiceProtocol {
    let answers: ReflectionAnswers

    func serverReflectionInfo(
        _ requests: RequestStream<Grpc_Reflection_V1_ServerReflectionRequest>,
        response: ResponseWriter<Grpc_Reflection_V1_ServerReflectionResponse>, context: ServerContext
    ) async throws {
        var sent: Set<String> = []
        for try await request in requests { try await response.write(try answers.answer(request, sent: &sent)) }
    }
}

struct ReflectionV1Alpha: Grpc_Reflection_V1alpha_ServerReflection.ServiceProtocol {
    let answers: ReflectionAnswers

    func serverReflectionInfo(
        _ requests: RequestStream<Grpc_Reflection_V1alpha_ServerReflectionRequest>,
        response: ResponseWriter<Grpc_Reflection_V1alpha_ServerReflectionResponse>, context: ServerContext
    ) async throws {
        var sent: Set<String> = []
        for try await request in requests {
            // The same fields under the same numbers: one version is read as the other.
            let bytes: [UInt8] = try request.serializedBytes()
            let answer = try answers.answer(.init(serializedBytes: bytes), sent: &sent)
            let answerBytes: [UInt8] = try answer.serializedBytes()
            try await response.write(.init(serializedBytes: answerBytes))
        }
    }
}

/// What reflection answers, without a connection.
struct ReflectionAnswers: Sendable {
    typealias Request = Grpc_Reflection_V1_ServerReflectionRequest
    typealias Response = Grpc_Reflection_V1_ServerReflectionResponse

    let services: [String]

    /// `sent` holds the files this stream has had; imports among them are not sent again, what is asked for is.
    func answer(_ request: Request, sent: inout Set<String>) throws -> Response {
        let index = DescriptorIndex.contract
        var response = Response()
        response.validHost = request.host
        response.originalRequest = request
        switch request.messageRequest {
        case .fileByFilename(let name):
            response.messageResponse = files(index.file(named: name), asked: "file \(name)", sent: &sent)
        case .fileContainingSymbol(let symbol):
            let name = symbol.hasPrefix(".") ? String(symbol.dropFirst()) : symbol
            response.messageResponse = files(index.file(withSymbol: name), asked: "symbol \(symbol)", sent: &sent)
        case .fileContainingExtension(let asked):
            response.messageResponse = files(
                index.file(withExtension: asked.extensionNumber, of: asked.containingType),
                asked: "extension \(asked.extensionNumber) of \(asked.containingType)", sent: &sent)
        case .allExtensionNumbersOfType(let type):
            guard index.hasType(type) else {
                response.errorResponse = notFound("type \(type)")
                break
            }
            response.allExtensionNumbersResponse = .with {
                $0.baseTypeName = type
                $0.extensionNumber = index.extensionNumbers(of: type)
            }
        case .listServices:
            response.listServicesResponse = .with { $0.service = services.map { name in .with { $0.name = name } } }
        case nil:
            throw ServiceError.invalid(
                "message_request", reason: "REQUIRED", "name what to look up", vi: "cần nêu nội dung tra cứu")
        }
        return response
    }

    private func files(
        _ file: DescriptorIndex.File?, asked: String, sent: inout Set<String>
    ) -> Response.OneOf_MessageResponse {
        guard let file else { return .errorResponse(notFound(asked)) }
        var bytes: [Data] = []
        for dependency in DescriptorIndex.contract.closure(of: file) {
            if sent.insert(dependency.name).inserted || dependency.name == file.name {
                bytes.append(Data(dependency.bytes))
            }
        }
        return .fileDescriptorResponse(.with { $0.fileDescriptorProto = bytes })
    }

    private func notFound(_ what: String) -> Grpc_Reflection_V1_ErrorResponse {
        .with {
            $0.errorCode = Int32(StatusCode.notFound.rawValue)
            $0.errorMessage = "there is no \(what)"
        }
    }
}
