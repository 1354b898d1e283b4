import ServiceKit
import Shared
import Storage
import SwiftProtobuf
import TestSupport
import Testing

@testable import ActivityReporting
@testable import ChangeFeed
@testable import Storage

/// "Migrations: forward, under a lock, from every released schema; a newer database is refused."
@Suite(.onBothEngines) struct ActivitySchemaTests {
    /// Checksums of the migrations as they were released. A changed one could no longer be told from what databases
    /// hold: add a migration instead, and its line here.
    private static let released: [Int: String] = [
        1: "1832c6c56c77085a", 2: "b50a5e5f408c7c3c", 3: "39b816d999a82c52", 4: "9ee045fd6d82a4b9",
        5: "e94bff0d130b0e9a", 6: "196351c1d59a7fca", 7: "5b85ec80ab692ab2", 8: "e015a91120275035",
        9: "68281b78880c7ab1", 10: "737073e212e63a24", 11: "b84741f5775a79c8", 12: "33b009fbf4f83a1e",
    ]

    @Test("Released migrations do not change")
    func checksums() {
        let found = Schema.migrations.migrations.map { ($0.version, $0.checksum) }
        #expect(Dictionary(uniqueKeysWithValues: found) == Self.released)
    }

    @Test("A database of a later release is refused, and is left as it is")
    func newer() async throws {
        let place = try TestDatabase.fresh()
        let newest = Schema.migrations.newest
        let later = Migration(
            version: newest + 1, name: "later", sql: "CREATE TABLE later (id BIGINT NOT NULL PRIMARY KEY)")
        let database = try await Database.open(
            place, migrations: [MigrationSet("activity", Schema.migrations.migrations + [later])])
        await database.close()
        await #expect(throws: StorageError.newerSchema(component: "activity", found: newest + 1, known: newest)) {
            _ = try await Database.open(place, migrations: [Schema.migrations])
        }
    }

    static let versions = Schema.migrations.migrations.map(\.version)

    @Test("A database of any released schema is brought up to date with what it holds", arguments: versions)
    func upgrade(version: Int) async throws {
        let place = try TestDatabase.fresh()
        let old = try await Database.open(
            place, migrations: [MigrationSet("activity", Array(Schema.migrations.migrations.prefix(version)))])
        try await old.write { tx in
            try tx.execute(
                "INSERT INTO periods (period, opened_at, derived_to) VALUES ('2024-10', 1730000000000000, NULL)")
            try tx.execute(
                """
                INSERT INTO policies (id, jurisdiction, from_day, end_day, commune_subject, hamlet_subject, start_day, due_day,
                    grace_days, minimum_days, document, created_at)
                VALUES ('p', 'A', '2024-01-01', NULL, 1, 2, 1, 10, 0, 1, NULL, 1700000000000000)
                """)
            if version >= 7 {
                let content = Cdt_Activity_V1_TrainingSession.with {
                    $0.name = "trainingSessions/s"
                    $0.course = "courses/c"
                    $0.heldOn = "2024-10-12"
                }
                try tx.execute(
                    """
                    INSERT INTO training_sessions (id, course, unit, held_on, content, created_at, created_by)
                    VALUES ('s', 'c', '', '2024-10-12', ?, 1730000000000000, 'sở')
                    """, [.blob(try content.serializedBytes())])
            }
        }
        await old.close()
        let database = try await Database.open(place, migrations: [Schema.migrations, Outbox.migrations])
        try database.read { tx in
            let period = try #require(try PeriodStore.get(month("2024-10"), in: tx))
            #expect(period.closedAt == nil)
            // What was kept of obligations has grown since: they are looked at again, once.
            #expect(period.derivedTo == (version < 9 ? "" : nil))
            let policy = try #require(try PolicyStore.get("p", in: tx))
            #expect(policy.policy.rules.dueDay == 10 && policy.policy.rules.closingDays == 30)
            if version >= 7 {
                let session = try #require(try SessionStore.get("s", in: tx))
                #expect(session.version == 1 && session.session.state == .held)
                let held = try SessionStore.list(
                    unit: nil, course: nil, state: .held, before: nil, limit: 9, in: tx)
                #expect(held == [session] && session.view.heldOn == "2024-10-12")
            }
        }
        await database.close()
    }
}
