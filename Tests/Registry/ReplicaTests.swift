import Crypto
import Foundation
import RPC
import ServiceKit
import Shared
import Storage
import SwiftProtobuf
import TestSupport
import Testing

@testable import ChangeFeed
@testable import Registry

/// "Several replicas of a service may run: nothing that must be unique lives in memory."
@Suite(.onPostgres) struct ReplicaTests {
    @Test func `of 200 joins for the last seat, through two replicas, exactly one succeeds`() async throws {
        let server = try PostgresServer.running()
        let database = try server.makeDatabase()
        let arguments = ["--database", server.address(database)]
        // One after the other: the first loads the units.
        let replicas = [
            try await RunningRegistry.start(on: arguments), try await RunningRegistry.start(on: arguments),
        ]
        let commune = try await replicas[0].unit("03193", on: "2025-07-01")
        try await expectLastSeatGivenOnce(replicas, commune: commune, limit: 10)
        for replica in replicas { await replica.stop() }
        try server.removeDatabase(database)
    }

    @Test func `of several replicas one tells again, another when that one stops, and who lost its turn tells nothing`()
        async throws
    {
        let database = try await Database.open(
            TestDatabase.fresh(), migrations: [RegistrySchema.migrations, Outbox.migrations])
        let core = try await RegistryCore.open(
            database: database, tokens: PageTokens(key: SymmetricKey(size: .bits256)),
            clock: .fixed(Instant(date("2026-11-21"))))
        func note() async throws {
            let unit = Retelling(subject: Unit.nationID, kind: .unit)
            try await database.write { try RetellingStore.add(unit, in: $0) }
        }
        func isTold() throws -> Bool { try database.read { try RetellingStore.isEmpty(in: $0) } }
        let first = FeedRetelling(core: core, patience: .seconds(3_600))
        let second = FeedRetelling(core: core, patience: .seconds(3_600))
        try await note()
        try await first.run()
        #expect(try isTold())
        try await note()
        try await second.run()
        #expect(try !isTold())
        await first.release()
        try await second.run()
        #expect(try isTold())

        // Somebody took it for dead.
        try await database.write {
            try $0.execute("UPDATE replica_turn SET holder = 'somebody', fence = fence + 1, beat = beat + 1")
        }
        try await note()
        try await second.run()
        #expect(try !isTold())
        // And is dead itself.
        let third = FeedRetelling(core: core, patience: .zero)
        try await third.run()
        #expect(try !isTold())
        try await third.run()
        #expect(try isTold())
        await database.close()
    }

    @Test func `while a reorganisation is at work no replica tells again, and afterwards one does`() async throws {
        let database = try await Database.open(
            TestDatabase.fresh(), migrations: [RegistrySchema.migrations, Outbox.migrations])
        let core = try await RegistryCore.open(
            database: database, tokens: PageTokens(key: SymmetricKey(size: .bits256)),
            clock: .fixed(Instant(date("2026-11-21"))))
        func note() async throws {
            let unit = Retelling(subject: Unit.nationID, kind: .unit)
            try await database.write { try RetellingStore.add(unit, in: $0) }
        }
        func isTold() throws -> Bool { try database.read { try RetellingStore.isEmpty(in: $0) } }
        func beats() throws -> Int { try database.read { try $0.count("SELECT beat FROM replica_turn") } }
        func becomesFree() async throws {
            while try !database.read({ try $0.exists("SELECT 1 FROM replica_turn WHERE holder = ''") }) {
                try await Task.sleep(for: .milliseconds(10))
            }
        }
        let holder = FeedRetelling(core: core, patience: .seconds(3_600))
        let waiting = FeedRetelling(core: core, patience: .seconds(3_600))
        try await note()
        try await holder.run()
        #expect(try isTold())

        try await core.whileNothingIsRetold(beat: .milliseconds(10)) {
            try await note()
            try await holder.run()
            try await waiting.run()
            #expect(try !isTold())
            // It says that it is alive, for as long as it takes.
            let before = try beats()
            while try beats() < before + 3 { try await Task.sleep(for: .milliseconds(10)) }
            try await holder.run()
            try await waiting.run()
            #expect(try !isTold())
        }
        try await becomesFree()
        try await waiting.run()
        #expect(try isTold())

        struct Refused: Error {}
        await #expect(throws: Refused.self) { try await core.whileNothingIsRetold { throw Refused() } }
        try await becomesFree()
        try await note()
        try await holder.run()
        #expect(try isTold())
        await database.close()
    }

    @Test func `a replica that does not know a new unit yet tells of the teams that lie there`() async throws {
        let database = try await Database.open(
            TestDatabase.fresh(), migrations: [RegistrySchema.migrations, Outbox.migrations])
        let core = try await RegistryCore.open(
            database: database, tokens: PageTokens(key: SymmetricKey(size: .bits256)),
            clock: .fixed(Instant(date("2026-11-21"))))
        let unit = UUIDv7.next(at: core.clock.now)
        let place = TeamStretch.Place(unit: unit, commune: core.units.units.count + 3, basis: .stated)
        let team = Team(
            id: UUIDv7.next(at: core.clock.now), level: .commune, name: "Tổ công nghệ số cộng đồng xã mới",
            nameVariant: .digitalTechnology,
            stretches: [
                TeamStretch(status: .active, place: place, range: DateRange(from: date("2026-11-01"), to: nil))
            ], createdAt: core.clock.now, updatedAt: core.clock.now)
        try await database.write { try TeamStore.insert(team, mark: nil, in: $0) }
        let found = try TeamCalls(core: core).get(.with { $0.name = team.id.teamName }).team
        #expect(found.unit == unit.unitName && found.placements.map(\.unit) == [unit.unitName])
        await database.close()
    }
}
