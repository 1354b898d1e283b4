import ChangeFeed
import Foundation
import Logging
import RPC
import ServiceKit
import Shared
import Storage
import SwiftProtobuf
import TestSupport
import Testing

@testable import ActivityReporting

/// A stand-in for the Registry: its feed and nothing else, over a real connection.
final class RegistryStandIn: Sendable {
    let database: Database
    let outbox: Outbox
    let server: RPCServer
    let port: Int

    init(database: Database? = nil, port: Int = 0) async throws {
        if let database {
            self.database = database
        } else {
            self.database = try await TestDatabase.open([Outbox.migrations])
        }
        outbox = try await Outbox.open(["registry.facts"], in: self.database)
        var limits = FeedServer.Limits()
        limits.heartbeat = .milliseconds(200)
        server = RPCServer(
            configuration: .init(port: port),
            services: [FeedServer(database: self.database, outbox: outbox, limits: limits)])
        self.port = try await server.start()
    }

    func tell(_ aggregate: String, _ version: Int64 = 1, _ fact: some Message & Sendable) async throws {
        try await database.write { [outbox] tx in
            try outbox.append(
                topic: "registry.facts", aggregate: aggregate, version: version, payload: fact, at: 0, in: tx)
        }
    }

    /// A nation, a province, a commune and its team of `members`.
    func tellSmallTruth(members: Int) async throws {
        for (i, level) in [Cdt_Registry_V1_UnitLevel.nation, .province, .commune].enumerated() {
            try await tell(
                "units/u\(i)", 1,
                Cdt_Registry_V1_UnitFact.with { fact in
                    fact.unit.name = "units/u\(i)"
                    fact.unit.level = level
                    fact.unit.displayName = "Đơn vị \(i)"
                    if i > 0 { fact.placements = [.with { $0.parent = "units/u\(i - 1)" }] }
                })
        }
        try await tell(
            "teams/t", 1,
            Cdt_Registry_V1_TeamFact.with { fact in
                fact.team = "teams/t"
                fact.level = .commune
                fact.statusHistory = [
                    .with {
                        $0.status = .active
                        $0.from = "2022-06-01"
                    }
                ]
                fact.placements = [
                    .with {
                        $0.unit = "units/u2"
                        $0.from = "2022-06-01"
                    }
                ]
            })
        for i in 0..<members { try await tellMember(i) }
    }

    func tellMember(_ i: Int) async throws {
        try await tell(
            "teams/t/memberships/m\(i)", 1,
            Cdt_Registry_V1_MembershipFact.with {
                $0.membership = "teams/t/memberships/m\(i)"
                $0.team = "teams/t"
                $0.person = "people/p\(i)"
                $0.from = "2022-06-01"
            })
    }
}

@Suite("The service over the wire", .serialized, .onBothEngines)
struct ServiceTests {
    typealias Client = Cdt_Activity_V1_ActivityReportingService.Client

    /// A service that follows a stand-in, stopped and cleaned up at the end.
    static func with(
        _ registry: RegistryStandIn, today: String = "2024-11-04", more: [String] = [],
        _ body: (Client, RunningService) async throws -> Void
    ) async throws {
        let directory = FileManager.default.temporaryDirectory.appending(path: UUIDv7.next().description).path()
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let service = try await ServiceHost.start(
            ActivityReportingService.self,
            arguments: [
                "--data", directory, "--today", today, "--peer", "registry=127.0.0.1:\(registry.port)", "--log-level",
                "error",
            ] + more + TestDatabase.serviceArguments(), logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        let client = try RPCClient(host: "127.0.0.1", port: service.endpoint.port)
        do {
            try await body(Client(client), service)
        } catch {
            await client.close()
            await service.stop()
            throw error
        }
        await client.close()
        await service.stop()
    }

    /// Waits until the figures of the nation are as expected.
    static func wait(_ client: Client, for expected: Int64) async throws -> Cdt_Activity_V1_GetFiguresResponse {
        try await eventually {
            let reply = try? await client.getFigures(.with { $0.period = "2024-10" })
            return reply?.figures.expected == expected && reply?.pendingTeams == 0
        }
        return try await client.getFigures(.with { $0.period = "2024-10" })
    }

    static func submission(_ person: String, operation: String? = nil, period: String = "2024-10")
        -> Cdt_Activity_V1_ReportSubmission
    {
        .with {
            $0.operationID = operation ?? "op \(person)"
            $0.report.team = "teams/t"
            $0.report.person = "people/\(person)"
            $0.report.period = period
        }
    }

    @Test("Facts come by the feed, a report is in every ancestor's figures when the call returns")
    func submit() async throws {
        let registry = try await RegistryStandIn()
        try await registry.tellSmallTruth(members: 3)
        try await Self.with(registry) { client, service in
            let before = try await Self.wait(client, for: 3)
            #expect(before.figures.due == 3)
            #expect(before.registry.connected)
            #expect(before.registry.hasAsOf)
            let metrics = service.context.metrics.exposition()
            #expect(
                metrics.contains("\nfeed_consumer_connected{consumer=\"registry.facts\",topic=\"registry.facts\"} 1\n"))
            #expect(metrics.contains("\nfeed_server_followers 0\n"))
            let reply = try await client.submitReport(.with { $0.submission = Self.submission("p0") })
            #expect(reply.outcome == .applied)
            #expect(reply.obligation.state == .onTime)
            for unit in ["", "units/u1", "units/u2"] {
                let figures = try await client.getFigures(
                    .with {
                        $0.period = "2024-10"
                        $0.unit = unit
                    }
                ).figures
                #expect(figures.received == 1 && figures.expected == 3)
                #expect(figures.completeness.percent == "33.33")
            }
            let listed = try await client.listFigures(
                .with {
                    $0.period = "2024-10"
                    $0.unitLevel = .commune
                })
            #expect(listed.figures.map(\.unit) == ["units/u2"])
            let report = try await client.getReport(.with { $0.name = reply.report }).report
            #expect(report.state == .submitted && report.submittedBy == "local")
        }
        await registry.server.shutdown()
    }

    @Test("Errors carry a machine-readable reason and a Vietnamese message")
    func errors() async throws {
        let registry = try await RegistryStandIn()
        try await registry.tellSmallTruth(members: 1)
        try await Self.with(registry) { client, _ in
            _ = try await Self.wait(client, for: 1)
            func reason(_ body: () async throws -> Void) async -> (StatusCode?, String?) {
                do {
                    try await body()
                    return (nil, nil)
                } catch let error as RPCError {
                    #expect(
                        error.status?.details.contains { $0.isA(Google_Rpc_LocalizedMessage.self) } == true)
                    return (error.code, error.reason)
                } catch { return (nil, "\(error)") }
            }
            #expect(
                await reason {
                    _ = try await client.submitReport(.with { $0.submission = Self.submission("stranger") })
                } == (.failedPrecondition, "NOT_ACTIVE_IN_PERIOD"))
            #expect(
                await reason {
                    _ = try await client.submitReport(
                        .with { $0.submission = Self.submission("p0", period: "2023-01") })
                } == (.failedPrecondition, "PERIOD_NOT_OPEN"))
            #expect(
                await reason {
                    _ = try await client.submitReport(.init())
                } == (.invalidArgument, "INVALID_FIELDS"))
            #expect(
                await reason {
                    _ = try await client.getFigures(
                        .with {
                            $0.period = "2024-10"
                            $0.unit = "units/nowhere"
                        })
                } == (.notFound, "UNIT_NOT_FOUND"))
            let kept = try await client.listRejectedReports(.init()).rejectedReports
            #expect(kept.map(\.report.person) == ["people/stranger"])
        }
        await registry.server.shutdown()
    }

    @Test("A stream gets a verdict for each report, in order, whatever becomes of the others")
    func stream() async throws {
        let registry = try await RegistryStandIn()
        try await registry.tellSmallTruth(members: 700)
        try await Self.with(registry) { client, _ in
            _ = try await Self.wait(client, for: 700)
            let call = try await client.submitReports()
            async let verdicts = {
                var all: [Cdt_Activity_V1_ReportVerdict] = []
                for try await response in call.responses { all += response.verdicts }
                return all
            }()
            for i in 0..<700 where i % 2 == 0 {
                try await call.requests.send(
                    .with { $0.submissions = [Self.submission("p\(i)"), Self.submission("p\(i + 1)")] })
            }
            try await call.requests.send(
                .with {
                    $0.submissions = [
                        Self.submission("p0"), Self.submission("p1", operation: "op p0"), Self.submission("nobody"),
                        .init(),
                    ]
                })
            call.requests.finish()
            let all = try await verdicts
            #expect(all.map(\.position) == Array(1...704))
            #expect(all.prefix(700).allSatisfy { $0.outcome == .applied })
            #expect(all.suffix(4).map(\.outcome) == [.duplicate, .conflict, .keptForReview, .rejected])
            #expect(all.last?.problems.isEmpty == false)
            #expect(try await client.getFigures(.with { $0.period = "2024-10" }).figures.received == 700)
        }
        await registry.server.shutdown()
    }

    @Test("With the Registry gone, reports and figures go on and say how old the facts are; back again, it catches up")
    func registryDown() async throws {
        let registry = try await RegistryStandIn()
        try await registry.tellSmallTruth(members: 2)
        try await Self.with(registry) { client, _ in
            let before = try await Self.wait(client, for: 2)
            await registry.server.shutdown(grace: .zero)
            var reply = before
            try await eventually {
                reply = try await client.getFigures(.with { $0.period = "2024-10" })
                return !reply.registry.connected
            }
            #expect(!reply.registry.connected)
            #expect(reply.registry.hasAsOf)
            #expect(try await client.submitReport(.with { $0.submission = Self.submission("p0") }).outcome == .applied)
            #expect(try await client.getFigures(.with { $0.period = "2024-10" }).figures.received == 1)
            try await registry.tellMember(2)
            let again = try await RegistryStandIn(database: registry.database, port: registry.port)
            #expect(try await Self.wait(client, for: 3).figures.expected == 3)
            await again.server.shutdown(grace: .zero)
        }
    }

    @Test("A request id gives the same answer; the events reach whoever follows activity.facts")
    func requestIDsAndFeed() async throws {
        let registry = try await RegistryStandIn()
        try await registry.tellSmallTruth(members: 2)
        try await Self.with(registry) { client, service in
            _ = try await Self.wait(client, for: 2)
            let excuse = Cdt_Activity_V1_ExcuseObligationRequest.with {
                $0.name = "obligations/2024-10.t.p0"
                $0.reason = "nghỉ ốm"
                $0.requestID = UUIDv7.next().description
            }
            let first = try await client.excuseObligation(excuse)
            #expect(first.obligation.state == .excused)
            #expect(try await client.excuseObligation(excuse) == first)
            _ = try await client.submitReport(.with { $0.submission = Self.submission("p0") })
            #expect(try await client.excuseObligation(excuse) == first)

            let wire = try RPCClient(host: "127.0.0.1", port: service.endpoint.port)
            let call = try await Cdt_Feed_V1_FeedService.Client(wire).follow(.with { $0.topic = "activity.facts" })
            var newest: [String: Cdt_Activity_V1_ObligationFact] = [:]
            for try await response in call.responses {
                for event in response.events {
                    newest[event.aggregate] = try Cdt_Activity_V1_ObligationFact(unpackingAny: event.payload)
                }
                if response.caughtUp { break }
            }
            call.cancel()
            await wire.close()
            let fact = try #require(newest["obligations/2024-10.t.p0"])
            #expect(fact.timeliness == .onTime && fact.setAside == .unspecified && fact.reportState == .submitted)
            #expect(newest["obligations/2024-10.t.p1"]?.timeliness == .unspecified)
            #expect(newest["obligations/2024-10.t.p1"]?.dueOn == "2024-11-05")
        }
        await registry.server.shutdown(grace: .zero)
    }
}
