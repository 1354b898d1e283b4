import CSQLite
import Foundation

/// SQLite in the process: one file, a write-ahead log, every commit on the disk before it is answered.
final class SQLiteEngine: Engine {
    let dialect = Dialect.sqlite
    private let path: String
    private let limits: DatabaseConfiguration.Limits
    /// Removed when the database closes; only for temporary ones.
    private let temporaryDirectory: URL?

    /// Settings of the library, made once before the first connection.
    private static let configured: Int32 = {
        let result = cdt_sqlite3_configure()
        // SQLITE_MISUSE: somebody has used the library before. Then it keeps its statistics, and only speed is lost.
        return result == SQLITE_MISUSE ? SQLITE_OK : result
    }()

    init(location: DatabaseConfiguration.Location, limits: DatabaseConfiguration.Limits) throws {
        self.limits = limits
        guard Self.configured == SQLITE_OK else {
            throw StorageError.unavailable("SQLite could not be set up (\(Self.configured))")
        }
        switch location {
        case .sqlite(let path):
            self.path = path
            temporaryDirectory = nil
            try Self.makeDirectory(of: path)
            try Self.makeFile(path)
        case .postgres:
            throw StorageError.misuse("the address of a PostgreSQL database is no file")
        case .temporary:
            let directory = FileManager.default.temporaryDirectory
                .appendingPathComponent("cdt-\(UUID().uuidString.lowercased())", isDirectory: true)
            path = directory.appendingPathComponent("temporary.sqlite").path
            temporaryDirectory = directory
            try Self.makeDirectory(of: path)
        }
    }

    private static func makeDirectory(of path: String) throws {
        let directory = URL(fileURLWithPath: path).deletingLastPathComponent()
        do {
            try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        } catch {
            throw StorageError.unavailable("the directory \(directory.path) cannot be made: \(error)")
        }
    }

    /// Personal data: nobody but the service's own user reads the file. SQLite gives its log the same rights.
    private static func makeFile(_ path: String) throws {
        // Without O_TRUNC: what is there stays, with the rights its operator gave it.
        let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw StorageError.unavailable("\(path) cannot be opened: \(String(cString: strerror(errno)))")
        }
        Foundation.close(descriptor)
    }

    let schema: [MigrationSet] = []

    func makeWriter(signals: CommitSignals) throws -> any WriteCoordinator {
        GroupCommitWriter(
            connection: try SQLiteConnection(path: path, role: .writer, limits: limits), limits: limits,
            signals: signals)
    }

    func connect(_ role: ConnectionRole) throws -> any EngineConnection {
        try SQLiteConnection(path: path, role: role, limits: limits)
    }

    /// The copy appears under its name only when it is complete and on the disk.
    func backup(to target: String) throws {
        let files = FileManager.default
        guard !files.fileExists(atPath: target) else {
            throw StorageError.unavailable("\(target) exists already; a backup does not overwrite")
        }
        try Self.makeDirectory(of: target)
        let partial = target + ".partial"
        do {
            // Left behind by a backup that was interrupted.
            if files.fileExists(atPath: partial) { try files.removeItem(atPath: partial) }
            try Self.makeFile(partial)
            let connection = try SQLiteConnection(path: path, role: .backup, limits: limits)
            defer { connection.close() }
            try connection.vacuum(into: partial)
            // SQLite does not sync what VACUUM INTO writes.
            let file = try FileHandle(forUpdating: URL(fileURLWithPath: partial))
            try file.synchronize()
            try file.close()
            try files.moveItem(atPath: partial, toPath: target)
        } catch {
            try? files.removeItem(atPath: partial)
            if error is StorageError { throw error }
            throw StorageError.unavailable("the backup \(target) could not be written: \(error)")
        }
    }

    func dispose() {
        // Nothing depends on it: the system clears its temporary directory in any case.
        if let temporaryDirectory { try? FileManager.default.removeItem(at: temporaryDirectory) }
    }
}
