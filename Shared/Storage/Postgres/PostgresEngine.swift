/// A database on a PostgreSQL server, by libpq.
final class PostgresEngine: Engine {
    let dialect = Dialect.postgres
    let schema = [CommitMark.migrations]
    private let address: String
    private let limits: DatabaseConfiguration.Limits

    init(address: String, limits: DatabaseConfiguration.Limits) {
        self.address = address
        self.limits = limits
    }

    func connect(_ role: ConnectionRole) throws -> any EngineConnection {
        try PostgresConnection(address: address, role: role, limits: limits)
    }

    func makeWriter(signals: CommitSignals) throws -> any WriteCoordinator {
        do {
            return PostgresWriter(
                address: address, limits: limits, signals: signals,
                announcer: try PostgresAnnouncer(address: address, signals: signals))
        } catch let failure as PostgresFailure {
            throw failure.storageError
        }
    }

    func backup(to path: String) throws {
        throw StorageError.unavailable(
            "PostgreSQL makes its own backups, with pg_dump or pg_basebackup; \(path) was not written")
    }

    func dispose() {}
}
