/// One step of a schema, in the common SQL subset: `?` placeholders do not occur, dates are TEXT, money is BIGINT,
/// bytes are BLOB (on PostgreSQL BYTEA), and ids are given by the program, never by the database.
package struct Migration: Sendable, Hashable {
    /// 1, 2, 3 … within its set.
    package var version: Int
    package var name: String
    /// One or more statements. Never changed once released: its checksum is kept in the database.
    package var sql: String
    /// What each engine writes in its own way, run after `sql`: triggers. As unchangeable as that.
    package var sqlite: String
    package var postgres: String

    package init(version: Int, name: String, sql: String, sqlite: String = "", postgres: String = "") {
        self.version = version
        self.name = name
        self.sql = sql
        self.sqlite = sqlite
        self.postgres = postgres
    }

    func scripts(for dialect: Dialect) -> [String] {
        let own =
            switch dialect {
            case .sqlite: sqlite
            case .postgres: postgres
            }
        return own.isEmpty ? [sql] : [sql, own]
    }

    var checksum: String {
        let digits = String(FNV1a.hash((sql + sqlite + postgres).utf8), radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}

/// The schema of one component. A database is opened with the sets of all its components, for example
/// `[Outbox.migrations, TeamStore.migrations]`.
package struct MigrationSet: Sendable, Hashable {
    /// Name in the database; never changed once released.
    package var component: String
    package var migrations: [Migration]

    package init(_ component: String, _ migrations: [Migration]) {
        self.component = component
        self.migrations = migrations
    }

    var newest: Int { migrations.last?.version ?? 0 }
}
