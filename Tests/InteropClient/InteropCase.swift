import InteropService
import RPC
import SwiftProtobuf

import struct Foundation.Data

/// One of gRPC's cases (doc/interop-test-descriptions.md), or one more of the same kind.
struct InteropCase: Sendable {
    typealias Client = Grpc_Testing_TestService.Client

    let name: String
    let run: @Sendable (Client, InteropWorld) async throws -> Void

    init(_ name: String, _ run: @escaping @Sendable (Client, InteropWorld) async throws -> Void) {
        self.name = name
        self.run = run
    }

    static let limit = CallOptions(timeout: .seconds(60))
    static let requestSizes: [Int32] = [27182, 8, 1828, 45904]
    static let responseSizes: [Int32] = [31415, 9, 2653, 58979]

    /// Those of the list, in its order, then ours.
    static let all: [InteropCase] = unary + streams + metadata + errors + endings + pressure

    static func largeRequest(
        _ change: (inout Grpc_Testing_SimpleRequest) -> Void = { _ in }
    ) -> Grpc_Testing_SimpleRequest {
        .with {
            $0.responseSize = 314_159
            $0.payload = .zeros(271_828)
            change(&$0)
        }
    }

    static func output(_ sizes: [Int32], requestSize: Int32 = 0) -> Grpc_Testing_StreamingOutputCallRequest {
        .with {
            $0.responseParameters = sizes.map { size in .with { $0.size = size } }
            $0.payload = .zeros(requestSize)
        }
    }

    static func expectLarge(_ response: Grpc_Testing_SimpleResponse) throws {
        try expect(response.payload.body, Data(count: 314_159), "a payload of")
    }

    // MARK: Unary

    private static let unary: [InteropCase] = [
        InteropCase("empty_unary") { client, _ in
            try expect(try await client.emptyCall(.init(), options: limit), .init())
        },
        InteropCase("large_unary") { client, _ in
            try expectLarge(try await client.unaryCall(largeRequest(), options: limit))
        },
        InteropCase("client_compressed_unary") { client, _ in
            // A server that sees the flag refuses what is not compressed although it says so ("the probe").
            try await fails(.invalidArgument) {
                try await client.unaryCall(largeRequest { $0.expectCompressed.value = true }, options: limit)
            }
            for compressed in [true, false] {
                var options = limit
                options.compression = compressed
                try expectLarge(
                    try await client.unaryCall(
                        largeRequest { $0.expectCompressed.value = compressed }, options: options))
            }
        },
        InteropCase("server_compressed_unary") { client, _ in
            for compressed in [true, false] {
                try expectLarge(
                    try await client.unaryCall(
                        largeRequest { $0.responseCompressed.value = compressed }, options: limit))
            }
        },
    ]

    // MARK: Streams

    private static let streams: [InteropCase] = [
        InteropCase("client_streaming") { client, _ in
            let upload = try await client.streamingInputCall(options: limit)
            for size in requestSizes { try await upload.requests.send(.with { $0.payload = .zeros(size) }) }
            upload.requests.finish()
            try expect(try await upload.response().aggregatedPayloadSize, 74_922)
        },
        InteropCase("client_compressed_streaming") { client, _ in
            let probe = try await client.streamingInputCall(options: limit)
            try await fails(.invalidArgument) {
                try await probe.requests.send(
                    .with {
                        $0.expectCompressed.value = true
                        $0.payload = .zeros(27182)
                    })
                probe.requests.finish()
                return try await probe.response()
            }
            var options = limit
            options.compression = true
            let upload = try await client.streamingInputCall(options: options)
            for size: Int32 in [27182, 45904] {
                try await upload.requests.send(
                    .with {
                        $0.expectCompressed.value = true
                        $0.payload = .zeros(size)
                    })
            }
            upload.requests.finish()
            try expect(try await upload.response().aggregatedPayloadSize, 73_086)
        },
        InteropCase("server_streaming") { client, _ in
            let download = try await client.streamingOutputCall(output(responseSizes), options: limit)
            try expect(try await sizes(download.responses), responseSizes)
        },
        InteropCase("server_compressed_streaming") { client, _ in
            let request = Grpc_Testing_StreamingOutputCallRequest.with {
                $0.responseParameters = ([(31415, true), (92653, false)] as [(Int32, Bool)]).map { size, compressed in
                    .with {
                        $0.size = size
                        $0.compressed.value = compressed
                    }
                }
            }
            let download = try await client.streamingOutputCall(request, options: limit)
            try expect(try await sizes(download.responses), [31415, 92653])
        },
        InteropCase("ping_pong") { client, _ in
            let call = try await client.fullDuplexCall(options: limit)
            var responses = call.responses.makeAsyncIterator()
            for (request, response) in zip(requestSizes, responseSizes) {
                try await call.requests.send(output([response], requestSize: request))
                try expect(try await responses.next()?.payload.body.count, Int(response))
            }
            call.requests.finish()
            try expect(try await responses.next(), nil)
        },
        InteropCase("half_duplex") { client, _ in
            let call = try await client.halfDuplexCall(options: limit)
            for size in responseSizes { try await call.requests.send(output([size])) }
            call.requests.finish()
            try expect(try await sizes(call.responses), responseSizes)
        },
        InteropCase("empty_stream") { client, _ in
            let call = try await client.fullDuplexCall(options: limit)
            call.requests.finish()
            try expect(try await sizes(call.responses), [])
        },
    ]

    static func sizes<S: AsyncSequence>(_ responses: S) async throws -> [Int32]
    where S.Element == Grpc_Testing_StreamingOutputCallResponse {
        var sizes: [Int32] = []
        for try await response in responses { sizes.append(Int32(response.payload.body.count)) }
        return sizes
    }

    // MARK: Metadata

    private static let metadata: [InteropCase] = [
        InteropCase("custom_metadata") { client, _ in
            var options = limit
            options.metadata.add("test_initial_metadata_value", for: "x-grpc-test-echo-initial")
            options.metadata.add([0xab, 0xab, 0xab] as [UInt8], for: "x-grpc-test-echo-trailing-bin")
            try expectLarge(try await client.unaryCall(largeRequest(), options: options))
            let call = try await client.fullDuplexCall(options: options)
            try await call.requests.send(output([314_159], requestSize: 271_828))
            call.requests.finish()
            try expect(try await sizes(call.responses), [314_159])
            let initial = try await call.initialMetadata
            try expect(initial[string: "x-grpc-test-echo-initial"], "test_initial_metadata_value")
            try expect(
                await call.trailingMetadata[binary: "x-grpc-test-echo-trailing-bin"], [0xab, 0xab, 0xab] as [UInt8])
        },
        InteropCase("binary_metadata") { client, _ in
            let values = [[UInt8](0...255), [], [0], Array("a,b".utf8)]
            var options = limit
            for value in values { options.metadata.add(value, for: "x-grpc-test-echo-trailing-bin") }
            let call = try await client.fullDuplexCall(options: options)
            call.requests.finish()
            _ = try await sizes(call.responses)
            try expect(await call.trailingMetadata.binaries("x-grpc-test-echo-trailing-bin"), values)
        },
        // More than a frame holds, so that both sides write CONTINUATION and read it.
        InteropCase("large_headers") { client, _ in
            let text = String(repeating: "v", count: 20_000)
            var options = limit
            options.metadata = ["x-grpc-test-echo-initial": text, "x-filler": String(repeating: "f", count: 40_000)]
            let call = try await client.fullDuplexCall(options: options)
            try await call.requests.send(output([9]))
            call.requests.finish()
            try expect(try await sizes(call.responses), [9])
            try expect(try await call.initialMetadata[string: "x-grpc-test-echo-initial"], text)
        },
    ]
}
