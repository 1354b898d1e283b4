import InteropService
import TestSupport
import Testing

/// The official clients of gRPC call our server.
@Suite(.timeLimit(.minutes(10))) struct OfficialClientTests {
    /// gRPC's cases (doc/interop-test-descriptions.md) and more of the same kind, in `Clients/cases.py`.
    private static let pythonCases = [
        "empty_unary", "large_unary", "client_compressed_unary", "server_compressed_unary", "client_streaming",
        "client_compressed_streaming", "server_streaming", "server_compressed_streaming", "ping_pong", "half_duplex",
        "empty_stream", "custom_metadata", "binary_metadata", "status_code_and_message", "every_status_code",
        "special_status_message", "rich_error", "error_after_responses", "unimplemented_method",
        "unimplemented_service", "cancel_after_begin", "cancel_after_first_response", "timeout_on_sleeping_server",
        "message_too_large", "slow_reader", "concurrent_large_unary", "many_streams", "deadline_reaches_server",
    ]

    @Test func `Python's client passes every case`() async throws {
        let scratch = try ScratchFolder()
        defer { scratch.remove() }
        let python = try await Tools.python()
        let descriptors = try await Tools.testingDescriptors(in: scratch)
        try await TestServer.run { server in
            let client = try await ChildProcess.run(
                [python, Tools.script("cases.py"), "\(server.port)", descriptors], limit: .seconds(120))
            #expect(client.status == 0, "\(client.output)\(client.errors)")
            #expect(client.output.split(separator: "\n").map(String.init) == Self.pythonCases.map { "ok \($0)" })
            // Two cases cancel, one runs into its deadline with a handler at work: the handlers must have been told.
            #expect(try await server.eventually { $0.running == 0 }, "handlers go on after their calls have ended")
            #expect(server.observations.cancelled >= 3)
            // The last call had a timeout of 7 seconds; gRPC Core rounds up what it sends.
            let deadline = try #require(server.observations.deadline)
            #expect(deadline > .seconds(5) && deadline < .seconds(8))
        }
    }

    /// The interoperability client that comes with Debian's ruby-grpc, on gRPC Core 1.51.
    @Test(arguments: [
        "empty_unary", "large_unary", "client_streaming", "server_streaming", "ping_pong", "empty_stream",
        "cancel_after_begin", "cancel_after_first_response", "timeout_on_sleeping_server", "custom_metadata",
        "status_code_and_message", "unimplemented_method", "unimplemented_service", "client_compressed_unary",
        "client_compressed_streaming",
    ])
    func `Ruby's client passes`(testCase: String) async throws {
        try await TestServer.run { server in
            let locate = try await ChildProcess.run(
                ["ruby", "-e", "print Gem::Specification.find_by_name('grpc').gem_dir"])
            try #require(locate.status == 0, "install ruby-grpc: \(locate.errors)")
            let client = try await ChildProcess.run(
                [
                    "ruby", "client.rb", "--server_host", "127.0.0.1", "--server_port", "\(server.port)",
                    "--use_tls", "false", "--test_case", testCase,
                ], directory: "\(locate.output)/src/ruby/pb/test")
            #expect(client.status == 0, "\(client.output)\(client.errors)")
            #expect(try await server.eventually { $0.running == 0 }, "a handler goes on after its call has ended")
        }
    }

    @Test func `Ruby reads the details of an error`() async throws {
        try await TestServer.run { server in
            let client = try await ChildProcess.run(["ruby", Tools.script("rich_error.rb"), "\(server.port)"])
            #expect(client.status == 0, "\(client.errors)")
            #expect(
                client.output == """
                    FAILED_PRECONDITION The team is full.
                    CAPACITY_EXCEEDED registry.cdt.vn 9
                    vi Tổ đã đủ 9 thành viên.

                    """)
        }
    }

    /// buf curl is on connect-go and Go's own HTTP/2.
    @Test func `buf curl calls a unary and a streaming method`() async throws {
        let buf = try await Tools.buf()
        try await TestServer.run { server in
            func curl(_ method: String, _ data: String) async throws -> ChildProcess.Outcome {
                try await ChildProcess.run(
                    [
                        buf, "curl", "--schema", "proto", "--protocol", "grpc", "--http2-prior-knowledge", "--data",
                        data, "http://127.0.0.1:\(server.port)/grpc.testing.TestService/\(method)",
                    ])
            }
            let unary = try await curl("UnaryCall", #"{"responseSize": 3}"#)
            #expect(unary.output.filter { !$0.isWhitespace } == #"{"payload":{"body":"AAAA"}}"#, "\(unary.errors)")
            let stream = try await curl(
                "StreamingOutputCall", #"{"responseParameters": [{"size": 3}, {"size": 0}, {"size": 1}]}"#)
            #expect(
                stream.output.filter { !$0.isWhitespace }
                    == #"{"payload":{"body":"AAAA"}}{"payload":{}}{"payload":{"body":"AA=="}}"#, "\(stream.errors)")
            let failure = try await curl("UnaryCall", #"{"responseStatus": {"code": 5, "message": "không có"}}"#)
            #expect(failure.status != 0)
            #expect(failure.errors.contains("not_found") && failure.errors.contains("không có"), "\(failure.errors)")
        }
    }
}
