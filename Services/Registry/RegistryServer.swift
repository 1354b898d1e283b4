import ChangeFeed
import ServiceKit
import Storage

/// The Registry as a service.
package enum RegistryServer: ServiceDefinition {
    package static let identity = ServiceIdentity(
        name: "registry", title: "The Registry: administrative units, teams and their members at any date.",
        port: 50_051)

    private static let unitData = Option<String?>.text(
        "units-data", valueName: "DIRECTORY",
        help: "Where the administrative units' files (communes.csv …) are, read when the database is new. Without it "
            + "they are looked for beside the program.")

    package static let options: [any AnyOption] = [unitData]
    package static let migrations = [RegistrySchema.migrations]

    package static func make(_ context: ServiceContext) async throws -> ServiceParts {
        let core = try await RegistryCore.open(
            database: context.database, tokens: context.pageTokens, unitData: context.settings[unitData],
            clock: context.clock)
        return ServiceParts(
            services: [RegistryHandlers(core), ImportHandlers(core)],
            feed: FeedServer(database: core.database, outbox: core.outbox))
    }
}
