import RPC
import ServiceKit
import Shared
import SwiftProtobuf
import TestSupport
import Testing

@testable import ActivityReporting

/// "`Watch` streams changes."
@Suite("Watching", .serialized, .onBothEngines)
struct WatchTests {
    @Test("Watching sends the figures at once and again when they change")
    func watch() async throws {
        let registry = try await RegistryStandIn()
        try await registry.tellSmallTruth(members: 2)
        try await ServiceTests.with(registry) { client, _ in
            _ = try await ServiceTests.wait(client, for: 2)
            let call = try await client.watchFigures(.with { $0.period = "2024-10" })
            var seen: [Int64] = []
            for try await response in call.responses {
                seen.append(response.figures.received)
                if seen.count == 2 { break }
                _ = try await client.submitReport(.with { $0.submission = ServiceTests.submission("p1") })
            }
            call.cancel()
            #expect(seen == [0, 1])
        }
        await registry.server.shutdown(grace: .zero)
    }

    @Test("Watching what was achieved sends the sums at once and again when a report adds to them")
    func watchAchievements() async throws {
        let registry = try await RegistryStandIn()
        try await registry.tellSmallTruth(members: 1)
        try await ServiceTests.with(registry) { client, service in
            _ = try await ServiceTests.wait(client, for: 1)
            let wire = try RPCClient(host: "127.0.0.1", port: service.endpoint.port)
            let call = try await Cdt_Activity_V1_AchievementService.Client(wire).watchAchievements(
                .with {
                    $0.period = "2024-10"
                    $0.unit = "units/u1"
                })
            var seen: [Int64] = []
            for try await response in call.responses {
                #expect(response.treeDate == "2024-10-31" && response.registry.hasAsOf)
                seen.append(response.achievements.counters.first { $0.code == "accounts" }?.value ?? 0)
                if seen.count == 2 { break }
                _ = try await client.submitReport(
                    .with {
                        $0.submission = ServiceTests.submission("p0")
                        $0.submission.report.count("accounts", .flow, 7)
                    })
            }
            call.cancel()
            await wire.close()
            #expect(seen == [0, 7])
        }
        await registry.server.shutdown(grace: .zero)
    }
}
