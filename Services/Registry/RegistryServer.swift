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

    private static let contactsToken = ContactsToken.option(
        help: "A file with a secret of at least 32 characters. Only who shows it may follow the feed topic "
            + "\(Recorder.contacts) (names, phones, e-mail and Zalo addresses); Notification is given the same file. Without "
            + "it the topic is served to every caller where --listen is a loopback address, and to nobody elsewhere.")

    package static let options: [any AnyOption] = [unitData, contactsToken]
    package static let migrations = [RegistrySchema.migrations]

    package static func make(_ context: ServiceContext) async throws -> ServiceParts {
        let core = try await RegistryCore.open(
            database: context.database, tokens: context.pageTokens, unitData: context.settings[unitData],
            clock: context.clock)
        return ServiceParts(
            services: [
                RegistryHandlers(core), ImportHandlers(core), ReorganisationHandlers(core), AuditHandlers(core),
            ],
            feed: FeedServer(
                database: core.database, outbox: core.outbox,
                access: .registry(
                    core, token: try ContactsToken(contactsToken, in: context.settings), isLocal: context.isLocal)),
            tasks: [
                .every(.milliseconds(500), "sealing of the audit") { try await AuditCalls(core: core).seal() },
                .every(.seconds(1), "units changed by another replica") { try await core.refreshUnits() },
            ])
    }
}
