import Foundation
import Testing

@testable import Storage

let notes = Migration(
    version: 1, name: "notes",
    sql: """
        CREATE TABLE notes (id BIGINT PRIMARY KEY, body TEXT NOT NULL, UNIQUE (body));
        CREATE TABLE tags (note BIGINT NOT NULL REFERENCES notes (id) DEFERRABLE INITIALLY DEFERRED, tag TEXT NOT NULL
            CHECK (tag <> ''));
        """)

func withDatabase<T>(
    _ limits: DatabaseConfiguration.Limits = .init(), migrations: [Migration] = [notes],
    _ body: (Database) async throws -> T
) async throws -> T {
    let database = try await Database.open(.temporary(limits: limits), migrations: migrations)
    do {
        let result = try await body(database)
        await database.close()
        return result
    } catch {
        await database.close()
        throw error
    }
}

extension Database {
    func add(_ id: Int, _ body: String) async throws {
        try await write {
            try $0.execute("INSERT INTO notes (id, body) VALUES (?, ?)", [SQLValue(id), SQLValue(body)])
        }
    }

    func bodies() throws -> [String] {
        try read { try $0.query("SELECT body FROM notes ORDER BY id") { try $0.text(0) } }
    }
}

@Suite struct DatabaseTests {
    @Test func whatIsWrittenIsRead() async throws {
        try await withDatabase { database in
            try await database.add(1, "một")
            #expect(try database.bodies() == ["một"])
            let pooled = try await database.readPooled { try $0.count("SELECT count(*) FROM notes") }
            #expect(pooled == 1)
        }
    }

    @Test func aWriteReturnsItsValue() async throws {
        try await withDatabase { database in
            let id = try await database.write { tx in
                try tx.queryOne("INSERT INTO notes (id, body) VALUES (7, 'x') RETURNING id") { try $0.int(0) }
            }
            #expect(id == 7)
        }
    }
}
