import ChangeFeed
import Logging
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

    private static let citizenIDKey = Option<String?>.text(
        "citizen-id-key-file", valueName: "FILE",
        help:
            "File of at least 32 random bytes that key the hashes of citizen ids; the same for all replicas, and kept "
            + "apart from the database. Without it citizen ids are refused.")

    package static let options: [any AnyOption] = [unitData, contactsToken, citizenIDKey, Retention.option]
    package static let migrations = [RegistrySchema.migrations]

    /// `RegistryCore.admit` does, for each call and unit (R8).
    package static let gate = CallGate.open

    package static func make(_ context: ServiceContext) async throws -> ServiceParts {
        let progress = ReorganisationProgress { [logger = context.logger] in logger.info("\($0)") }
        context.metrics.gauge(
            "registry_reorganisation_communes", help: "Communes of the reorganisation under way, or of the last one."
        ) { Double(progress.communes.all) }
        context.metrics.gauge(
            "registry_reorganisation_communes_done", help: "Those of them that are done."
        ) { Double(progress.communes.done) }
        let core = try await RegistryCore.open(
            database: context.database, tokens: context.pageTokens, unitData: context.settings[unitData],
            citizenIDs: try CitizenIDs(file: context.settings[citizenIDKey]), clock: context.clock, progress: progress)
        let retelling = FeedRetelling(core: core)
        core.database.beforeClosing { await retelling.release() }
        return ServiceParts(
            services: [
                RegistryHandlers(core), ImportHandlers(core), ReorganisationHandlers(core), AuditHandlers(core),
                PeopleHandlers(core),
                AccessHandlers(core), ProgrammeHandlers(core),
            ],
            feed: FeedServer(
                database: core.database, outbox: core.outbox,
                access: .registry(
                    core, token: try ContactsToken(contactsToken, in: context.settings), isLocal: context.isLocal)),
            tasks: [
                .every(.milliseconds(500), "sealing of the audit") { try await AuditCalls(core: core).seal() },
                .every(.seconds(3600), "looking for duplicates") { try await DuplicateCalls(core: core).scan() },
                .every(.seconds(60), "erasure of the feed's history") {
                    try await ErasureCalls(core: core).eraseHistory()
                },
                .every(.seconds(86_400), after: .seconds(600), "erasure after retention") {
                    try await Retention(core: core, days: context.settings[Retention.option]).run()
                },
                .every(.seconds(1), "units changed by another replica") { try await core.refreshUnits() },
                .every(.seconds(1), "feed of what others see now") { try await retelling.run() },
            ])
    }
}
