import RPC
import ServiceKit
import Shared
import SwiftProtobuf
import TestSupport
import Testing

@testable import ActivityReporting

@Suite("Calls that are repeated, and calls that are refused", .serialized, .onBothEngines)
struct CallTests {
    @Test("Opening, closing and waiving are answered the same again by request id, and the id serves no other request")
    func requestIDs() async throws {
        let registry = try await RegistryStandIn()
        try await registry.tellSmallTruth(members: 2)
        try await ServiceTests.with(registry) { client, _ in
            _ = try await ServiceTests.wait(client, for: 2)
            let open = Cdt_Activity_V1_OpenPeriodRequest.with {
                $0.period = "2024-09"
                $0.requestID = UUIDv7.next().description
            }
            let opened = try await client.openPeriod(open)
            // What has been derived since does not change what was answered.
            try await eventually {
                try await client.getPeriod(.with { $0.name = "periods/2024-09" }).period.obligations == 2
            }
            #expect(opened.period.obligations == 0)
            #expect(try await client.openPeriod(open) == opened)
            await #expect {
                try await client.openPeriod(
                    .with {
                        $0.period = "2024-08"
                        $0.requestID = open.requestID
                    })
            } throws: { ($0 as? RPCError)?.reason == "REQUEST_ID_REUSED" }

            let waive = Cdt_Activity_V1_WaiveObligationsRequest.with {
                $0.period = "2024-10"
                $0.unit = "units/u1"
                $0.reason = "bão Yagi"
                $0.requestID = UUIDv7.next().description
            }
            let waived = try await client.waiveObligations(waive)
            // It is gone over once more in the background.
            try await eventually {
                (try? await client.closePeriod(
                    .with {
                        $0.name = "periods/2024-10"
                        $0.requestID = UUIDv7.next().description
                    })) != nil
            }
            #expect(try await client.waiveObligations(waive) == waived)
            var another = waive
            another.requestID = ""
            await #expect { try await client.waiveObligations(another) } throws: {
                ($0 as? RPCError)?.reason == "PERIOD_CLOSED"
            }
        }
        await registry.server.shutdown(grace: .zero)
    }

    @Test("What is not there is said with where to look; a value that is not in the contract by its field")
    func refusals() async throws {
        let registry = try await RegistryStandIn()
        try await registry.tellSmallTruth(members: 1)
        try await ServiceTests.with(registry) { client, service in
            _ = try await ServiceTests.wait(client, for: 1)
            let wire = try RPCClient(host: "127.0.0.1", port: service.endpoint.port)
            let difficulties = Cdt_Activity_V1_DifficultyService.Client(wire)
            let achievements = Cdt_Activity_V1_AchievementService.Client(wire)
            func refusal<T>(_ body: () async throws -> T) async -> RPCError? {
                do {
                    _ = try await body()
                    return nil
                } catch { return error as? RPCError }
            }
            func fields(_ error: RPCError?) -> [String] {
                let details = error?.status?.details ?? []
                return details.compactMap { try? Google_Rpc_BadRequest(unpackingAny: $0) }
                    .flatMap { $0.fieldViolations.map(\.field) }
            }
            let missing = [
                (
                    "ListObligations",
                    await refusal { try await client.getObligation(.with { $0.name = "obligations/2024-10.x" }) }
                ),
                (
                    "ListReports",
                    await refusal { try await client.getReport(.with { $0.name = "reports/2024-10.t.p0" }) }
                ),
                ("OpenPeriod", await refusal { try await client.getPeriod(.with { $0.name = "periods/2023-01" }) }),
                (
                    "ListDifficulties",
                    await refusal { try await difficulties.getDifficulty(.with { $0.name = "difficulties/x" }) }
                ),
                (
                    "feed",
                    await refusal {
                        try await client.submitReport(
                            .with {
                                $0.submission = ServiceTests.submission("p0")
                                $0.submission.report.team = "teams/unheard"
                            })
                    }
                ),
            ]
            for (place, error) in missing {
                #expect(error?.code == .notFound, "\(place)")
                #expect(error?.message.contains(place) == true, "\(place): \(error?.message ?? "")")
            }
            let reports = await refusal {
                try await client.listReports(
                    .with {
                        $0.period = "2024-10"
                        $0.states = [.UNRECOGNIZED(99)]
                    })
            }
            #expect(fields(reports) == ["states"])
            let listed = await refusal {
                try await difficulties.listDifficulties(
                    .with {
                        $0.states = [.unspecified]
                        $0.kinds = [.UNRECOGNIZED(99)]
                    })
            }
            #expect(fields(listed) == ["states", "kinds"])
            let indicator = await refusal {
                try await achievements.getIndicator(
                    .with {
                        $0.period = "2024-10"
                        $0.numerator = "Hộ có gian hàng"
                        $0.denominator = "households"
                        $0.parts = ["stores", ""]
                        $0.kind = .stock
                        $0.threshold = 5_000
                    })
            }
            #expect(fields(indicator) == ["numerator", "parts[1]"])
            await wire.close()
        }
        await registry.server.shutdown(grace: .zero)
    }
}
