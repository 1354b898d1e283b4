import HTTP2
import InteropService
import TestSupport
import Testing

/// The official clients of gRPC call our server.
@Suite(.timeLimit(.minutes(10))) struct OfficialClientTests {
    /// The scripts of `Clients/` that run gRPC's cases (doc/interop-test-descriptions.md) and more of the same kind,
    /// how many, and which say nothing without TLS or with this client. `./dev interop` runs the long ones too.
    struct Script: Sendable, CustomTestStringConvertible {
        let name: String
        let cases: Int
        let skipped: Set<String>
        var testDescription: String { name }

        static let all = [
            Script(name: "cases.py", cases: 32, skipped: ["tls_wrong_name"]),
            Script(
                name: "grpclib_cases.py", cases: 32,
                skipped: [
                    "tls_wrong_name", "client_compressed_unary", "server_compressed_unary",
                    "client_compressed_streaming", "server_compressed_streaming",
                ]),
        ]
    }

    /// gRPC Core, and grpclib on another HTTP/2 stack.
    @Test(arguments: Script.all) func `Python's clients pass every case`(script: Script) async throws {
        let scratch = try ScratchFolder()
        defer { scratch.remove() }
        let python = try await Tools.python()
        let descriptors = try await Tools.testingDescriptors(in: scratch)
        var limits = Limits()
        limits.headerListBytes = 128 * 1024
        try await TestServer.run(limits: limits, log: scratch.path("server.log")) { server in
            let client = try await ChildProcess.run(
                [
                    python, Tools.script(script.name), "\(server.port)", descriptors, "--server-log",
                    scratch.path("server.log"),
                ], limit: .seconds(150))
            #expect(client.status == 0, "\(client.output)\(client.errors)")
            let lines = client.output.split(separator: "\n")
            #expect(lines.count == script.cases)
            let skipped = lines.filter { !$0.hasPrefix("ok ") }.map {
                $0.split(whereSeparator: { " :".contains($0) })[1]
            }
            #expect(Set(skipped.map(String.init)) == script.skipped, "\(client.output)")
            // Two cases cancel, one runs into its deadline with a handler at work: the handlers must have been told.
            #expect(try await server.eventually { $0.running == 0 }, "handlers go on after their calls have ended")
            #expect(server.observations.cancelled >= 3)
            // The last call had a timeout of 1000 seconds; gRPC Core rounds up what it sends.
            let deadline = try #require(server.observations.deadline)
            #expect(deadline > .seconds(500) && deadline < .seconds(1010))
        }
    }

    @Test func `Clients call over TLS, and refuse a server of another name`() async throws {
        let scratch = try ScratchFolder()
        defer { scratch.remove() }
        let python = try await Tools.python()
        let descriptors = try await Tools.testingDescriptors(in: scratch)
        let certificates = "\(try await Tools.rubyGem())/src/ruby/spec/testdata"
        let tls = TLS(
            certificateChainFile: "\(certificates)/server1.pem", privateKeyFile: "\(certificates)/server1.key")
        try await TestServer.run(tls: tls) { server in
            for script in ["cases.py", "grpclib_cases.py"] {
                let client = try await ChildProcess.run([
                    python, Tools.script(script), "\(server.port)", descriptors, "--authorities",
                    "\(certificates)/ca.pem", "large_unary", "ping_pong", "status_code_and_message", "tls_wrong_name",
                ])
                #expect(client.status == 0, "\(client.output)\(client.errors)")
            }
            let ruby = try await ChildProcess.run(
                [
                    "ruby", "client.rb", "--server_host", "127.0.0.1", "--server_port", "\(server.port)", "--use_tls",
                    "true", "--use_test_ca", "true", "--server_host_override", "foo.test.google.fr", "--test_case",
                    "large_unary",
                ], directory: "\(try await Tools.rubyGem())/src/ruby/pb/test")
            #expect(ruby.status == 0, "\(ruby.output)\(ruby.errors)")
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
        let scratch = try ScratchFolder()
        defer { scratch.remove() }
        let log = scratch.path("server.log")
        // The case of client.rb cancels before it connects: the script does it once more, for the server to see.
        let program =
            testCase == "cancel_after_begin" ? [Tools.script("cancel_after_begin.rb"), log] : ["client.rb"]
        try await TestServer.run(log: log) { server in
            let client = try await ChildProcess.run(
                ["ruby"] + program + [
                    "--server_host", "127.0.0.1", "--server_port", "\(server.port)", "--use_tls", "false",
                    "--test_case", testCase,
                ], directory: "\(try await Tools.rubyGem())/src/ruby/pb/test")
            #expect(client.status == 0, "\(client.output)\(client.errors)")
            #expect(try await server.eventually { $0.running == 0 }, "a handler goes on after its call has ended")
            let endsEarly = ["cancel_after_begin", "cancel_after_first_response", "timeout_on_sleeping_server"]
            if endsEarly.contains(testCase) { #expect(server.observations.cancelled == 1) }
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
