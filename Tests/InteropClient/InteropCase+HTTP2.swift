import InteropService
import RPC
import SwiftProtobuf

/// What a client must bear from a server (doc/http2-interop-test-descriptions.md). The server plays the case of the
/// same name and judges what it can see itself.
extension InteropCase {
    private static var once: CallOptions {
        var options = limit
        options.retries = false
        return options
    }

    private static func expectReset(_ client: Client) async throws {
        do {
            _ = try await client.unaryCall(largeRequest(), options: once)
        } catch let error as RPCError where error.code == .internal || error.code == .unknown {
            return
        }
        throw Mismatch("the call succeeded, although its stream was reset")
    }

    static let http2: [InteropCase] = [
        InteropCase("goaway") { client, _ in
            // The first reply comes with a GOAWAY: the second call must go over a new connection.
            try expectLarge(try await client.unaryCall(largeRequest(), options: once))
            try await Task.sleep(for: .seconds(1))
            try expectLarge(try await client.unaryCall(largeRequest(), options: once))
        },
        InteropCase("rst_after_header") { client, _ in try await expectReset(client) },
        InteropCase("rst_during_data") { client, _ in try await expectReset(client) },
        InteropCase("rst_after_data") { client, _ in try await expectReset(client) },
        InteropCase("ping") { client, _ in
            try expectLarge(try await client.unaryCall(largeRequest(), options: once))
        },
        InteropCase("max_streams") { client, _ in
            try expectLarge(try await client.unaryCall(largeRequest(), options: once))
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<10 {
                    group.addTask { try expectLarge(try await client.unaryCall(largeRequest(), options: once)) }
                }
                try await group.waitForAll()
            }
        },
        InteropCase("data_frame_padding") { client, _ in
            try expectLarge(try await client.unaryCall(largeRequest(), options: once))
        },
        InteropCase("no_df_padding_sanity_test") { client, _ in
            try expectLarge(try await client.unaryCall(largeRequest(), options: once))
        },
    ]
}
