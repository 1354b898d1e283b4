import HTTP2
import NIOConcurrencyHelpers
import NIOCore
import TestSupport
import Testing

@testable import RPC

/// A server and a client of it, on a free port of the loopback.
private func withEcho(
    limits: Limits = Limits(), interceptors: [any ServerInterceptor] = [],
    _ body: (RPCClient, EchoService, RPCServer) async throws -> Void
) async throws {
    let service = EchoService()
    let server = RPCServer(configuration: .init(limits: limits), services: [service], interceptors: interceptors)
    let port = try await server.start()
    let client = try RPCClient(host: "127.0.0.1", port: port)
    do {
        try await body(client, service, server)
    } catch {
        await client.close()
        await server.shutdown(grace: .seconds(1))
        throw error
    }
    await client.close()
    await server.shutdown(grace: .seconds(1))
}

extension RPCClient {
    fileprivate func unary(_ bytes: [UInt8], options: CallOptions = .defaults) async throws -> [UInt8] {
        try await unary(EchoService.unary, bytes, options: options, encode: { $0 }, decode: { $0 })
    }
    fileprivate func download(count: Int, kilobytes: Int) async throws -> ServerStreamingCall<[UInt8]> {
        try await serverStreaming(
            EchoService.download, [UInt8(count / 256), UInt8(count % 256), UInt8(kilobytes)],
            options: .defaults, encode: { $0 }, decode: { $0 })
    }
    fileprivate func upload() async throws -> ClientStreamingCall<[UInt8], [UInt8]> {
        try await clientStreaming(EchoService.upload, options: .defaults, encode: { $0 }, decode: { $0 })
    }
    fileprivate func chat() async throws -> BidirectionalCall<[UInt8], [UInt8]> {
        try await bidirectionalStreaming(EchoService.chat, options: .defaults, encode: { $0 }, decode: { $0 })
    }
}

@Suite(.timeLimit(.minutes(10))) struct CallTests {
    @Test(arguments: [0, 1, 1000, 100_000, 4_000_000]) func unaryOfAnySize(size: Int) async throws {
        try await withEcho { client, _, _ in
            let bytes = [UInt8](repeating: UInt8(ascii: "."), count: size)
            let reply = try await client.unary(bytes)
            #expect(reply == bytes)
        }
    }

    @Test func manyCallsAtOnceOnOneConnection() async throws {
        try await withEcho { client, service, server in
            try await withThrowingTaskGroup(of: Bool.self) { group in
                for index in 0..<1000 {
                    group.addTask {
                        let bytes = Array("call \(index)".utf8)
                        return try await client.unary(bytes) == bytes
                    }
                }
                for try await isRight in group { #expect(isRight == true) }
            }
            #expect(service.seen.count == 1000)
            #expect(server.connectionCount == 1)
        }
    }

    @Test func serverStreamingKeepsOrderUnderBackpressure() async throws {
        try await withEcho { client, _, _ in
            let call = try await client.download(count: 500, kilobytes: 20)
            var index = 0
            for try await message in call.responses {
                #expect(message.count == 20_000 && message[0] == UInt8(truncatingIfNeeded: index))
                index += 1
            }
            #expect(index == 500)
        }
    }

    @Test func aClientThatStopsReadingStopsTheServer() async throws {
        try await withEcho { client, service, _ in
            let call = try await client.download(count: 60_000, kilobytes: 60)
            var iterator = call.responses.makeAsyncIterator()
            _ = try await iterator.next()
            call.cancel()
            #expect(await service.cancelled.reaches(1))
        }
    }

    @Test func clientStreaming() async throws {
        try await withEcho { client, _, _ in
            let call = try await client.upload()
            for size in [27182, 8, 1828, 45904] { try await call.requests.send([UInt8](repeating: 0, count: size)) }
            #expect(try await call.response() == Array("74922".utf8))
        }
    }

    @Test func pingPong() async throws {
        try await withEcho { client, _, _ in
            let call = try await client.chat()
            var replies = call.responses.makeAsyncIterator()
            for index in 0..<100 {
                try await call.requests.send([UInt8(index)])
                #expect(try await replies.next() == [UInt8(index)])
            }
            call.requests.finish()
            #expect(try await replies.next() == nil)
        }
    }

    @Test func emptyStream() async throws {
        try await withEcho { client, _, _ in
            let call = try await client.chat()
            call.requests.finish()
            var replies = call.responses.makeAsyncIterator()
            #expect(try await replies.next() == nil)
        }
    }

    @Test func errorsArriveWhole() async throws {
        try await withEcho { client, _, _ in
            let error = try await #require(throws: RPCError.self) { try await client.unary(Array("E".utf8)) }
            #expect(error.code == .notFound)
            #expect(error.message == "không có %")
            #expect(error.metadata[string: "why"] == "test")
            #expect(error.details == [1, 2, 3])
        }
    }

    @Test func unexpectedErrorsTellNothing() async throws {
        try await withEcho { client, _, _ in
            let error = try await #require(throws: RPCError.self) { try await client.unary(Array("X".utf8)) }
            #expect(error.code == .unknown)
            #expect(!error.message.contains("Unexpected()"))
        }
    }

    @Test func unknownMethodsAreUnimplemented() async throws {
        try await withEcho { client, _, _ in
            for service in ["test.Echo", "test.Other"] {
                let error = try await #require(throws: RPCError.self) {
                    try await client.unary(
                        MethodDescriptor(service: service, method: "Nope", kind: .unary), [],
                        options: .defaults, encode: { $0 }, decode: { $0 })
                }
                #expect(error.code == .unimplemented)
            }
        }
    }

    @Test func metadataTravelsBothWays() async throws {
        try await withEcho { client, _, _ in
            var metadata: Metadata = ["x-one": "1"]
            metadata.add([0xab, 0xab, 0xab], for: "x-two-bin")
            let call = try await client.bidirectionalStreaming(
                EchoService.unary, options: CallOptions(metadata: metadata), encode: { (bytes: [UInt8]) in bytes },
                decode: { $0 })
            try await call.requests.send(Array("M".utf8))
            call.requests.finish()
            #expect(try await call.initialMetadata[string: "x-one"] == "1")
            for try await _ in call.responses {}
            #expect(await call.trailingMetadata[binary: "x-two-bin"] == [0xab, 0xab, 0xab])
        }
    }

    @Test func deadlinesReachTheHandlerAndCutTheCallOff() async throws {
        try await withEcho { client, service, _ in
            _ = try await client.unary([1])  // connected, so that the deadline is spent in the handler
            let error = try await #require(throws: RPCError.self) {
                try await client.unary(Array("S".utf8), options: CallOptions(timeout: .seconds(1)))
            }
            #expect(error.code == .deadlineExceeded)
            #expect(await service.cancelled.reaches(1))
        }
    }

    @Test func outgoingCallsInheritWhatIsLeftOfTheDeadline() async throws {
        try await withEcho { client, _, _ in
            let reply = try await CallScope.$current.withValue(CallScope(deadline: .after(.seconds(7)))) {
                try await client.unary(Array("D".utf8), options: CallOptions(timeout: .seconds(100)))
            }
            let text = String(decoding: reply, as: UTF8.self)
            let seconds = try #require(Double(text.split(separator: " ")[0]))
            #expect(seconds > 3 && seconds <= 7)
        }
    }

    @Test func cancellingTheTaskCancelsTheHandler() async throws {
        try await withEcho { client, service, _ in
            let task = Task { try await client.unary(Array("S".utf8)) }
            #expect(await service.seen.reaches(1))
            task.cancel()
            let error = await #expect(throws: RPCError.self) { try await task.value }
            #expect(error?.code == .cancelled)
            #expect(await service.cancelled.reaches(1))
        }
    }

    @Test func losingTheClientCancelsTheHandler() async throws {
        try await withEcho { client, service, _ in
            let task = Task { try await client.unary(Array("S".utf8), options: CallOptions(retries: false)) }
            #expect(await service.seen.reaches(1))
            await client.close(grace: .milliseconds(10))
            #expect(await service.cancelled.reaches(1))
            _ = await task.result
        }
    }

    @Test(arguments: [true, false]) func gzipBothWays(large: Bool) async throws {
        try await withEcho { client, _, _ in
            let bytes = [UInt8(ascii: "Z")] + [UInt8](repeating: 7, count: large ? 300_000 : 3)
            let reply = try await client.unary(bytes, options: CallOptions(compression: true))
            #expect(reply == bytes)
        }
    }

    @Test func aMessageOverTheLimitIsRefusedAndTheConnectionLivesOn() async throws {
        var limits = Limits()
        limits.receiveMessageBytes = 1000
        try await withEcho(limits: limits) { client, service, _ in
            let reply = try await client.unary([UInt8](repeating: 0, count: 1000))
            #expect(reply.count == 1000)
            let error = try await #require(throws: RPCError.self) {
                try await client.unary([UInt8](repeating: 0, count: 1001))
            }
            #expect(error.code == .resourceExhausted)
            #expect(try await client.unary([1]) == [1])
            #expect(service.seen.count == 2)
        }
    }

    @Test func interceptorsRunOutsideIn() async throws {
        struct Tag: ServerInterceptor {
            let name: String
            func intercept(_ context: ServerContext, next: NextHandler) async throws {
                context.addTrailingMetadata(["order": name])
                try await next(context)
            }
        }
        try await withEcho(interceptors: [Tag(name: "outer"), Tag(name: "inner")]) { client, _, _ in
            let call = try await client.serverStreaming(
                EchoService.unary, [1], options: .defaults, encode: { $0 }, decode: { $0 })
            for try await _ in call.responses {}
            #expect(await call.trailingMetadata.strings("order") == ["outer", "inner"])
        }
    }

    @Test func clientInterceptorsPrepareCallsAndSeeTheirOutcome() async throws {
        struct Recorder: ClientInterceptor {
            let outcomes: NIOLockedValueBox<[StatusCode]>
            func ended(_ call: OutgoingCall, outcome: RPCError?) {
                outcomes.withLockedValue { $0.append(outcome?.code ?? .ok) }
            }
        }
        let server = RPCServer(configuration: .init(), services: [EchoService()])
        let port = try await server.start()
        let recorder = Recorder(outcomes: NIOLockedValueBox([]))
        let client = try RPCClient(
            targets: [.init(host: "127.0.0.1", port: port)],
            options: .init(interceptors: [recorder, BearerTokenInterceptor { "secret" }]))
        let call = try await client.serverStreaming(
            EchoService.unary, Array("A".utf8), options: .defaults, encode: { $0 },
            decode: { (bytes: [UInt8]) in bytes })
        for try await reply in call.responses { #expect(reply == Array("Bearer secret".utf8)) }
        _ = try? await client.unary(Array("E".utf8))
        #expect(recorder.outcomes.withLockedValue { $0 } == [.ok, .notFound])
        await client.close()
        await server.shutdown(grace: .seconds(1))
    }

    @Test func nobodyListeningIsUnavailable() async throws {
        let client = try RPCClient(host: "127.0.0.1", port: 1)
        let error = await #expect(throws: RPCError.self) {
            try await client.unary([1], options: CallOptions(retries: false))
        }
        #expect(error?.code == .unavailable)
        await client.close()
    }

    @Test func callsThatWaitForReadySurviveTheServersAbsence() async throws {
        let port = try FreePort.find()
        let client = try RPCClient(host: "127.0.0.1", port: port)
        let task = Task { try await client.unary([5], options: CallOptions(timeout: .seconds(30), waitForReady: true)) }
        try await Task.sleep(for: .milliseconds(300))
        let server = RPCServer(configuration: .init(port: port), services: [EchoService()])
        try await server.start()
        #expect(try await task.value == [5])
        await client.close()
        await server.shutdown(grace: .zero)
    }

    @Test func drainingFinishesCallsUnderWayAndRefusesNewOnes() async throws {
        try await withEcho { client, service, server in
            let call = try await client.chat()
            try await call.requests.send([1])
            var replies = call.responses.makeAsyncIterator()
            #expect(try await replies.next() == [1])
            let shutdown = Task { await server.shutdown(grace: .seconds(20)) }
            try await Task.sleep(for: .milliseconds(100))
            try await call.requests.send([2])
            #expect(try await replies.next() == [2])
            call.requests.finish()
            #expect(try await replies.next() == nil)
            await shutdown.value
            let error = await #expect(throws: RPCError.self) {
                try await client.unary([1], options: CallOptions(retries: false))
            }
            #expect(error?.code == .unavailable)
        }
    }

    @Test func roundRobinUsesEveryAddress() async throws {
        let services = [EchoService(), EchoService()]
        var targets: [RPCClient.Target] = []
        var servers: [RPCServer] = []
        for service in services {
            let server = RPCServer(configuration: .init(), services: [service])
            targets.append(.init(host: "127.0.0.1", port: try await server.start()))
            servers.append(server)
        }
        let client = try RPCClient(targets: targets)
        // Until both are connected calls go to whichever is.
        while services.contains(where: { $0.seen.count == 0 }) { _ = try await client.unary([1]) }
        let before = services.map(\.seen.count)
        for _ in 0..<100 { _ = try await client.unary([1]) }
        #expect(zip(services, before).allSatisfy { $0.seen.count - $1 == 50 })
        await servers[0].shutdown(grace: .seconds(1))
        for _ in 0..<20 { _ = try await client.unary([1]) }
        await client.close()
        await servers[1].shutdown(grace: .seconds(1))
    }
}
