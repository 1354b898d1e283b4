import InteropService
import RPC
import Shared
import SwiftProtobuf

/// Calls that fail, are cancelled or run out of time, and calls that press against a bound.
extension InteropCase {
    private static func status(_ code: StatusCode, _ message: String) -> Grpc_Testing_EchoStatus {
        .with { ($0.code, $0.message) = (Int32(code.rawValue), message) }
    }

    private static var once: CallOptions {
        var options = limit
        options.retries = false
        return options
    }

    static let errors: [InteropCase] = [
        InteropCase("status_code_and_message") { client, _ in
            let wanted = status(.unknown, "test status message")
            let unary = try await fails(.unknown) {
                try await client.unaryCall(.with { $0.responseStatus = wanted }, options: once)
            }
            try expect(unary.message, wanted.message)
            let call = try await client.fullDuplexCall(options: once)
            try await call.requests.send(.with { $0.responseStatus = wanted })
            call.requests.finish()
            try expect(try await fails(.unknown) { try await sizes(call.responses) }.message, wanted.message)
        },
        InteropCase("every_status_code") { client, _ in
            for code in StatusCode.allCases where code != .ok {
                let error = try await fails(code) {
                    try await client.unaryCall(.with { $0.responseStatus = status(code, "\(code)") }, options: once)
                }
                try expect(error.message, "\(code)")
            }
        },
        InteropCase("special_status_message") { client, _ in
            let text = "\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n"
            let error = try await fails(.unknown) {
                try await client.unaryCall(.with { $0.responseStatus = status(.unknown, text) }, options: once)
            }
            try expect(error.message, text)
        },
        InteropCase("rich_error") { client, _ in
            var options = once
            options.metadata = ["x-test-details": "1"]
            let error = try await fails(.failedPrecondition) {
                try await client.unaryCall(
                    .with { $0.responseStatus = status(.failedPrecondition, "The team is full.") }, options: options)
            }
            let details = try Google_Rpc_Status(serializedBytes: error.details ?? []).details
            guard let first = details.first else { throw Mismatch("the error has no details") }
            try expect(try Google_Rpc_ErrorInfo(unpackingAny: first).reason, "CAPACITY_EXCEEDED")
        },
        InteropCase("error_after_responses") { client, _ in
            let call = try await client.fullDuplexCall(options: limit)
            var responses = call.responses.makeAsyncIterator()
            try await call.requests.send(output([9]))
            try expect(try await responses.next()?.payload.body.count, 9)
            try await call.requests.send(.with { $0.responseStatus = status(.dataLoss, "lost") })
            try await fails(.dataLoss) { try await responses.next() }
        },
        InteropCase("unimplemented_method") { client, _ in
            try await fails(.unimplemented) { try await client.unimplementedCall(.init(), options: limit) }
        },
        InteropCase("unimplemented_service") { _, world in
            let rpc = try world.connect()
            let client = Grpc_Testing_UnimplementedService.Client(rpc)
            try await fails(.unimplemented) { try await client.unimplementedCall(.init(), options: limit) }
            await rpc.close()
        },
        // "Start a stream, send nothing, the server responds."
        InteropCase("silent_stream") { _, world in
            let rpc = try world.connect()
            let method = MethodDescriptor(
                service: "grpc.testing.TestService", method: "NoSuchCall", kind: .bidirectionalStreaming)
            let call = try await rpc.bidirectionalStreaming(
                method, options: limit, encode: { (bytes: [UInt8]) in bytes }, decode: { $0 })
            try await fails(.unimplemented) { for try await _ in call.responses {} }
            await rpc.close()
        },
    ]

    static let endings: [InteropCase] = [
        InteropCase("cancel_after_begin") { client, world in
            let task = Task {
                let upload = try await client.streamingInputCall(options: limit)
                return try await upload.initialMetadata
            }
            if world.serverLog == nil { try await Task.sleep(for: .milliseconds(200)) }
            try await world.serverTells("begun StreamingInputCall")
            task.cancel()
            try await fails(.cancelled) { try await task.value }
            try await world.serverTells("cancelled StreamingInputCall")
        },
        InteropCase("cancel_after_first_response") { client, world in
            let call = try await client.fullDuplexCall(options: limit)
            var responses = call.responses.makeAsyncIterator()
            try await call.requests.send(output([31415], requestSize: 27182))
            try expect(try await responses.next()?.payload.body.count, 31415)
            call.cancel()
            try await fails(.cancelled) { try await responses.next() }
            try await world.serverTells("cancelled FullDuplexCall")
        },
        InteropCase("timeout_on_sleeping_server") { client, world in
            try await fails(.deadlineExceeded) {
                let call = try await client.fullDuplexCall(options: .init(timeout: .milliseconds(1)))
                try await call.requests.send(output([], requestSize: 27182))
                return try await sizes(call.responses)
            }
            // Long enough for the call to reach the server, which then ends it.
            let sleeping = Grpc_Testing_StreamingOutputCallRequest.with {
                $0.responseParameters = [.with { ($0.size, $0.intervalUs) = (1, 20_000_000) }]
            }
            try await fails(.deadlineExceeded) {
                let call = try await client.streamingOutputCall(sleeping, options: .init(timeout: .seconds(2)))
                return try await sizes(call.responses)
            }
            try await world.serverTells("cancelled StreamingOutputCall")
        },
        InteropCase("deadline_reaches_server") { client, _ in
            _ = try await client.unaryCall(.init(), options: .init(timeout: .seconds(1000)))
        },
    ]

    static let pressure: [InteropCase] = [
        InteropCase("message_too_large") { client, _ in
            try await fails(.resourceExhausted) {
                try await client.unaryCall(.with { $0.payload = .zeros(4 * 1024 * 1024) }, options: once)
            }
        },
        // Flow control, towards us: a reply of many times the window, read slowly, while other calls go on.
        InteropCase("slow_reader") { client, _ in
            let request = output([Int32](repeating: 300_000, count: 20))
            let call = try await client.streamingOutputCall(request, options: limit)
            var total = 0
            for try await response in call.responses {
                if total < 1_500_000 {
                    try await Task.sleep(for: .milliseconds(20))
                    _ = try await client.emptyCall(.init(), options: limit)
                }
                total += response.payload.body.count
            }
            try expect(total, 6_000_000)
        },
        // Flow control, towards the server: while its handler sleeps, the writer must come to wait.
        InteropCase("slow_server") { client, _ in
            let call = try await client.fullDuplexCall(options: limit)
            var first = output([9], requestSize: 100_000)
            first.responseParameters[0].intervalUs = 1_000_000
            try await call.requests.send(first)
            let writing = Task { () -> ContinuousClock.Instant in
                for _ in 0..<400 { try await call.requests.send(output([], requestSize: 100_000)) }
                call.requests.finish()
                return .now
            }
            var responses = call.responses.makeAsyncIterator()
            try expect(try await responses.next()?.payload.body.count, 9)
            let answered = ContinuousClock.now
            try expect(try await responses.next(), nil)
            try expect(try await writing.value > answered, true, "all was sent before the server read: waiting is")
        },
        InteropCase("concurrent_large_unary") { client, _ in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<1000 {
                    group.addTask {
                        try expectLarge(
                            try await client.unaryCall(largeRequest(), options: .init(timeout: .seconds(120))))
                    }
                }
                try await group.waitForAll()
            }
        },
        // More calls at once than a connection may carry: they wait their turn.
        InteropCase("many_streams") { client, _ in
            let request = Grpc_Testing_StreamingOutputCallRequest.with {
                $0.responseParameters = [.with { ($0.size, $0.intervalUs) = (1, 50_000) }]
            }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<1000 {
                    group.addTask {
                        let call = try await client.streamingOutputCall(request, options: limit)
                        try expect(try await sizes(call.responses), [1])
                    }
                }
                try await group.waitForAll()
            }
        },
        // Thousands of calls at once, half of which run out of time.
        InteropCase("many_timeouts") { client, _ in
            let sleeping = Grpc_Testing_StreamingOutputCallRequest.with {
                $0.responseParameters = [.with { ($0.size, $0.intervalUs) = (1, 60_000_000) }]
            }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for index in 0..<2000 {
                    group.addTask {
                        guard index.isMultiple(of: 2) else {
                            _ = try await client.emptyCall(.init(), options: limit)
                            return
                        }
                        try await fails(.deadlineExceeded) {
                            let call = try await client.streamingOutputCall(
                                sleeping, options: .init(timeout: .milliseconds(index)))
                            return try await sizes(call.responses)
                        }
                    }
                }
                try await group.waitForAll()
            }
        },
        InteropCase("rpc_soak") { client, world in
            for _ in 0..<world.soakCalls {
                try expectLarge(try await client.unaryCall(largeRequest(), options: limit))
            }
        },
        InteropCase("channel_soak") { _, world in
            for _ in 0..<max(1, world.soakCalls / 10) {
                let rpc = try world.connect()
                try expectLarge(try await Client(rpc).unaryCall(largeRequest(), options: limit))
                await rpc.close()
            }
        },
        // "Failed TLS hostname verification": no call gets through.
        InteropCase("tls_wrong_name") { _, world in
            guard world.authorities != nil else { return }
            let rpc = try world.connect(serverName: "elsewhere.example")
            try await fails(.unavailable) { try await Client(rpc).emptyCall(.init(), options: once) }
            await rpc.close()
        },
    ]
}
