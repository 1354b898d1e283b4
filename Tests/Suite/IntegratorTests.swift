import Foundation
import Shared
import SwiftProtobuf
import TestSupport
import Testing

/// Integrators' own tools against a running Registry: right answers, and errors they can read.
@Suite(.serialized, .timeLimit(.minutes(10))) struct IntegratorTests {
    @Test func `Python, Ruby and buf curl resolve codes and read ErrorInfo`() async throws {
        try await RunningSuite.run([.registry]) { suite in
            try await callFromPython(suite)
            try await callFromRuby(suite)
            try await callFromBuf(suite)
        }
    }

    private static let files = ["common/v1/common", "registry/v1/resources", "registry/v1/units"].map {
        "proto/cdt/\($0).proto"
    }

    /// Messages as an integrator makes them.
    private func messages(_ compiler: [String], _ option: String, in scratch: ScratchFolder) async throws -> String {
        let folder = scratch.path(option)
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let made = try await ChildProcess.run(compiler + ["-I", "proto", "--\(option)=\(folder)"] + Self.files)
        try #require(made.status == 0, "\(made.errors)")
        return folder
    }

    /// The example that the README shows.
    private func callFromPython(_ suite: RunningSuite) async throws {
        let python = ".local/venv/bin/python"
        let messages = try await messages([python, "-m", "grpc_tools.protoc"], "python_out", in: suite.scratch)
        let call = try await ChildProcess.run(
            [python, "examples/python/first_call.py", suite.address(.registry)], environment: ["PYTHONPATH": messages])
        try #require(call.status == 0, "\(call.errors)")
        let lines = call.output.split(separator: "\n")
        #expect(lines.prefix(2) == ["2025-06-30 Tỉnh Yên Bái", "2025-07-01 Tỉnh Lào Cai"])
        #expect(lines.contains { $0.hasPrefix("NOT_FOUND ") })
        #expect(lines.contains { $0.hasPrefix("CODE_NOT_IN_FORCE registry.cdt.vn") && $0.contains("Lào Cai") })
        #expect(lines.contains { $0.hasPrefix("vi ") })
    }

    private func callFromRuby(_ suite: RunningSuite) async throws {
        // Debian's protoc comes without google/protobuf/*.proto; swift-protobuf's sources have them.
        let wellKnown = ".build/checkouts/swift-protobuf/Protos/Sources/SwiftProtobuf"
        let messages = try await messages(["protoc", "-I", wellKnown], "ruby_out", in: suite.scratch)
        let call = try await ChildProcess.run([
            "ruby", "-I", messages, "Tests/Suite/Clients/first_call.rb", suite.address(.registry),
        ])
        try #require(call.status == 0, "\(call.errors)")
        #expect(
            call.output == """
                2025-06-30 Tỉnh Yên Bái
                2025-07-01 Tỉnh Lào Cai
                CODE_NOT_IN_FORCE registry.cdt.vn Tỉnh Lào Cai

                """)
    }

    /// By reflection alone: buf curl is told nothing of the contract.
    private func callFromBuf(_ suite: RunningSuite) async throws {
        func curl(_ data: String) async throws -> ChildProcess.Outcome {
            try await ChildProcess.run([
                ".local/venv/bin/buf", "curl", "--protocol", "grpc", "--http2-prior-knowledge", "--data", data,
                "http://\(suite.address(.registry))/cdt.registry.v1.RegistryService/ResolveUnitCode",
            ])
        }
        let answer = try await curl(#"{"code": "15", "date": "2025-06-30"}"#)
        #expect(answer.status == 0 && answer.output.contains("Tỉnh Yên Bái"), "\(answer.errors)")
        let failure = try await curl(#"{"code": "10", "date": "2025-07-01"}"#)
        #expect(failure.status != 0)
        // buf prints an error as Connect does: the details' types, and their bytes in base64.
        struct Failure: Decodable {
            struct Detail: Decodable {
                let type: String
                let value: String
            }
            let code: String
            let details: [Detail]
        }
        let error = try JSONDecoder().decode(Failure.self, from: Data(failure.errors.utf8))
        #expect(error.code == "not_found")
        let detail = try #require(error.details.first { $0.type == "google.rpc.ErrorInfo" })
        let padded = detail.value + String(repeating: "=", count: (4 - detail.value.count % 4) % 4)
        let info = try Google_Rpc_ErrorInfo(serializedBytes: #require(Data(base64Encoded: padded)))
        #expect(info.reason == "CODE_NOT_IN_FORCE" && info.domain == "registry.cdt.vn")
        #expect(info.metadata["lastName"] == "Tỉnh Lào Cai")
    }
}
