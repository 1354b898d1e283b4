import TestSupport
import Testing

@testable import Storage

/// A refusal by the schema is told in the same terms by both engines.
@Suite(.onBothEngines) struct ConstraintTests {
    private struct Case: Sendable {
        var sql: String
        var kind: ConstraintViolation.Kind
        var table: String?
        var columns: [String] = []
    }

    private let schema = [
        notes,
        Migration(
            version: 2, name: "unique among some",
            sql: """
                CREATE TABLE seats (team TEXT NOT NULL, person TEXT NOT NULL, ended BIGINT, PRIMARY KEY (team, person));
                CREATE UNIQUE INDEX one_seat ON seats (person) WHERE ended IS NULL;
                CREATE TABLE names (name TEXT NOT NULL);
                CREATE UNIQUE INDEX one_length ON names (length(name));
                """),
    ]

    @Test func kindTableAndColumnsAreNamed() async throws {
        try await withDatabase(migrations: schema) { database in
            try await database.add(1, "taken")
            let cases = [
                Case(
                    sql: "INSERT INTO notes (id, body) VALUES (2, NULL)", kind: .notNull, table: "notes",
                    columns: ["body"]),
                Case(
                    sql: "INSERT INTO notes (id, body) VALUES (2, 'taken')", kind: .unique, table: "notes",
                    columns: ["body"]),
                Case(
                    sql: "INSERT INTO tags (note, tag) VALUES (1, 'x'), (1, 'x')", kind: .primaryKey, table: "tags",
                    columns: ["note", "tag"]),
                Case(
                    sql: "INSERT INTO seats (team, person, ended) VALUES ('a', 'x', 1), ('a', 'x', 1)",
                    kind: .primaryKey, table: "seats", columns: ["team", "person"]),
                Case(
                    sql: "INSERT INTO seats (team, person) VALUES ('a', 'x'), ('b', 'x')", kind: .unique,
                    table: "seats", columns: ["person"]),
            ]
            for item in cases {
                let violation = try await self.violation(of: item.sql, in: database)
                #expect(violation?.kind == item.kind, "\(item.sql)")
                #expect(violation?.table == item.table, "\(item.sql)")
                #expect(violation?.columns == item.columns, "\(item.sql)")
            }
            #expect(try database.ids() == [1])
        }
    }

    @Test func checksAndReferencesAreTold() async throws {
        try await withDatabase(migrations: schema) { database in
            let check = try await violation(of: "INSERT INTO notes (id, body, size) VALUES (1, 'x', -1)", in: database)
            #expect(check?.kind == .check)
            // Found at the commit.
            let reference = try await violation(of: "INSERT INTO tags (note, tag) VALUES (9, 'x')", in: database)
            #expect(reference?.kind == .foreignKey)
            #expect(try database.read { try $0.count("SELECT count(*) FROM tags") } == 0)
        }
    }

    @Test func anIndexOnAnExpressionIsToldByItsName() async throws {
        try await withDatabase(migrations: schema) { database in
            let violation = try await violation(
                of: "INSERT INTO names (name) VALUES ('a'), ('b')", in: database)
            #expect(violation?.kind == .unique)
            #expect(violation?.name == "one_length")
            #expect(violation?.columns == [])
        }
    }

    private func violation(of sql: String, in database: Database) async throws -> ConstraintViolation? {
        let error = await #expect(throws: StorageError.self) { try await database.write { try $0.execute(sql) } }
        guard case .constraint(let violation) = error else {
            Issue.record("\(sql): \(String(describing: error))")
            return nil
        }
        return violation
    }
}
