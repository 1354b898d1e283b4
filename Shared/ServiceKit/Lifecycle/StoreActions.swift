import ChangeFeed
import Foundation
import Storage

/// What a service's program does with its database instead of serving.
enum StoreActions {
    enum Action: Sendable, Hashable {
        /// `--migrate`
        case migrate
        /// `--backup FILE`
        case backup(String)
        /// `--restore FILE`
        case restore(String)
        /// `--restored`
        case restored

        /// Takes the action out of the arguments; nil: they have none.
        init?(_ arguments: inout [String]) {
            if let file = Self.value(of: "--backup", &arguments) {
                self = .backup(file)
            } else if let file = Self.value(of: "--restore", &arguments) {
                self = .restore(file)
            } else if let action = Self.withoutFile.first(where: { arguments.contains($0.flag) }) {
                arguments.removeAll { $0 == action.flag }
                self = action.action
            } else {
                return nil
            }
        }

        private static let withoutFile: [(flag: String, action: Action)] = [
            ("--migrate", .migrate), ("--restored", .restored),
        ]

        private static func value(of option: String, _ arguments: inout [String]) -> String? {
            guard let index = arguments.firstIndex(where: { $0 == option || $0.hasPrefix(option + "=") }) else {
                return nil
            }
            let text = arguments.remove(at: index)
            if text != option { return String(text.dropFirst(option.count + 1)) }
            return index < arguments.count ? arguments.remove(at: index) : ""
        }
    }

    static let help = [
        (
            "--migrate",
            "Bring the database to the schema of this release, which starting does too: before an upgrade, to have the time "
                + "it takes and its failures while the old release still serves."
        ),
        (
            "--backup FILE",
            "Write a consistent copy of the database to a new file, also while the service runs. PostgreSQL: use pg_dump "
                + "or pg_basebackup."
        ),
        (
            "--restore FILE",
            "Put a copy in the place of the database, which must have been moved away; the service must not run. Who "
                + "follows its feeds starts again from the beginning."
        ),
        (
            "--restored",
            "After PostgreSQL was restored from a backup, before the service starts: the same for its feeds."
        ),
    ]

    /// Does it; returns what to tell the operator.
    static func perform(
        _ action: Action, of definition: any ServiceDefinition.Type, settings: Settings
    ) async throws -> String {
        let place = try CommonOptions(definition).place(settings, of: definition.identity)
        switch action {
        case .migrate:
            try await withDatabase(place.database, of: definition) { _ in }
            return "the database \(place.name) has the schema of release \(ServiceHost.version)"
        case .backup(""), .restore(""): throw ConfigurationError("the name of the backup's file is missing")
        case .backup(let file):
            try await Database.backup(of: place.database, to: file)
            return "the database \(place.name) is copied to \(file)"
        case .restore(let file):
            guard case .sqlite(let path) = place.database.location else {
                throw ConfigurationError(
                    "--restore is for a database file; restore PostgreSQL with its own tools, then use --restored")
            }
            try await Database.restore(file, to: path, migrations: definition.allMigrations) { database in
                try await Outbox.renewEpochs(in: database)
            }
            return "\(file) is restored to \(path)"
        case .restored:
            try await withDatabase(place.database, of: definition) { try await Outbox.renewEpochs(in: $0) }
            return "who follows the feeds of the database \(place.name) will start again from the beginning"
        }
    }

    private static func withDatabase(
        _ configuration: DatabaseConfiguration, of definition: any ServiceDefinition.Type,
        _ body: (Database) async throws -> Void
    ) async throws {
        let database = try await Database.open(configuration, migrations: definition.allMigrations)
        do {
            try await body(database)
        } catch {
            await database.close()
            throw error
        }
        await database.close()
    }
}
