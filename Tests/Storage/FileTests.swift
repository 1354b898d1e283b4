import Foundation
import Testing

@testable import Storage

/// What concerns the files of SQLite.
@Suite struct FileTests {
    @Test func closingLeavesOneFile() async throws {
        try await withDirectory { directory in
            let path = directory.appendingPathComponent("a/b/store.sqlite").path
            let database = try await Database.open(.sqlite(path: path), migrations: [notes])
            try await database.add(1, "a")
            await database.close()
            #expect(!FileManager.default.fileExists(atPath: path + "-wal"))
        }
    }

    @Test func aBackupIsTheDatabaseAtOneMoment() async throws {
        try await withDirectory { directory in
            let path = directory.appendingPathComponent("store.sqlite").path
            let target = directory.appendingPathComponent("backups/today.sqlite").path
            let database = try await Database.open(.sqlite(path: path), migrations: [notes])
            for id in 1...50 { try await database.add(id, "\(id)") }
            // Each write adds two rows, so a copy with an odd number would be torn.
            let writing = Task {
                for id in stride(from: 100, to: 100_000, by: 2) where !Task.isCancelled {
                    try await database.write { tx in
                        for id in [id, id + 1] {
                            try tx.execute("INSERT INTO notes (id, body) VALUES (?, ?)", [SQLValue(id), "n\(id)"])
                        }
                    }
                }
            }
            try await database.backup(to: target)
            writing.cancel()
            _ = await writing.result
            let copy = try await Database.open(.sqlite(path: target), migrations: [notes])
            let ids = try copy.ids()
            #expect(ids.count >= 50 && ids.count.isMultiple(of: 2))
            #expect(ids == Array(try database.ids().prefix(ids.count)))
            await copy.close()
            let error = await #expect(throws: StorageError.self) { try await database.backup(to: target) }
            #expect(error?.description.contains("does not overwrite") == true)
            await database.close()
            await #expect(throws: StorageError.closed) { try await database.backup(to: target + "2") }
        }
    }
}
