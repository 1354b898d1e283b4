import RPC
import Shared
import SwiftProtobuf
import TestSupport
import Testing

/// The rules of the contract, which integrators and the C client kit rely on.
@Suite struct ContractRuleTests {
    let contract = try! Contract()

    @Test func `The contract passes buf lint, with a comment on everything`() async throws {
        let check = try await ChildProcess.run(["tools/contract-check"], limit: .seconds(180))
        #expect(check.status == 0, "\(check.output)\(check.errors)")
    }

    /// protoc-c refuses proto3 `optional`.
    @Test func `No field is proto3 optional`() {
        let offenders = contract.messages.values.flatMap { message in
            message.proto.field.filter(\.proto3Optional).map { "\(message.name).\($0.name)" }
        }
        #expect(offenders.isEmpty)
    }

    /// libprotobuf-c has no recursion limit.
    @Test func `No message contains itself`() {
        for name in contract.messages.keys where name.hasPrefix("cdt.") {
            var seen: Set<String> = []
            var next = contract.submessages(of: name)
            while let child = next.popLast() {
                if seen.insert(child).inserted { next += contract.submessages(of: child) }
            }
            #expect(!seen.contains(name), "\(name) contains itself")
        }
    }

    /// protoc-c names methods in lower snake case.
    @Test func `No RPC is named like a C keyword`() {
        let keywords: Set<String> = [
            "auto", "break", "case", "char", "const", "continue", "default", "do", "double", "else", "enum", "extern",
            "float", "for", "goto", "if", "inline", "int", "long", "register", "restrict", "return", "short", "signed",
            "sizeof", "static", "struct", "switch", "typedef", "union", "unsigned", "void", "volatile", "while",
        ]
        for service in contract.services.values {
            for method in service.proto.method {
                #expect(!keywords.contains(method.name.lowercased()), "\(service.name).\(method.name)")
            }
        }
    }

    @Test func `Descriptors are complete: every import is there`() {
        let names = Set(contract.files.map(\.name))
        #expect(names.count == contract.files.count)
        for file in contract.files {
            for dependency in file.dependency {
                #expect(names.contains(dependency), "\(file.name) imports \(dependency)")
            }
        }
    }

    @Test func `Services that every server offers are described`() {
        for name in [
            "grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection",
            "cdt.feed.v1.FeedService",
        ] {
            #expect(contract.services[name] != nil, "\(name)")
        }
    }

    @Test func `Stubs describe methods as the contract does`() throws {
        let follow = Cdt_Feed_V1_FeedService.Method.follow
        #expect(Cdt_Feed_V1_FeedService.name == "cdt.feed.v1.FeedService")
        #expect(follow.path == "/cdt.feed.v1.FeedService/Follow")
        #expect(follow.kind == .serverStreaming)
        #expect(Grpc_Health_V1_Health.methods.map(\.method) == ["Check", "Watch", "List"])
        #expect(Grpc_Reflection_V1_ServerReflection.Method.serverReflectionInfo.kind == .bidirectionalStreaming)
    }

    @Test func `Every message of the contract can be found by its name`() {
        ContractMessages.register()
        for type in ContractMessages.all {
            #expect(Google_Protobuf_Any.messageType(forMessageName: type.protoMessageName) != nil)
            #expect(contract.messages[type.protoMessageName] != nil)
        }
    }
}
