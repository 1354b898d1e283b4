import Crypto
import ServiceKit
import Storage
import TestSupport
import Testing

@testable import ChangeFeed
@testable import Registry
@testable import Storage

/// "Migrations: forward, under a lock, from every released schema; a newer database is refused."
@Suite(.onBothEngines) struct SchemaTests {
    /// Checksums of the migrations as they were released. A changed one could no longer be told from what databases
    /// hold: add a migration instead, and its line here.
    private static let released: [Int: String] = [
        1: "cc260ceab7658677", 2: "e5b92d268764e8fb", 3: "55971654c7c66603", 4: "72b706793f18f9d4",
        5: "2867854bad2e9982", 6: "c31a552ce76d493f", 7: "d42e6f6f062212d1", 8: "de2852dc2da14474",
        9: "a5a6dd0a468b7f69", 10: "27649a1d23de6294", 11: "935759d30704bf63", 12: "c8496be55d35ad06",
        13: "9c6737c15b162d16", 14: "624bdc93d1c49952", 15: "106164b208fc238e", 16: "26d03708377a5819",
        17: "8ed51f40ffb92059",
    ]

    static let versions = RegistrySchema.migrations.migrations.map(\.version)

    @Test func `released migrations do not change`() {
        let found = RegistrySchema.migrations.migrations.map { ($0.version, $0.checksum) }
        #expect(Dictionary(uniqueKeysWithValues: found) == Self.released)
    }

    // MARK: A small database as each version left it

    private static func id(_ number: UInt64) -> UniqueID {
        UniqueID(high: 0x0190_0000_0000_7000, low: 1 << 63 | number)
    }

    private static let nation = Unit.nationID
    private static let province = id(1)
    private static let commune = id(2)
    private static let team = id(3)
    private static let person = id(4)
    private static let membership = id(5)
    private static let hamlet = id(6)
    private static let entry = id(7)
    private static let batch = id(8)
    /// On the same commune as `team`.
    private static let neighbour = id(9)

    /// What is put down with the version that made room for it, by the columns it had then.
    private static let rows: [Int: [(sql: String, bindings: [SQLValue])]] = [
        1: [
            unit(0, nation, 1, "", "Việt Nam"), unit(1, province, 2, "11", "Tỉnh Điện Biên"),
            unit(2, commune, 4, "03193", "Xã Mường Mùn"), parent(1, 0), parent(2, 1),
            (
                """
                INSERT INTO hamlet (id, name, name_key, folded, kind, valid_from, version)
                VALUES (?, 'Bản Một', 'bản một', 'ban mot', 'bản', '0001-01-01', 4)
                """, [SQLValue(hamlet)]
            ),
            (
                """
                INSERT INTO hamlet_stay (hamlet_id, commune_rank, basis, valid_from, valid_to)
                VALUES (?, 2, 0, '0001-01-01', '9999-12-31')
                """, [SQLValue(hamlet)]
            ),
        ],
        2: [
            (
                """
                INSERT INTO team (id, level, name, name_variant, decision_number, decision_title, decision_issuer,
                    decision_issued_on, decision_from, decision_to, source_system, external_id, version, created_at, updated_at)
                VALUES (?, 1, 'Tổ công nghệ số cộng đồng', 1, '01/QĐ-UBND', '', '', '2022-03-01', '0001-01-01', '9999-12-31',
                    'old', 't1', 3, 1650000000000000, 1650000000000000)
                """, [SQLValue(team)]
            ),
            (
                """
                INSERT INTO team_stretch (team_id, level, status, unit_id, commune_rank, basis, valid_from, valid_to)
                VALUES (?, 1, 2, ?, 2, 0, '2022-04-01', '9999-12-31')
                """, [SQLValue(team), SQLValue(commune)]
            ),
            (
                """
                INSERT INTO team (id, level, name, name_variant, version, created_at, updated_at)
                VALUES (?, 1, 'Tổ công nghệ số cộng đồng số 2', 1, 1, 1650000000000000, 1650000000000000)
                """, [SQLValue(neighbour)]
            ),
            (
                """
                INSERT INTO team_stretch (team_id, level, status, unit_id, commune_rank, basis, valid_from, valid_to)
                VALUES (?, 1, 2, ?, 2, 0, '2023-04-01', '9999-12-31')
                """, [SQLValue(neighbour), SQLValue(commune)]
            ),
        ],
        3: [
            (
                """
                INSERT INTO person (id, full_name, folded, birth_year, sex, phones, email, zalo_user_ids, occupation,
                    organisations, version, created_at, updated_at)
                VALUES (?, 'Lò Văn Bình', 'lo van binh', 1990, 2, '0992000001', '', '', 2, 'Đoàn Thanh niên', 2,
                    1650000000000000, 1650000000000000)
                """, [SQLValue(person)]
            ),
            (
                """
                INSERT INTO membership (id, team_id, person_id, role, valid_from, valid_to, is_void, reason, version, updated_at)
                VALUES (?, ?, ?, 1, '2022-04-01', '9999-12-31', 0, '', 1, 1650000000000000)
                """, [SQLValue(membership), SQLValue(team), SQLValue(person)]
            ),
        ],
        4: [
            (
                """
                INSERT INTO import_batch (id, source_system, code_date, label, last_row, is_complete, row_count, accepted,
                    unchanged, rejected, warned, created_at, updated_at)
                VALUES (?, 'old', '2024-10-15', '', 7, 0, 7, 7, 0, 0, 0, 1650000000000000, 1650000000000000)
                """, [SQLValue(batch)]
            ),
            (
                """
                INSERT INTO audit (id, recorded_at, actor, action, resource, request_id)
                VALUES (?, 1650000000000000, 'somebody', 'CreateTeam', 'teams/x', '')
                """, [SQLValue(entry)]
            ),
        ],
    ]

    private static func unit(_ rank: Int, _ id: UniqueID, _ level: Int, _ code: String, _ name: String) -> (
        String, [SQLValue]
    ) {
        (
            """
            INSERT INTO unit (rank, id, level, code, name, kind, aliases, valid_from, valid_to)
            VALUES (?, ?, ?, ?, ?, '', '', '0001-01-01', '9999-12-31')
            """, [SQLValue(rank), SQLValue(id), SQLValue(level), .text(code), .text(name)]
        )
    }

    private static func parent(_ rank: Int, _ parent: Int) -> (String, [SQLValue]) {
        (
            """
            INSERT INTO unit_parent (unit_rank, parent_rank, valid_from, valid_to)
            VALUES (?, ?, '0001-01-01', '9999-12-31')
            """, [SQLValue(rank), SQLValue(parent)]
        )
    }

    @Test(arguments: versions) func `a database of any released schema is brought up to date, with all it holds`(
        version: Int
    ) async throws {
        let place = try TestDatabase.fresh()
        let migrations = RegistrySchema.migrations.migrations
        let old = try await Database.open(
            place, migrations: [MigrationSet("registry", Array(migrations.prefix(version)))])
        try await old.write { tx in
            for (_, rows) in Self.rows.filter({ $0.key <= version }).sorted(by: { $0.key < $1.key }) {
                for row in rows { try tx.execute(row.sql, row.bindings) }
            }
        }
        await old.close()

        let database = try await Database.open(place, migrations: [RegistrySchema.migrations, Outbox.migrations])
        let core = try await RegistryCore.open(
            database: database, tokens: PageTokens(key: SymmetricKey(size: .bits256)),
            clock: .fixed(Instant(date("2026-11-21"))))
        #expect(core.units.rank(of: Self.commune) == 2)
        #expect(core.units.isUnder(2, 1, on: date("2026-11-21")))
        try database.read { tx in
            let hamlet = try #require(try HamletStore.hamlet(Self.hamlet, in: tx))
            #expect(hamlet.name == "Bản Một" && hamlet.version == 4 && hamlet.stays.map(\.commune) == [2])
            if version >= 2 {
                let seen = try #require(
                    try TeamsSeen(units: core.units, date: date("2024-10-15")).seen(Self.team, in: tx))
                #expect(seen.team.decision?.number == "01/QĐ-UBND" && seen.team.version == 3)
                #expect(seen.team.source == SourceKey(system: "old", externalID: "t1"))
                #expect(seen.hasLeader == (version >= 3))
                #expect(seen.hasOtherActive)
                let former = try #require(
                    try TeamsSeen(units: core.units, date: date("2023-01-01")).seen(Self.team, in: tx))
                #expect(!former.hasOtherActive)
            }
            if version >= 3 {
                let person = try #require(try PersonStore.person(Self.person, in: tx))
                #expect(person.fullName == "Lò Văn Bình" && person.organisations == ["Đoàn Thanh niên"])
                #expect(person.erasedAt == nil && person.mergedInto == nil)
                let memberships = try MembershipStore.memberships(ofPerson: Self.person, in: tx)
                #expect(memberships.map(\.membership.id) == [Self.membership])
            }
            if version >= 4 {
                let batch = try #require(try ImportBatchStore.batch(Self.batch, in: tx))
                #expect(batch.lastRow == 7 && batch.actor.isEmpty)
            }
        }
        // It takes writes, and what was in the audit gets its place in the chain.
        if version >= 2 {
            let author = Author(actor: "somebody", action: "Test", now: Instant(date("2026-11-21")))
            try await database.write { tx in
                var team = try #require(try TeamStore.team(Self.team, in: tx))
                let before = team
                team.name = "Tổ chuyển đổi số cộng đồng"
                team.version += 1
                try core.recorder.update(team, before: before, by: author, in: tx)
            }
        }
        try await AuditCalls(core: core).seal()
        let unsealed = try database.read { try $0.count("SELECT count(*) FROM audit WHERE sequence IS NULL") }
        #expect(unsealed == 0)
        await database.close()
    }

    @Test func `a database of a later release is refused, and is left as it is`() async throws {
        let place = try TestDatabase.fresh()
        let newest = RegistrySchema.migrations.newest
        let later = Migration(
            version: newest + 1, name: "later", sql: "CREATE TABLE later (id BIGINT NOT NULL PRIMARY KEY)")
        let database = try await Database.open(
            place, migrations: [MigrationSet("registry", RegistrySchema.migrations.migrations + [later])])
        await database.close()
        await #expect(throws: StorageError.newerSchema(component: "registry", found: newest + 1, known: newest)) {
            _ = try await Database.open(place, migrations: [RegistrySchema.migrations])
        }
    }
}
