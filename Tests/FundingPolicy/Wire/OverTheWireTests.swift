import ChangeFeed
import Foundation
import FundingPolicy
import RPC
import ServiceKit
import Shared
import Storage
import SwiftProtobuf
import TestSupport
import Testing

/// The whole service on a free port, asked as any client asks.
@Suite(.onBothEngines) struct OverTheWireTests {
    private typealias Client = Cdt_Funding_V1_FundingPolicyService.Client

    private func withService(
        registry: String = "127.0.0.1:1", _ body: (Client, RunningService) async throws -> Void
    ) async throws {
        let directory = FileManager.default.temporaryDirectory.appending(path: "funding-\(UUIDv7.next())")
        defer { try? FileManager.default.removeItem(at: directory) }
        let service = try await ServiceHost.start(
            FundingPolicyDefinition.self,
            arguments: [
                "--data", directory.path, "--peer", "registry=\(registry)", "--peer", "activity=127.0.0.1:1",
                "--log-level",
                "critical",
            ]
                + TestDatabase.serviceArguments())
        let connection = try RPCClient(host: "127.0.0.1", port: service.endpoint.port)
        do {
            try await body(Client(connection), service)
        } catch {
            await connection.close()
            await service.stop()
            throw error
        }
        await connection.close()
        await service.stop()
    }

    @Test func theServiceAnswersWithoutTheRegistryAndSaysSo() async throws {
        try await withService { client, service in
            #expect(try await client.listPolicies(.init()).policies.count == 5)
            try await service.context.database.write { transaction in
                for fact in Fixture.country + [Fixture.team("a", in: "ht")] {
                    try RegistryCopy.apply(Fixture.event(fact), in: transaction)
                }
            }
            let answer = try await client.getTeamEntitlement(
                .with {
                    $0.team = "teams/a"
                    $0.fromMonth = "2024-10"
                })
            #expect(answer.amountDong == 600_000)
            #expect(answer.freshness.source == "registry")
            #expect(!answer.freshness.connected)
            #expect(!answer.freshness.hasAsOf)
            // Operators see the same.
            let metrics = service.context.metrics.exposition()
            #expect(metrics.contains("\nfeed_consumer_connected{consumer=\"registry\",topic=\"registry.facts\"} 0\n"))
            #expect(metrics.contains("\nfeed_server_followers 0\n"))
        }
    }

    @Test func aRunIsStartedWatchedAndReadBack() async throws {
        let facts: [any Message] =
            Fixture.country + [Fixture.team("a", in: "ht"), Fixture.team("b", in: "ht", level: .commune)]
        try await ToldRegistry.with(facts) { try await aRunIsStartedWatchedAndReadBack(registry: $0.address) }
    }

    private func aRunIsStartedWatchedAndReadBack(registry: String) async throws {
        try await withService(registry: registry) { client, _ in
            try await eventually("the last fact has come") {
                let answer = try? await client.getTeamEntitlement(
                    .with {
                        $0.team = "teams/b"
                        $0.fromMonth = "2024-10"
                    })
                return answer != nil
            }
            let started = try await client.startRun(
                .with {
                    $0.unit = "units/ht"
                    $0.fromMonth = "2024-10"
                    $0.requestID = UUIDv7.next().description
                }
            ).run
            var last = started
            let watch = try await client.watchRun(.with { $0.name = started.name })
            for try await response in watch.responses { last = response.run }
            #expect(last.state == .computed)
            #expect(last.amountDong == 1_200_000)
            let lines = try await client.listRunLines(
                .with {
                    $0.run = started.name
                    $0.explain = true
                }
            ).lines
            #expect(lines.map(\.team) == ["teams/a", "teams/b"])
            var streamed: Int64 = 0
            let call = try await client.computeEntitlements(
                .with {
                    $0.unit = "units/ht"
                    $0.fromMonth = "2024-10"
                })
            for try await response in call.responses { streamed += response.lines.reduce(0) { $0 + $1.amountDong } }
            #expect(streamed == 1_200_000)
        }
    }

    @Test func errorsCarryTheirReasonAndVietnamese() async throws {
        try await withService { client, _ in
            let error = try #require(
                await #expect(throws: RPCError.self) {
                    try await client.getTeamEntitlement(
                        .with {
                            $0.team = "teams/none"
                            $0.fromMonth = "2024-10"
                        })
                })
            #expect(error.code == .notFound)
            let status = try #require(error.status)
            let info = try #require(status.details.lazy.filter { $0.isA(Google_Rpc_ErrorInfo.self) }.first)
            let reason = try Google_Rpc_ErrorInfo(unpackingAny: info)
            #expect(reason.reason == "TEAM_NOT_FOUND")
            #expect(reason.domain == FundingErrors.domain)
            let localized = try #require(
                status.details.lazy.filter { $0.isA(Google_Rpc_LocalizedMessage.self) }.first)
            #expect(try Google_Rpc_LocalizedMessage(unpackingAny: localized).message.contains("không tìm thấy"))
        }
    }
}
