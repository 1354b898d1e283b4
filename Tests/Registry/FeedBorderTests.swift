import Foundation
import RPC
import ServiceKit
import Shared
import SwiftProtobuf
import TestSupport
import Testing

@testable import Registry

/// "Feeds are filtered by grant; a unit leaving it is sent as a tombstone", and what comes into it as a fact: over the
/// wire, with readers of three provinces.
@Suite(.onBothEngines) struct FeedBorderTests {
    /// A reader that keeps what it was told, as the contract says: a version it has passed is ignored.
    private final class Reader {
        private let registry: GuardedRegistry
        private let options: CallOptions
        private var cursor = ""
        private var versions: [String: Int64] = [:]
        private(set) var facts: Set<String> = []
        /// Everything it ever heard the name of.
        private(set) var heard: Set<String> = []

        init(_ registry: GuardedRegistry, of unit: String, after other: Reader? = nil) throws {
            self.registry = registry
            options = try registry.options([(["registry.read"], unit)])
            guard let other else { return }
            (cursor, versions, facts, heard) = (other.cursor, other.versions, other.facts, other.heard)
        }

        /// Reads on until it has, or has no longer, all of some things; the deadline of the call is the only bound.
        func read(until names: [String], areKnown isKnown: Bool) async throws {
            let call = try await registry.running.feed.follow(
                .with {
                    $0.topic = "registry.facts"
                    $0.cursor = cursor
                }, options: options)
            defer { call.cancel() }
            for try await response in call.responses {
                cursor = response.cursor
                for event in response.events where event.version > versions[event.aggregate] ?? 0 {
                    versions[event.aggregate] = event.version
                    heard.insert(event.aggregate)
                    if event.tombstone { facts.remove(event.aggregate) } else { facts.insert(event.aggregate) }
                }
                if response.caughtUp, names.allSatisfy({ facts.contains($0) == isKnown }) { return }
            }
        }
    }

    private func transfer(_ registry: GuardedRegistry, _ unit: String, to parent: String, on day: String) async throws
        -> String
    {
        let all = try registry.everything()
        let event = try await registry.running.reorganisations.createReorganisation(
            .with {
                $0.reorganisation.title = "Chuyển xã sang tỉnh khác"
                $0.reorganisation.effectiveOn = day
                $0.lines = [
                    .with {
                        $0.kind = .transfer
                        $0.source = unit
                        $0.target = parent
                    }
                ]
            }, options: all
        ).reorganisation.name
        _ = try await registry.running.reorganisations.applyReorganisation(.with { $0.name = event }, options: all)
        return event
    }

    @Test func `a commune that changes province leaves one reader's feed and comes into another's, and back`()
        async throws
    {
        let registry = try await GuardedRegistry.start(on: TestDatabase.serviceArguments())
        let moved = [registry.commune, registry.team, registry.membership, registry.hamlet]
        let losing = try Reader(registry, of: registry.home)
        let gaining = try Reader(registry, of: registry.elsewhere)
        let stranger = try Reader(registry, of: await registry.unit("04"))
        try await losing.read(until: moved, areKnown: true)
        try await gaining.read(until: [registry.elsewhereCommune], areKnown: true)

        let etags = try await etags(registry)
        let event = try await transfer(registry, registry.commune, to: registry.elsewhere, on: "2026-11-01")
        try await losing.read(until: moved, areKnown: false)
        try await gaining.read(until: moved, areKnown: true)
        #expect(try await self.etags(registry) == etags)
        // Who comes new sees the same as who has followed all along.
        let late = try Reader(registry, of: registry.elsewhere)
        try await late.read(until: moved, areKnown: true)

        _ = try await registry.running.reorganisations.revertReorganisation(
            .with { $0.name = event }, options: registry.everything())
        try await gaining.read(until: moved, areKnown: false)
        try await losing.read(until: moved, areKnown: true)
        try await stranger.read(until: moved, areKnown: false)
        #expect(stranger.facts.isDisjoint(with: moved))
        try await whoReadBeforeMayWrite(registry, etags)
        try await nationHearsNoTombstone(registry)
        try await correctsPlacement(registry)
        await registry.running.stop()
    }

    private struct Etags: Hashable {
        var team: String
        var membership: String
    }

    private func etags(_ registry: GuardedRegistry) async throws -> Etags {
        let all = try registry.everything()
        return Etags(
            team: try await registry.running.registry.getTeam(.with { $0.name = registry.team }, options: all).team
                .etag,
            membership: try await registry.running.registry.getMembership(
                .with { $0.name = registry.membership }, options: all
            ).membership.etag)
    }

    /// Telling again is no change: an etag read before is still good, and once only.
    private func whoReadBeforeMayWrite(_ registry: GuardedRegistry, _ etags: Etags) async throws {
        let all = try registry.everything()
        let rename = Cdt_Registry_V1_UpdateTeamRequest.with {
            $0.team.name = registry.team
            $0.team.displayName = "Tổ công nghệ số cộng đồng xã"
            $0.team.etag = etags.team
            $0.updateMask.paths = ["display_name"]
        }
        let renamed = try await registry.running.registry.updateTeam(rename, options: all).team
        #expect(renamed.etag != etags.team)
        await #expect(throws: RPCError.self) { try await registry.running.registry.updateTeam(rename, options: all) }
        let suspended = try await registry.running.registry.changeTeamStatus(
            .with {
                $0.name = registry.team
                $0.status = .suspended
                $0.from = "2026-11-20"
                $0.etag = renamed.etag
            }, options: all
        ).team
        #expect(suspended.status == .suspended && suspended.etag != renamed.etag)
        let ended = try await registry.running.registry.endMembership(
            .with {
                $0.name = registry.membership
                $0.to = "2026-12-31"
                $0.etag = etags.membership
            }, options: all
        ).membership
        #expect(ended.to == "2026-12-31")
    }

    /// Who sees everything hears of no thing that it is gone while it is there.
    private func nationHearsNoTombstone(_ registry: GuardedRegistry) async throws {
        let call = try await registry.running.feed.follow(
            .with { $0.topic = "registry.facts" }, options: registry.everything())
        defer { call.cancel() }
        var versions: [String: Int64] = [:]
        for try await response in call.responses {
            for event in response.events {
                #expect(!event.tombstone, "\(event.aggregate)")
                #expect(event.version > versions[event.aggregate] ?? 0)
                versions[event.aggregate] = event.version
            }
            // Told with the commune, and twice when it was taken back: gone for some, and as it is.
            if response.caughtUp, versions[registry.team] ?? 0 >= 4 { return }
        }
    }

    @Test func `what is changed while it is told again is told as it was changed last`() async throws {
        let registry = try await GuardedRegistry.start(on: TestDatabase.serviceArguments())
        let all = try registry.everything()
        var teams: [String] = []
        for i in 1...12 {
            let hamlet = try await registry.running.registry.createHamlet(
                .with {
                    $0.unit.displayName = "Thôn \(i)"
                    $0.unit.parent = registry.commune
                }, options: all
            ).unit.name
            teams.append(try await registry.team(on: hamlet, level: .hamlet))
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                _ = try await transfer(registry, registry.commune, to: registry.elsewhere, on: "2026-11-01")
            }
            for team in teams {
                group.addTask {
                    for turn in 1...5 {
                        _ = try await registry.running.registry.updateTeam(
                            .with {
                                $0.team.name = team
                                $0.team.displayName = "Tổ \(turn)"
                                $0.updateMask.paths = ["display_name"]
                            }, options: all)
                    }
                }
            }
            try await group.waitForAll()
        }
        let call = try await registry.running.feed.follow(.with { $0.topic = "registry.facts" }, options: all)
        defer { call.cancel() }
        var told: [String: (version: Int64, name: String)] = [:]
        for try await response in call.responses {
            for event in response.events where teams.contains(event.aggregate) {
                #expect(event.version > told[event.aggregate]?.version ?? 0, "\(event.aggregate)")
                let fact = try Cdt_Registry_V1_TeamFact(unpackingAny: event.payload)
                told[event.aggregate] = (event.version, fact.displayName)
            }
            // Created, changed five times, and told again once at least.
            if response.caughtUp, teams.allSatisfy({ told[$0]?.version ?? 0 >= 7 }) { break }
        }
        #expect(teams.map { told[$0]?.name } == teams.map { _ in "Tổ 5" })
        await registry.running.stop()
    }

    @Test func `what takes effect on a day to come changes the feeds on that day`() async throws {
        let place = try GuardedRegistry.Place(on: TestDatabase.serviceArguments())
        var registry = try await GuardedRegistry.start(at: place)
        // Also what has not begun when its commune goes.
        let planned = try await registry.team(on: registry.hamlet, level: .hamlet, from: "2026-12-15")
        let moved = [registry.commune, registry.team, registry.membership, registry.hamlet, planned]
        let losing = try Reader(registry, of: registry.home)
        try await losing.read(until: moved, areKnown: true)
        let gaining = try Reader(registry, of: registry.elsewhere)
        _ = try await transfer(registry, registry.commune, to: registry.elsewhere, on: "2026-12-01")
        // Something that is told afterwards: what came before has been read.
        let mark = try await registry.team(on: registry.elsewhereCommune)
        try await gaining.read(until: [mark], areKnown: true)
        try await losing.read(until: moved, areKnown: true)
        #expect(gaining.heard.isDisjoint(with: moved))
        await registry.running.stop()

        try await registry.restart(at: place, today: "2026-12-01")
        let losingNow = try Reader(registry, of: registry.home, after: losing)
        let gainingNow = try Reader(registry, of: registry.elsewhere, after: gaining)
        try await losingNow.read(until: moved, areKnown: false)
        try await gainingNow.read(until: moved, areKnown: true)
        await registry.running.stop()
    }

    /// A team that was put down in the wrong place is taken back from those who saw it there.
    private func correctsPlacement(_ registry: GuardedRegistry) async throws {
        let all = try registry.everything()
        let event = try await registry.running.reorganisations.createReorganisation(
            .with {
                $0.reorganisation.title = "Chia xã về hai tỉnh"
                $0.reorganisation.effectiveOn = "2026-11-01"
                $0.newUnits = [("a", "99001", registry.home), ("b", "99002", registry.elsewhere)].map {
                    key, code, parent in
                    .with {
                        $0.key = key
                        $0.level = .commune
                        $0.code = code
                        $0.displayName = "Xã \(code)"
                        $0.kind = "xã"
                        $0.parent = parent
                    }
                }
                $0.lines = ["a", "b"].map { key in
                    .with {
                        $0.kind = .split
                        $0.source = registry.commune
                        $0.target = key
                        $0.isDefault = key == "b"
                    }
                }
            }, options: all
        ).reorganisation.name
        let things = [registry.team, registry.membership]
        let home = try Reader(registry, of: registry.home)
        let presumed = try Reader(registry, of: registry.elsewhere)
        try await home.read(until: things, areKnown: true)
        _ = try await registry.running.reorganisations.applyReorganisation(.with { $0.name = event }, options: all)
        try await home.read(until: things, areKnown: false)
        try await presumed.read(until: things, areKnown: true)
        let right = try await registry.unit("99001")
        let etag = try await etags(registry).team
        _ = try await registry.running.reorganisations.correctPlacement(
            .with {
                $0.name = registry.team
                $0.commune = right
                $0.etag = etag
            }, options: all)
        try await presumed.read(until: things, areKnown: false)
        try await home.read(until: things, areKnown: true)
    }
}

/// The same over values, with the units as they ship.
@Suite struct FeedBorderRuleTests {
    private let today = date("2026-11-21")

    @Test func `a grant reaches a unit exactly by the units of its cover`() throws {
        let units = try ShippedUnits.index()
        let provinces = units.all.indices.filter { units[$0].level == .province }
        let communes = units.all.indices.filter { units[$0].level == .commune }
        for unit in provinces + stride(from: 0, to: communes.count, by: 1_499).map({ communes[$0] }) {
            let cover = Set(FeedBorders.cover(of: unit, units, today: today))
            for granted in stride(from: 0, to: provinces.count, by: 5).map({ provinces[$0] }) {
                let reach = Reach(
                    subject: "x",
                    grants: [
                        Grant(
                            id: UniqueID(high: 0, low: 0), subject: "x", unit: units[granted].id, verbs: [.read],
                            createdAt: Instant(microseconds: 0))
                    ], units: units, today: today)
                #expect(reach.allows(.read, on: unit, date: today) == cover.contains(granted), "\(unit) \(granted)")
            }
        }
    }

    @Test func `covers are kept as they were`() throws {
        let covers: FeedBorders.Covers = [[], [1], [1, 20, 300], []]
        #expect(FeedBorders.decoded(FeedBorders.encoded(covers)) == covers)
        let units = try ShippedUnits.index()
        let all = FeedBorders.covers(units, today: today)
        #expect(FeedBorders.decoded(FeedBorders.encoded(all)) == all)
        #expect(FeedBorders.changes(from: all, to: all, units, today: today).isEmpty)
    }
}
