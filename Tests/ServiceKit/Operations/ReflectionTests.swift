import Foundation
import RPC
import Shared
import SwiftProtobuf
import Testing

@testable import ServiceKit

@Suite struct ReflectionTests {
    typealias Request = Grpc_Reflection_V1_ServerReflectionRequest
    typealias Response = Grpc_Reflection_V1_ServerReflectionResponse

    let answers = ReflectionAnswers(services: ["a.B"])

    func answer(_ request: Request.OneOf_MessageRequest, sent: inout Set<String>) throws -> Response {
        try answers.answer(.with { $0.messageRequest = request }, sent: &sent)
    }

    func names(_ response: Response) throws -> [String] {
        try response.fileDescriptorResponse.fileDescriptorProto.map {
            try Google_Protobuf_FileDescriptorProto(serializedBytes: $0).name
        }
    }

    @Test func everyFileOfTheContractIsServedWithItsImports() throws {
        let index = DescriptorIndex.contract
        #expect(index.files.count >= 25)
        for file in index.files.values {
            var sent: Set<String> = []
            let names = try names(answer(.fileByFilename(file.name), sent: &sent))
            #expect(names.first == file.name)
            #expect(Set(file.dependencies).isSubset(of: names))
            #expect(Set(names).count == names.count)
        }
    }

    @Test func everyServiceOfTheContractIsFound() throws {
        let services = [
            Cdt_Registry_V1_RegistryService.methods, Cdt_Feed_V1_FeedService.methods, Grpc_Health_V1_Health.methods,
            Grpc_Reflection_V1_ServerReflection.methods, Grpc_Reflection_V1alpha_ServerReflection.methods,
        ]
        for method in services.joined() {
            for symbol in [method.service, "\(method.service).\(method.method)", ".\(method.service)"] {
                var sent: Set<String> = []
                #expect(try !names(answer(.fileContainingSymbol(symbol), sent: &sent)).isEmpty, "\(symbol)")
            }
        }
    }

    @Test(arguments: [
        "cdt.registry.v1.Team", "cdt.registry.v1.Team.display_name", "cdt.common.v1.TeamLevel",
        "cdt.common.v1.TEAM_LEVEL_COMMUNE", "grpc.health.v1.HealthCheckResponse.ServingStatus",
        "google.protobuf.Timestamp",
    ])
    func symbolsOfAllKindsAreFound(symbol: String) throws {
        var sent: Set<String> = []
        #expect(try !names(answer(.fileContainingSymbol(symbol), sent: &sent)).isEmpty)
    }

    @Test func importsAreSentOncePerStream() throws {
        var sent: Set<String> = []
        let first = try names(answer(.fileContainingSymbol("cdt.registry.v1.RegistryService"), sent: &sent))
        let second = try names(answer(.fileContainingSymbol("cdt.registry.v1.RegistryService"), sent: &sent))
        #expect(first.count > 3)
        #expect(second == [first[0]], "what is asked for is always sent")
    }

    @Test func whatIsUnknownIsAnErrorOfThatRequestOnly() throws {
        var sent: Set<String> = []
        let asked: [Request.OneOf_MessageRequest] = [
            .fileByFilename("nope.proto"), .fileContainingSymbol("no.Such"), .allExtensionNumbersOfType("no.Such"),
            .fileContainingExtension(
                .with {
                    $0.containingType = "cdt.registry.v1.Team"
                    $0.extensionNumber = 1
                }),
        ]
        for request in asked {
            #expect(try answer(request, sent: &sent).errorResponse.errorCode == 5)
        }
        let none = try answer(.allExtensionNumbersOfType("cdt.registry.v1.Team"), sent: &sent)
        #expect(none.allExtensionNumbersResponse.extensionNumber.isEmpty)
        #expect(none.allExtensionNumbersResponse.baseTypeName == "cdt.registry.v1.Team")
        #expect(throws: ServiceError.self) { try answers.answer(Request(), sent: &sent) }
    }

    @Test func bothVersionsAnswerOverTheWire() async throws {
        try await withSample { _, client, _ in
            let v1 = try await Grpc_Reflection_V1_ServerReflection.Client(client.rpc).serverReflectionInfo()
            try await v1.requests.send(.with { $0.listServices = "" })
            var iterator = v1.responses.makeAsyncIterator()
            let listed = try await iterator.next()?.listServicesResponse.service.map(\.name)
            #expect(
                listed == [
                    "cdt.sample.v1.SampleService", "grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection",
                    "grpc.reflection.v1alpha.ServerReflection",
                ])
            v1.requests.finish()
            #expect(try await iterator.next() == nil)

            let alpha = try await Grpc_Reflection_V1alpha_ServerReflection.Client(client.rpc).serverReflectionInfo()
            try await alpha.requests.send(.with { $0.fileContainingSymbol = "grpc.health.v1.Health" })
            alpha.requests.finish()
            var files = 0
            for try await response in alpha.responses {
                files += response.fileDescriptorResponse.fileDescriptorProto.count
            }
            #expect(files == 1)
        }
    }

    @Test func reflectionCanBeSwitchedOff() async throws {
        try await withSample(["--reflection", "off"]) { _, client, _ in
            let error = await #expect(throws: RPCError.self) {
                let call = try await Grpc_Reflection_V1_ServerReflection.Client(client.rpc).serverReflectionInfo()
                call.requests.finish()
                for try await _ in call.responses {}
            }
            #expect(error?.code == .unimplemented)
        }
    }
}
