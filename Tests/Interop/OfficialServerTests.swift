import Foundation
import InteropService
import RPC
import Shared
import SwiftProtobuf
import TestSupport
import Testing

/// Our client calls the official Python server: the client's side of gRPC's interoperability cases.
@Suite(.timeLimit(.minutes(10))) struct OfficialServerTests {
    typealias Client = Grpc_Testing_TestService.Client

    /// A server for the length of a test, and a client of it.
    private func withServer(_ body: (Client, BackgroundProcess) async throws -> Void) async throws {
        let scratch = try ScratchFolder()
        defer { scratch.remove() }
        let descriptors = try await Tools.testingDescriptors(in: scratch)
        let server = try BackgroundProcess([try await Tools.python(), Tools.script("server.py"), descriptors])
        do {
            let port = try #require(Int(try await server.line(after: "port ")))
            let rpc = try RPCClient(host: "127.0.0.1", port: port)
            try await body(Client(rpc), server)
            await rpc.close()
        } catch {
            await server.stop()
            throw error
        }
        await server.stop()
    }

    private static let limit = CallOptions(timeout: .seconds(20))

    /// The error of a call that must fail.
    private func failure<T>(_ call: () async throws -> T) async throws -> RPCError {
        do {
            _ = try await call()
        } catch let error as RPCError {
            return error
        }
        throw Succeeded()
    }
    private struct Succeeded: Error {}

    private func outputRequest(_ sizes: Int32..., requestSize: Int32 = 0) -> Grpc_Testing_StreamingOutputCallRequest {
        .with {
            $0.responseParameters = sizes.map { size in .with { $0.size = size } }
            $0.payload = .zeros(requestSize)
        }
    }

    @Test func `Unary calls, small, large and compressed`() async throws {
        try await withServer { client, _ in
            _ = try await client.emptyCall(.init(), options: Self.limit)
            for compressed in [false, true] {
                var options = Self.limit
                options.compression = compressed
                let request = Grpc_Testing_SimpleRequest.with {
                    $0.responseSize = 314_159
                    $0.payload = .zeros(271_828)
                    $0.responseCompressed.value = compressed
                }
                #expect(try await client.unaryCall(request, options: options).payload.body == Data(count: 314_159))
            }
        }
    }

    @Test func `Streams of all kinds`() async throws {
        let requestSizes: [Int32] = [27182, 8, 1828, 45904]
        let responseSizes: [Int32] = [31415, 9, 2653, 58979]
        try await withServer { client, _ in
            let upload = try await client.streamingInputCall(options: Self.limit)
            for size in requestSizes { try await upload.requests.send(.with { $0.payload = .zeros(size) }) }
            upload.requests.finish()
            #expect(try await upload.response().aggregatedPayloadSize == 74_922)

            let download = try await client.streamingOutputCall(
                .with { $0.responseParameters = responseSizes.map { size in .with { $0.size = size } } },
                options: Self.limit)
            var sizes: [Int32] = []
            for try await response in download.responses { sizes.append(Int32(response.payload.body.count)) }
            #expect(sizes == responseSizes)

            let duplex = try await client.fullDuplexCall(options: Self.limit)
            var responses = duplex.responses.makeAsyncIterator()
            for (request, response) in zip(requestSizes, responseSizes) {
                try await duplex.requests.send(outputRequest(response, requestSize: request))
                #expect(try await responses.next()?.payload.body.count == Int(response))
            }
            duplex.requests.finish()
            #expect(try await responses.next() == nil)

            let empty = try await client.fullDuplexCall(options: Self.limit)
            empty.requests.finish()
            for try await _ in empty.responses { Issue.record("a response to nothing") }
        }
    }

    @Test func `A download of many times the flow control window, read slowly, arrives whole`() async throws {
        try await withServer { client, _ in
            let call = try await client.streamingOutputCall(
                .with { $0.responseParameters = (0..<20).map { _ in .with { $0.size = 300_000 } } }, options: Self.limit
            )
            var total = 0
            for try await response in call.responses {
                if total < 1_500_000 { try await Task.sleep(for: .milliseconds(20)) }
                total += response.payload.body.count
            }
            #expect(total == 6_000_000)
        }
    }

    @Test func `Metadata goes both ways, bytes included`() async throws {
        try await withServer { client, _ in
            var options = Self.limit
            options.metadata.add("test_initial_metadata_value", for: "x-grpc-test-echo-initial")
            for value in [[0xab, 0xab, 0xab], [], [UInt8](0...255)] as [[UInt8]] {
                options.metadata.add(value, for: "x-grpc-test-echo-trailing-bin")
            }
            let call = try await client.fullDuplexCall(options: options)
            try await call.requests.send(outputRequest(9))
            call.requests.finish()
            for try await _ in call.responses {}
            let initial = try await call.initialMetadata
            #expect(initial[string: "x-grpc-test-echo-initial"] == "test_initial_metadata_value")
            let trailing = await call.trailingMetadata
            #expect(
                trailing.binaries("x-grpc-test-echo-trailing-bin") == [
                    [0xab, 0xab, 0xab], [], [UInt8](0...255),
                ])
        }
    }

    @Test func `Status, message and details of an error arrive`() async throws {
        let text = "\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n"
        try await withServer { client, _ in
            for code in StatusCode.allCases where code != .ok {
                let request = Grpc_Testing_SimpleRequest.with {
                    $0.responseStatus = .with { ($0.code, $0.message) = (Int32(code.rawValue), text) }
                }
                var options = Self.limit
                options.retries = false
                let error = try await failure { try await client.unaryCall(request, options: options) }
                #expect(error.code == code)
                #expect(error.message == text)
            }
            var options = Self.limit
            options.metadata = ["x-test-details": "1"]
            let rich = try await failure {
                try await client.unaryCall(
                    .with { $0.responseStatus = .with { ($0.code, $0.message) = (9, "full") } }, options: options)
            }
            let status = try Google_Rpc_Status(serializedBytes: try #require(rich.details))
            #expect(try Google_Rpc_ErrorInfo(unpackingAny: status.details[0]).reason == "CAPACITY_EXCEEDED")

            let missing = try await failure { try await client.unimplementedCall(.init(), options: Self.limit) }
            #expect(missing.code == .unimplemented)
        }
    }

    @Test func `An error after responses leaves the responses`() async throws {
        try await withServer { client, _ in
            let call = try await client.fullDuplexCall(options: Self.limit)
            var responses = call.responses.makeAsyncIterator()
            try await call.requests.send(outputRequest(9))
            #expect(try await responses.next()?.payload.body.count == 9)
            try await call.requests.send(.with { $0.responseStatus.code = 15 })
            #expect(try await failure { try await responses.next() }.code == .dataLoss)
        }
    }

    @Test func `A deadline goes with the call and ends it on both sides`() async throws {
        try await withServer { client, server in
            let seen = try await client.unaryCall(.init(), options: .init(timeout: .seconds(1000))).username
            let remaining = try #require(Double(seen))
            #expect(remaining > 500 && remaining <= 1000)

            let request = Grpc_Testing_StreamingOutputCallRequest.with {
                $0.responseParameters = [.with { $0.intervalUs = 30_000_000 }]
            }
            let error = try await failure {
                let call = try await client.streamingOutputCall(request, options: .init(timeout: .milliseconds(300)))
                for try await _ in call.responses {}
            }
            #expect(error.code == .deadlineExceeded)
            _ = try await server.line(after: "cancelled StreamingOutputCall")
        }
    }

    @Test func `Cancelling a call or its task ends it on both sides`() async throws {
        try await withServer { client, server in
            let call = try await client.fullDuplexCall(options: Self.limit)
            var responses = call.responses.makeAsyncIterator()
            try await call.requests.send(outputRequest(31415, requestSize: 27182))
            #expect(try await responses.next()?.payload.body.count == 31415)
            call.cancel()
            #expect(try await failure { try await responses.next() }.code == .cancelled)
            _ = try await server.line(after: "cancelled FullDuplexCall")

            let task = Task {
                let upload = try await client.streamingInputCall(options: Self.limit)
                try await upload.requests.send(.with { $0.payload = .zeros(1) })
                // Waits for an answer that comes only after the last request.
                return try await upload.initialMetadata
            }
            _ = try await server.line(after: "begun StreamingInputCall")
            task.cancel()
            await #expect(throws: (any Error).self) { try await task.value }
            _ = try await server.line(after: "cancelled StreamingInputCall")
        }
    }

    /// The caller breaks out of the responses, or fails between two steps.
    @Test func `A call that nobody holds any more ends on both sides`() async throws {
        try await withServer { client, server in
            do {
                let download = try await client.streamingOutputCall(
                    .with { $0.responseParameters = (0..<100).map { _ in .with { $0.size = 300_000 } } })
                for try await _ in download.responses { break }
            }
            _ = try await server.line(after: "cancelled StreamingOutputCall")

            try await client.fullDuplexCall().requests.send(outputRequest(9))
            _ = try await server.line(after: "cancelled FullDuplexCall")
        }
    }

    @Test func `A call that failed UNAVAILABLE is made again, up to the limit`() async throws {
        try await withServer { client, _ in
            func options(_ key: String, failures: Int, retries: Bool = true) -> CallOptions {
                CallOptions(
                    timeout: .seconds(20), metadata: ["x-test-key": key, "x-test-fail": "\(failures)"], retries: retries
                )
            }
            _ = try await client.emptyCall(.init(), options: options("once", failures: 1))
            let refused = try await failure {
                try await client.emptyCall(.init(), options: options("never", failures: 1, retries: false))
            }
            #expect(refused.code == .unavailable)
            let exhausted = try await failure {
                try await client.emptyCall(.init(), options: options("always", failures: 1000))
            }
            #expect(exhausted.code == .unavailable)
        }
    }

    @Test func `A server that went away is found again when it comes back`() async throws {
        let scratch = try ScratchFolder()
        defer { scratch.remove() }
        let descriptors = try await Tools.testingDescriptors(in: scratch)
        let command = [try await Tools.python(), Tools.script("server.py"), descriptors]
        let first = try BackgroundProcess(command)
        let port = try await first.line(after: "port ")
        let rpc = try RPCClient(host: "127.0.0.1", port: try #require(Int(port)))
        let client = Client(rpc)
        _ = try await client.emptyCall(.init(), options: Self.limit)
        await first.stop()

        let gone = try await failure { try await client.emptyCall(.init(), options: Self.limit) }
        #expect(gone.code == .unavailable)

        async let waiting = client.emptyCall(.init(), options: .init(timeout: .seconds(30), waitForReady: true))
        let second = try BackgroundProcess(command + [port])
        _ = try await waiting
        await rpc.close()
        await second.stop()
    }
}
