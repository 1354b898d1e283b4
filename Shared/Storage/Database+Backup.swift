import Foundation

extension Database {
    /// Writes a consistent copy of a database file to a new file, also while another process serves from it, and
    /// changes nothing in it, its schema neither. Errors: there is no such file, the target exists, no room.
    package static func backup(of configuration: DatabaseConfiguration, to target: String) async throws {
        if case .sqlite(let path) = configuration.location, !FileManager.default.fileExists(atPath: path) {
            throw StorageError.unavailable("there is no database \(path)")
        }
        try await onThread {
            let engine = try engine(of: configuration)
            defer { engine.dispose() }
            try engine.backup(to: target)
        }
    }

    /// Puts a backup in the place of a database file that does not exist (any more). The copy is opened, brought to the
    /// schema of `migrations` and given to `prepare` before it gets the name: a backup of another service, of a newer
    /// release or a broken one leaves nothing behind.
    package static func restore(
        _ backup: String, to path: String, migrations: [MigrationSet],
        prepare: (Database) async throws -> Void
    ) async throws {
        let files = FileManager.default
        guard files.fileExists(atPath: backup) else { throw StorageError.unavailable("there is no backup \(backup)") }
        for suffix in ["", "-wal", "-shm"] where files.fileExists(atPath: path + suffix) {
            throw StorageError.unavailable("\(path + suffix) exists; stop its service and move it away first")
        }
        let partial = path + ".partial"
        func removePartial() {
            for suffix in ["", "-wal", "-shm"] { try? files.removeItem(atPath: partial + suffix) }
        }
        // Left behind by a restoring that was interrupted.
        removePartial()
        do {
            try await Self.backup(of: .sqlite(path: backup), to: partial)
            let database = try await open(.sqlite(path: partial), migrations: migrations)
            do {
                try await prepare(database)
            } catch {
                await database.close()
                throw error
            }
            await database.close()
            try sync(partial)
            try files.moveItem(atPath: partial, toPath: path)
            try sync(URL(fileURLWithPath: path).deletingLastPathComponent().path)
        } catch {
            removePartial()
            throw error
        }
    }

    private static func sync(_ path: String) throws {
        let descriptor = Foundation.open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw StorageError.unavailable("\(path) cannot be opened: \(String(cString: strerror(errno)))")
        }
        defer { Foundation.close(descriptor) }
        guard fsync(descriptor) == 0 else {
            throw StorageError.unavailable("\(path) cannot be written: \(String(cString: strerror(errno)))")
        }
    }

    /// Runs what may take long on a thread of its own.
    static func onThread<T: Sendable>(_ body: @escaping @Sendable () throws -> T) async throws -> T {
        try await withCheckedThrowingContinuation { continuation in
            Thread.detachNewThread { continuation.resume(with: Result(catching: body)) }
        }
    }
}
