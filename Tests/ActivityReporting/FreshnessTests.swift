import RPC
import ServiceKit
import Shared
import Storage
import SwiftProtobuf
import Synchronization
import Testing

@testable import ActivityReporting
@testable import ChangeFeed

/// "Each keeps what it needs through the other's change feed, answers from it, and says how old it is."
@Suite struct FreshnessTests {
    @Test("An answer is never older than it says: its age is taken before anything is read")
    func ageFirst() async throws {
        let world = try await World()
        try await world.units([
            SmallWorld.unit("vn", .nation, in: nil), SmallWorld.unit("11", .province, in: "vn"),
            SmallWorld.unit("c", .commune, in: "11"),
        ])
        try await world.team("t", .hamlet, in: "c")
        _ = try await world.reporting.openPeriod(month("2024-10"))
        try await world.settle()
        let keys = try await Database.open(.temporary(), migrations: [PageTokens.migrations])
        let readsBeforeAge = Mutex<[Int]>([])
        let handlers = ActivityReportingHandlers(
            reporting: world.reporting, pageTokens: try await PageTokens.load(from: keys),
            freshness: { [database = world.database] in
                readsBeforeAge.withLock { $0.append(database.statistics.reads) }
                return FeedFreshness(asOf: 1, isConnected: true, isCaughtUp: true)
            })
        let server = RPCServer(
            configuration: .init(port: 0), services: [handlers],
            interceptors: [LocalCaller()])
        let connection = try RPCClient(host: "127.0.0.1", port: try await server.start())
        let client = Cdt_Activity_V1_ActivityReportingService.Client(connection)
        let calls: [(name: String, call: @Sendable () async throws -> Cdt_Common_V1_Freshness)] = [
            ("GetPeriod", { try await client.getPeriod(.with { $0.name = "periods/2024-10" }).registry }),
            ("GetFigures", { try await client.getFigures(.with { $0.period = "2024-10" }).registry }),
            ("ListFigures", { try await client.listFigures(.with { $0.period = "2024-10" }).registry }),
            ("ListObligations", { try await client.listObligations(.with { $0.period = "2024-10" }).registry }),
            (
                "GetObligation",
                { try await client.getObligation(.with { $0.name = "obligations/2024-10.t" }).registry }
            ),
            (
                "WatchFigures",
                {
                    let call = try await client.watchFigures(.with { $0.period = "2024-10" })
                    defer { call.cancel() }
                    for try await first in call.responses { return first.registry }
                    return .init()
                }
            ),
        ]
        for (name, call) in calls {
            readsBeforeAge.withLock { $0 = [] }
            let before = world.database.statistics.reads
            let told = try await call()
            #expect(told.connected, "\(name)")
            #expect(readsBeforeAge.withLock { $0.first } == before, "\(name)")
            #expect(world.database.statistics.reads > before, "\(name)")
        }
        await connection.close(grace: .zero)
        await server.shutdown(grace: .zero)
        await keys.close()
        await world.database.close()
    }
}

/// The caller of a machine without authentication.
private struct LocalCaller: ServerInterceptor {
    func intercept(_ context: ServerContext, next: NextHandler) async throws {
        var context = context
        context.identity = LocalAuthenticator.identity
        try await next(context)
    }
}
