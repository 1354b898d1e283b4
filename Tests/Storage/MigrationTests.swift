import Foundation
import TestSupport
import Testing

@testable import Storage

@Suite(.onBothEngines) struct MigrationTests {
    private let second = Migration(version: 2, name: "places", sql: "ALTER TABLE notes ADD COLUMN place TEXT")

    private func withFile(_ body: (DatabaseConfiguration) async throws -> Void) async throws {
        try await body(try TestDatabase.fresh())
    }

    @discardableResult
    private func open(_ configuration: DatabaseConfiguration, _ migrations: [Migration]) async throws -> [Int] {
        let database = try await Database.open(configuration, migrations: migrations)
        let ids = try database.ids()
        await database.close()
        return ids
    }

    @Test func aSchemaGrowsAndKeepsItsRows() async throws {
        try await withFile { file in
            let database = try await Database.open(file, migrations: [notes])
            try await database.add(1, "a")
            await database.close()
            #expect(try await open(file, [notes, second]) == [1])
            #expect(try await open(file, [notes, second]) == [1])
        }
    }

    @Test func aNewerDatabaseIsRefused() async throws {
        try await withFile { file in
            try await open(file, [notes, second])
            let expected = StorageError.newerSchema(component: "main", found: 2, known: 1)
            await #expect(throws: expected) { try await open(file, [notes]) }
            #expect(expected.description.contains("the database is newer than this program: main is at version 2"))
        }
    }

    @Test func aComponentThisProgramDoesNotKnowIsNewer() async throws {
        try await withFile { file in
            let sets = [
                MigrationSet("main", [notes]),
                MigrationSet("extra", [Migration(version: 1, name: "x", sql: "CREATE TABLE extra (id BIGINT)")]),
            ]
            await (try Database.open(file, migrations: sets)).close()
            await #expect(throws: StorageError.newerSchema(component: "extra", found: 1, known: 0)) {
                try await open(file, [notes])
            }
        }
    }

    @Test func aChangedMigrationIsRefused() async throws {
        try await withFile { file in
            try await open(file, [notes])
            var changed = notes
            changed.sql += " "
            let error = await #expect(throws: StorageError.self) { try await open(file, [changed]) }
            #expect(error?.description.contains("main 1 (notes) has changed") == true)
        }
    }

    @Test func aFailedMigrationChangesNothing() async throws {
        try await withFile { file in
            try await open(file, [notes])
            let bad = Migration(
                version: 3, name: "bad", sql: "CREATE TABLE third (id BIGINT); INSERT INTO nowhere VALUES (1)")
            let error = await #expect(throws: StorageError.self) { try await open(file, [notes, second, bad]) }
            #expect(error?.description.contains("main 3 (bad) failed") == true)
            // Not even the second one, which was good.
            try await open(file, [notes])
        }
    }

    @Test func aMigrationMustNotBreakReferences() async throws {
        try await withFile { file in
            let database = try await Database.open(file, migrations: [notes])
            try await database.add(1, "a")
            try await database.write { try $0.execute("INSERT INTO tags (note, tag) VALUES (1, 'x')") }
            await database.close()
            let bad = Migration(version: 2, name: "empty", sql: "DELETE FROM notes")
            let error = await #expect(throws: StorageError.self) { try await open(file, [notes, bad]) }
            #expect(error?.description.contains("tags refers to a missing row") == true)
            #expect(try await open(file, [notes]) == [1])
        }
    }

    @Test func versionsAreCounted() async throws {
        try await withFile { file in
            for wrong in [[second], [notes, notes], [notes, Migration(version: 3, name: "gap", sql: "SELECT 1")]] {
                await #expect(throws: StorageError.self) { try await open(file, wrong) }
            }
            await #expect(throws: StorageError.migration("two sets of migrations are called main")) {
                try await Database.open(file, migrations: [MigrationSet("main", []), MigrationSet("main", [])])
            }
        }
    }

    @Test func severalProcessesMayStartAtOnce() async throws {
        try await withFile { file in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<6 {
                    group.addTask { await (try Database.open(file, migrations: [notes, self.second])).close() }
                }
                try await group.waitForAll()
            }
            #expect(try await open(file, [notes, second]) == [])
        }
    }
}
