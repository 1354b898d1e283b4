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
@Suite(.onPostgres, .timeLimit(.minutes(10))) struct ReplicaTests {
    private func openCore() async throws -> RegistryCore {
        try await RegistryCore.open(
            database: try await Database.open(
                TestDatabase.fresh(), migrations: [RegistrySchema.migrations, Outbox.migrations]),
            tokens: PageTokens(key: SymmetricKey(size: .bits256)), clock: .fixed(Instant(date("2026-11-21"))))
    }

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
        let core = try await openCore()
        let first = FeedRetelling(core: core, patience: .seconds(3_600))
        let second = FeedRetelling(core: core, patience: .seconds(3_600))
        try await core.note()
        try await first.run()
        #expect(try core.isTold())
        try await core.note()
        try await second.run()
        #expect(try !core.isTold())
        await first.release()
        try await second.run()
        #expect(try core.isTold())

        // Somebody took it for dead.
        try await core.database.write {
            try $0.execute("UPDATE replica_turn SET holder = 'somebody', fence = fence + 1, beat = beat + 1")
        }
        try await core.note()
        try await second.run()
        #expect(try !core.isTold())
        // And is dead itself.
        let third = FeedRetelling(core: core, patience: .zero)
        try await third.run()
        #expect(try !core.isTold())
        try await third.run()
        #expect(try core.isTold())
        await core.database.close()
    }

    @Test func `while a reorganisation is at work no replica tells again, and afterwards one does`() async throws {
        let core = try await openCore()
        let holder = FeedRetelling(core: core, patience: .seconds(3_600))
        let waiting = FeedRetelling(core: core, patience: .seconds(3_600))
        try await core.note()
        try await holder.run()
        #expect(try core.isTold())

        try await core.whileNothingIsRetold(beat: .milliseconds(10)) {
            try await core.note()
            try await holder.run()
            try await waiting.run()
            #expect(try !core.isTold())
            // It says that it is alive, for as long as it takes.
            let before = try core.beats()
            while try core.beats() < before + 3 { try await Task.sleep(for: .milliseconds(10)) }
            try await holder.run()
            try await waiting.run()
            #expect(try !core.isTold())
        }
        try await core.becomesFree()
        try await waiting.run()
        #expect(try core.isTold())

        struct Refused: Error {}
        await #expect(throws: Refused.self) { try await core.whileNothingIsRetold { throw Refused() } }
        try await core.becomesFree()
        try await core.note()
        try await holder.run()
        #expect(try core.isTold())
        await core.database.close()
    }

    @Test(arguments: [true, false])
    func `while reorganisations overlap nothing is told before the last has ended, whichever that is`(
        endsInOrder: Bool
    ) async throws {
        let core = try await openCore()
        let waiting = FeedRetelling(core: core, patience: .seconds(3_600))
        var ends: [AsyncStream<Never>.Continuation] = []
        var pauses: [Task<Void, any Error>] = []
        for _ in 0..<2 {
            let (began, begins) = AsyncStream<Never>.makeStream()
            let (ended, end) = AsyncStream<Never>.makeStream()
            ends.append(end)
            pauses.append(
                Task {
                    try await core.whileNothingIsRetold(beat: .milliseconds(10)) {
                        begins.finish()
                        for await _ in ended {}
                    }
                })
            for await _ in began {}
        }
        try await core.note()
        let order = endsInOrder ? [0, 1] : [1, 0]
        ends[order[0]].finish()
        try await pauses[order[0]].value
        // It has given the turn up, or will in a moment; the other one's next signs of life have it again.
        let before = try core.beats()
        while try core.beats() < before + 5 { try await Task.sleep(for: .milliseconds(10)) }
        try await waiting.run()
        #expect(try !core.isTold())
        ends[order[1]].finish()
        try await pauses[order[1]].value
        try await core.becomesFree()
        try await waiting.run()
        #expect(try core.isTold())
        await core.database.close()
    }

    @Test func `to apply and to revert pauses what is told again, and a call that is refused does not`() async throws {
        let server = try PostgresServer.running()
        let name = try server.makeDatabase()
        let registry = try await RunningRegistry.start(on: ["--database", server.address(name)])
        let database = registry.service.context.database
        /// How often somebody new has had the turn.
        func turns() throws -> Int { try database.read { try $0.count("SELECT fence FROM replica_turn") } }
        /// Lets the replica take the turn, which it keeps from then on.
        func tell() async throws {
            try await database.write { try RetellingStore.add(.init(subject: Unit.nationID, kind: .unit), in: $0) }
            try await eventually("all is told") { try database.read { try RetellingStore.isEmpty(in: $0) } }
        }
        let calls = registry.reorganisations
        let last = try #require(
            try await calls.listReorganisations(.init()).reorganisations.max { $0.effectiveOn < $1.effectiveOn })
        try await tell()
        let before = try turns()
        _ = try await calls.revertReorganisation(.with { $0.name = last.name })
        #expect(try turns() > before)
        try await tell()
        let reverted = try turns()
        let again = await registry.failure { _ = try await calls.revertReorganisation(.with { $0.name = last.name }) }
        #expect(again.reason == "REORGANISATION_NOT_APPLIED")
        let stale = await registry.failure {
            _ = try await calls.applyReorganisation(.with { ($0.name, $0.etag) = (last.name, last.etag) })
        }
        #expect(stale.reason == "ETAG_MISMATCH")
        #expect(try turns() == reverted)
        _ = try await calls.applyReorganisation(.with { $0.name = last.name })
        #expect(try turns() > reverted)
        await registry.stop()
        try server.removeDatabase(name)
    }

    @Test func `a replica that does not know a new unit yet tells of the teams that lie there`() async throws {
        let core = try await openCore()
        let unit = UUIDv7.next(at: core.clock.now)
        let place = TeamStretch.Place(unit: unit, commune: core.units.all.count + 3, basis: .stated)
        let team = Team(
            id: UUIDv7.next(at: core.clock.now), level: .commune, name: "Tổ công nghệ số cộng đồng xã mới",
            nameVariant: .digitalTechnology,
            stretches: [
                TeamStretch(status: .active, place: place, range: DateRange(from: date("2026-11-01"), to: nil))
            ], createdAt: core.clock.now, updatedAt: core.clock.now)
        try await core.database.write { try TeamStore.insert(team, mark: nil, in: $0) }
        let found = try TeamCalls(core: core).get(.with { $0.name = team.id.teamName }).team
        #expect(found.unit == unit.unitName && found.placements.map(\.unit) == [unit.unitName])
        let coverage = try await TeamListCalls(core: core).coverage(
            .with { ($0.unit, $0.level, $0.date) = (Unit.nationID.unitName, .commune, "2026-11-21") })
        #expect(coverage.date == "2026-11-21")

        let hamlet = Hamlet(
            id: UUIDv7.next(at: core.clock.now), name: "Thôn Mới",
            stays: [CommuneStay(commune: core.units.all.count + 3, range: .always, basis: .stated)])
        try await core.database.write { try HamletStore.insert(hamlet, rowHash: nil, in: $0) }
        let calls = UnitCalls(core: core)
        let shown = try calls.get(.with { $0.name = hamlet.id.unitName }).unit
        #expect(shown.displayName == "Thôn Mới" && shown.parent.isEmpty)
        let above = try calls.ancestors(.with { $0.name = hamlet.id.unitName })
        #expect(above.ancestors.isEmpty)
        await core.database.close()
    }
}

extension RegistryCore {
    /// Something is to be told again.
    fileprivate func note() async throws {
        let unit = Retelling(subject: Unit.nationID, kind: .unit)
        try await database.write { try RetellingStore.add(unit, in: $0) }
    }

    fileprivate func isTold() throws -> Bool { try database.read { try RetellingStore.isEmpty(in: $0) } }

    /// The signs of life of whoever has the turn.
    fileprivate func beats() throws -> Int { try database.read { try $0.count("SELECT beat FROM replica_turn") } }

    fileprivate func becomesFree() async throws {
        while try !database.read({ try $0.exists("SELECT 1 FROM replica_turn WHERE holder = ''") }) {
            try await Task.sleep(for: .milliseconds(10))
        }
    }
}
