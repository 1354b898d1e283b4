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

    /// A commune team that lies in a commune with a rank.
    private func team(in commune: UnitRank) -> Team {
        let now = Instant(date("2026-11-21"))
        let place = TeamStretch.Place(unit: UUIDv7.next(at: now), commune: commune, basis: .stated)
        return Team(
            id: UUIDv7.next(at: now), level: .commune, name: "Tổ công nghệ số cộng đồng xã mới",
            nameVariant: .digitalTechnology,
            stretches: [
                TeamStretch(status: .active, place: place, range: DateRange(from: date("2026-11-01"), to: nil))
            ], createdAt: now, updatedAt: now)
    }

    private func hamlet(in commune: UnitRank) -> Hamlet {
        Hamlet(
            id: UUIDv7.next(at: Instant(date("2026-11-21"))), name: "Thôn Mới",
            stays: [CommuneStay(commune: commune, range: .always, basis: .stated)])
    }

    @Test func `a replica that does not know a new unit yet tells of the teams that lie there`() async throws {
        let core = try await openCore()
        let team = team(in: core.units.all.count + 3)
        try await core.database.write { try TeamStore.insert(team, mark: nil, in: $0) }
        let found = try TeamCalls(core: core).get(.with { $0.name = team.id.teamName }).team
        let unit = try #require(team.stretches.first?.place?.unit)
        #expect(found.unit == unit.unitName && found.placements.map(\.unit) == [unit.unitName])

        let hamlet = hamlet(in: core.units.all.count + 3)
        try await core.database.write { try HamletStore.insert(hamlet, rowHash: nil, in: $0) }
        let calls = UnitCalls(core: core)
        let shown = try calls.get(.with { $0.name = hamlet.id.unitName }).unit
        #expect(shown.displayName == "Thôn Mới" && shown.parent.isEmpty)
        let above = try calls.ancestors(.with { $0.name = hamlet.id.unitName })
        #expect(above.ancestors.isEmpty)
        await core.database.close()
    }

    @Test func `lists have what lies in a unit that is not known yet; its minimum and its share come with the unit`()
        async throws
    {
        let server = try PostgresServer.running()
        let name = try server.makeDatabase()
        let running = try await RunningRegistry.start(on: ["--database", server.address(name)])
        let registry = running.registry
        let commune = try ShippedUnits.index().all.count + 3
        let (team, hamlet) = (team(in: commune), hamlet(in: commune))
        try await running.service.context.database.write {
            try TeamStore.insert(team, mark: nil, in: $0)
            try HamletStore.insert(hamlet, rowHash: nil, in: $0)
        }
        let nation = Unit.nationID.unitName
        let hamlets = try await registry.listUnits(.with { ($0.parent, $0.level) = (nation, .hamlet) })
        #expect(hamlets.units.map(\.displayName) == ["Thôn Mới"] && hamlets.units.map(\.parent) == [""])
        #expect(hamlets.totalSize == 1)
        let hits = try await registry.searchUnits(
            .with { ($0.parent, $0.query, $0.levels) = (nation, "thon moi", [.hamlet]) }
        ).hits
        #expect(hits.map(\.unit.name) == [hamlet.id.unitName])
        #expect(try await registry.countTeams(.with { $0.unit = nation }).communeTeams == 1)

        _ = try await registry.createCapacityPolicy(
            .with {
                $0.policy.unit = nation
                $0.policy.level = .commune
                $0.policy.limit = 10
                $0.policy.minimum = 2
                $0.policy.mode = .enforce
                $0.policy.from = "2026-11-01"
            })
        let listed = try await registry.listTeams(.with { $0.unit = nation }).teams
        #expect(listed.map(\.name) == [team.id.teamName] && listed.map(\.flags) == [["NEEDS_LEADER"]])
        #expect(try await registry.getTeam(.with { $0.name = team.id.teamName }).team.flags == ["NEEDS_LEADER"])
        let small = try await registry.listTeams(.with { ($0.unit, $0.flag) = (nation, "BELOW_MINIMUM") })
        #expect(small.teams.isEmpty)

        for level in [Cdt_Registry_V1_UnitLevel.province, .commune, .hamlet] {
            let coverage = try await registry.getCoverage(.with { ($0.unit, $0.level) = (nation, level) }).coverage
            #expect(coverage.numerator == 0 && (coverage.denominator > 0) == (level != .hamlet), "\(level)")
        }
        await running.stop()
        try server.removeDatabase(name)
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
