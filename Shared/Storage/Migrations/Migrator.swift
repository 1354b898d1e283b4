import Foundation

/// Brings a schema up to date: forward only, all or nothing, under the database's write lock.
struct Migrator {
    let sets: [MigrationSet]

    private static let table = """
        CREATE TABLE IF NOT EXISTS schema_migrations (
            component TEXT NOT NULL,
            version BIGINT NOT NULL,
            name TEXT NOT NULL,
            checksum TEXT NOT NULL,
            applied_at TEXT NOT NULL,
            PRIMARY KEY (component, version)
        )
        """

    private struct Applied {
        var component: String
        var version: Int
        var name: String
        var checksum: String
    }

    func migrate(_ connection: any EngineConnection, now: Date) throws {
        try check()
        // The lock is taken before the versions are read: of two processes, the second finds the work done.
        try connection.beginWrite()
        do {
            let transaction = WriteTransaction(connection)
            try transaction.execute(Self.table)
            let pending = try pending(in: transaction)
            for (component, migration) in pending {
                do {
                    for script in migration.scripts(for: connection.dialect) { try connection.run(script: script) }
                } catch {
                    throw StorageError.migration(
                        "migration \(component) \(migration.version) (\(migration.name)) failed: \(error)")
                }
                try transaction.execute(
                    "INSERT INTO schema_migrations (component, version, name, checksum, applied_at) VALUES (?, ?, ?, ?, ?)",
                    [
                        .text(component), .integer(Int64(migration.version)), .text(migration.name),
                        .text(migration.checksum), .text(now.ISO8601Format()),
                    ])
            }
            if !pending.isEmpty, let broken = try connection.brokenReference() {
                throw StorageError.migration("after the migrations, \(broken)")
            }
            transaction.end()
            try connection.commit()
        } catch {
            connection.rollback()
            throw error
        }
    }

    /// The sets themselves: unique names, versions 1, 2, 3 …
    private func check() throws {
        var names: Set<String> = []
        for set in sets {
            guard names.insert(set.component).inserted else {
                throw StorageError.migration("two sets of migrations are called \(set.component)")
            }
            for (index, migration) in set.migrations.enumerated() where migration.version != index + 1 {
                throw StorageError.migration(
                    "migration \(set.component) \(migration.version) (\(migration.name)) stands where \(index + 1) belongs"
                )
            }
        }
    }

    /// What has still to be applied, in order. Throws when the database knows more than this program or something else.
    private func pending(in transaction: WriteTransaction) throws -> [(component: String, migration: Migration)] {
        let applied = try transaction.query(
            "SELECT component, version, name, checksum FROM schema_migrations ORDER BY component, version"
        ) { row in
            Applied(
                component: try row.text(0), version: try row.int(1), name: try row.text(2), checksum: try row.text(3))
        }
        let known = Dictionary(uniqueKeysWithValues: sets.map { ($0.component, $0) })
        var newest: [String: Int] = [:]
        for entry in applied {
            newest[entry.component] = entry.version
            guard let set = known[entry.component], entry.version <= set.newest else { continue }
            let migration = set.migrations[entry.version - 1]
            guard migration.checksum == entry.checksum else {
                throw StorageError.migration(
                    "migration \(entry.component) \(entry.version) (\(entry.name)) has changed since it was applied; "
                        + "add a new one instead")
            }
        }
        for (component, version) in newest.sorted(by: { $0.key < $1.key }) {
            let ours = known[component]?.newest ?? 0
            guard version <= ours else {
                throw StorageError.newerSchema(component: component, found: version, known: ours)
            }
        }
        return sets.flatMap { set in
            set.migrations.filter { $0.version > newest[set.component, default: 0] }.map { (set.component, $0) }
        }
    }
}
