import RPC
import Storage
import TestSupport
import Testing

@testable import ServiceKit

/// Two releases of a service on one store.
@Suite(.onBothEngines) struct UpgradeTests {
    /// The sample service with one column more, which the release before does not name.
    private enum NextRelease: ServiceDefinition {
        static let identity = SampleDefinition.identity
        static let options = SampleDefinition.options
        static let migrations = SampleDefinition.migrations.map { set in
            let places = Migration(
                version: set.migrations.count + 1, name: "places",
                sql: "ALTER TABLE notes ADD COLUMN place TEXT NOT NULL DEFAULT ''")
            return MigrationSet(set.component, set.migrations + [places])
        }

        static func make(_ context: ServiceContext) async throws -> ServiceParts {
            try await SampleDefinition.make(context)
        }
    }

    private struct Running {
        let service: RunningService
        let client: SampleClient

        static func start(_ release: any ServiceDefinition.Type, _ arguments: [String]) async throws -> Running {
            let service = try await ServiceHost.start(release, arguments: arguments, log: LogCollector().writer())
            return Running(
                service: service,
                client: SampleClient(rpc: try RPCClient(host: "127.0.0.1", port: service.endpoint.port)))
        }

        func stop() async {
            await client.rpc.close(grace: .zero)
            await service.stop()
        }
    }

    @Test func aReleaseServesOnWhileTheNextOneMigratesItsStoreAndComesUpBesideIt() async throws {
        let folder = try ScratchFolder()
        defer { folder.remove() }
        let arguments = ["--data", folder.path, "--grace", "2"] + (try TestDatabase.serviceArguments())
        let old = try await Running.start(SampleDefinition.self, arguments)
        #expect(try await old.client.act("write") == "1")

        let settings = try ServiceHost.settings(of: NextRelease.self, arguments: arguments, environment: [:])
        for _ in 0..<2 {
            let told = try await StoreActions.perform(.migrate, of: NextRelease.self, settings: settings)
            #expect(told.hasSuffix("has the schema of release \(ServiceHost.version)"))
        }
        #expect(try await old.client.act("write") == "2")

        // Replicas share a database; a file has one process.
        if TestEngine.current == .sqlite { await old.stop() }
        let new = try await Running.start(NextRelease.self, arguments)
        #expect(try await new.client.act("write") == "3")
        if TestEngine.current == .postgres {
            #expect(try await old.client.act("write") == "4")
            await old.stop()
        }
        await new.stop()

        let error = await #expect(throws: ConfigurationError.self) {
            await (try Running.start(SampleDefinition.self, arguments)).stop()
        }
        #expect(error?.description.contains("newer than this program: sample is at version 2") == true)
    }
}
