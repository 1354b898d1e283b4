import ServiceKit
import SwiftProtobuf
import TestSupport
import Testing

@testable import Notification
@testable import Storage

/// "Migrations: forward, under a lock, from every released schema."
@Suite(.onBothEngines) struct NotificationSchemaTests {
    /// Checksums of the migrations as they were released. A changed one could no longer be told from what databases
    /// hold: add a migration instead, and its line here.
    @Test func releasedMigrationsDoNotChange() {
        func checksums(_ set: MigrationSet) -> [String] { set.migrations.map(\.checksum) }
        #expect(
            checksums(FactsSchema.migrations) == [
                "2f2ee68b05642599", "7d9c60da4b303235", "f3438f6ed76a1e59", "ba0fd95202e4b68a", "7a49beedb4390b89",
                "95c83ff4164f2f97", "f4a273fa91e7913e", "5831fce96feaac81", "29345cd9ec030ae8",
            ])
        #expect(
            checksums(NotificationSchema.migrations) == [
                "4b919ffc8a7fe8c3", "71829d3d5524b33b", "dbe98ba806282a6c", "cad0938138789a73", "4d3f9104c3e0eae1",
                "cdb1a4426e04762e", "b5b1460eff9fe291", "9464593194f20e1d",
            ])
    }

    @Test func aDatabaseOfTheFirstReleaseKeepsWhatItHolds() async throws {
        let place = try TestDatabase.fresh()
        let first = [FactsSchema.migrations, NotificationSchema.migrations].map {
            MigrationSet($0.component, Array($0.migrations.prefix(1)))
        }
        var database = try await Database.open(place, migrations: first)
        let campaign = UUIDv7.next(at: World.now).description
        let delivery = Delivery.id(campaign: campaign, person: World.person(1))
        let payload: [UInt8] = try World.reminder.message.serializedBytes()
        let now = SQLValue(World.now)
        try await database.write { transaction in
            try transaction.execute(
                """
                INSERT INTO campaign (id, payload, state, active, revision, send_at, sending_day, expanded_through,
                    teams_expanded, teams_total, created_at, updated_at)
                VALUES (?, ?, 4, 1, 2, ?, '2024-11-04', '', 1, 1, ?, ?)
                """, [.text(campaign), .blob(payload), now, now, now])
            try transaction.execute(
                """
                INSERT INTO delivery (campaign, id, person, channel, state, failure, detail, attempts, first_attempt_at,
                    next_at, sent_at, created_at, updated_at) VALUES (?, ?, ?, 1, 1, 0, '', 0, NULL, ?, NULL, ?, ?)
                """, [.text(campaign), .text(delivery), .text(World.person(1)), now, now, now])
        }
        await database.close()
        database = try await World.database(place)
        let found = try database.read { transaction in
            (
                try CampaignStore.get(campaign, transaction),
                try DeliveryStore.get(campaign: campaign, id: delivery, transaction),
                try DeliveryStore.nextDue(campaign: campaign, lane: Lane(channel: .email), transaction)
            )
        }
        #expect(found.0?.content == World.reminder)
        #expect(found.0?.state == .sending)
        #expect(found.1?.lane == Lane(channel: .email))
        #expect(found.1?.cost == 0)
        #expect(found.2 == World.now)
        await database.close()
    }
}
