import Foundation
import RPC
import ServiceKit
import Shared
import SwiftProtobuf
import TestSupport
import Testing

@testable import Registry

/// What a narrow grant lets through, piece by piece (R8).
@Suite(.onBothEngines) struct GrantScopeTests {
    let registry: GuardedRegistry
    init() async throws { registry = try await GuardedRegistry.shared.value }

    func code(of unit: String) async throws -> String {
        try await registry.running.registry.getUnit(.with { $0.name = unit }, options: registry.everything()).unit.code
    }

    @Test(arguments: [Cdt_Common_V1_ImportMode.validate, .commit])
    func `of an import, the rows of another province are refused one by one`(mode: Cdt_Common_V1_ImportMode)
        async throws
    {
        let source = "narrow-\(mode.rawValue)"
        let own = try await code(of: registry.elsewhereCommune)
        let other = try await code(of: registry.commune)
        // Of what is there already, a narrow grant hears nothing: neither that it is there, nor that it is unchanged.
        let known = teamRow(1, "theirs", commune: other, hamlet: "Thôn \(source)", established: "2025-08-01")
        let theirs = memberRow(2, "theirs-1", team: "theirs")
        let all = try registry.everything()
        #expect(
            try await registry.importing([known, theirs], source: source, options: all).outcomes.allSatisfy {
                $0 == .accepted || $0 == .warned
            })
        let rows = [
            teamRow(1, "mine", commune: own, hamlet: "Bản \(source)", established: "2025-08-01"), known.numbered(2),
            teamRow(3, "new", commune: other, hamlet: "Thôn khác", established: "2025-08-01"),
            teamRow(4, "theirs", commune: own, hamlet: "Bản \(source)", established: "2025-08-01"),
            memberRow(5, "mine-1", team: "mine"), theirs.numbered(6), memberRow(7, "new-1", team: "theirs"),
            memberRow(8, "mine-2", team: "mine") { $0.personExternalID = "theirs-1" },
            .with {
                $0.rowNumber = 9
                $0.hamlet.displayName = "Thôn Chín"
                $0.hamlet.communeCode = other
            },
        ]
        let narrow = try registry.options([(["registry.import"], registry.elsewhere)], as: "province-11")
        let outcome = try await registry.importing(rows, mode: mode, source: source, options: narrow)
        let refused = outcome.reasons.map { $0.contains("OUTSIDE_GRANT") }
        #expect(refused == [false, true, true, true, false, true, true, true, true])
        for (verdict, refused) in zip(outcome.verdicts, refused) {
            #expect((verdict.outcome == .rejected) == refused, "\(verdict)")
            if refused { #expect(verdict.name.isEmpty && verdict.problems.count == 1) }
        }
    }

    @Test func `an import belongs to who began it`() async throws {
        let grants = [(verbs: ["registry.integrator"], unit: registry.elsewhere)]
        let own = try registry.options(grants, as: "owner-\(UUID())")
        let batch = try await registry.importing([], source: "mine", options: own).started.batch
        #expect(
            try await registry.running.imports.getImportBatch(.with { $0.name = batch }, options: own).batch.complete)
        _ = try await registry.importing([], source: "mine", batch: batch, options: own)
        let other = try registry.options(grants, as: "other")
        let bodies: [() async throws -> Void] = [
            { _ = try await registry.running.imports.getImportBatch(.with { $0.name = batch }, options: other) },
            { _ = try await registry.running.imports.listImportProblems(.with { $0.parent = batch }, options: other) },
            { _ = try await registry.importing([], source: "mine", batch: batch, options: other) },
            { _ = try await registry.importing([], source: "mine", batch: "importBatches/\(UUID())", options: other) },
        ]
        for body in bodies {
            #expect(await registry.running.failure(body).code == .permissionDenied)
        }
    }

    @Test func `a feed holds the caller's province, and nothing of another`() async throws {
        let narrow = try registry.options([(["registry.read"], registry.elsewhere)])
        let home = try await registry.team(on: registry.communes(of: registry.home)[3])
        let own = try await registry.team(on: registry.communes(of: registry.elsewhere)[3])
        let call = try await registry.running.feed.follow(.with { $0.topic = "registry.facts" }, options: narrow)
        defer { call.cancel() }
        var seen: Set<String> = []
        var units: Set<String> = []
        for try await response in call.responses {
            for event in response.events {
                // Of the territory that was theirs once, the name and that it is gone; of others, not even that.
                if event.tombstone { continue }
                seen.insert(event.aggregate)
                if event.aggregate.hasPrefix("units/") { units.insert(event.aggregate) }
            }
            if seen.contains(own) { break }
        }
        #expect(units.contains(registry.elsewhere))
        #expect(units.contains(registry.elsewhereCommune))
        for name in [registry.home, registry.commune, registry.hamlet, registry.team, registry.membership, home] {
            #expect(!seen.contains(name), "\(name)")
        }
        let contacts = await registry.running.failure {
            let call = try await registry.running.feed.follow(
                .with { $0.topic = "registry.contacts" },
                options: registry.options([(["registry.read_people"], registry.elsewhere)]))
            for try await _ in call.responses {}
        }
        #expect(contacts.code == .permissionDenied)
    }

    @Test func `a cursor ends with the grants it was given under, and what was granted since is read from the start`()
        async throws
    {
        let feed = registry.running.feed
        let all = try registry.everything()
        let subject = "reader-\(UUID())"
        let options = try registry.options([], as: subject)
        func give(_ unit: String) async throws -> String {
            try await registry.running.access.createGrant(
                .with {
                    $0.grant.subject = subject
                    $0.grant.unit = unit
                    $0.grant.role = .viewer
                }, options: all
            ).grant.name
        }
        /// Reads to the end; the cursor, and whether a unit came.
        func read(after cursor: String, _ options: CallOptions) async throws -> (cursor: String, seen: Set<String>) {
            let call = try await feed.follow(
                .with {
                    $0.topic = "registry.facts"
                    $0.cursor = cursor
                }, options: options)
            defer { call.cancel() }
            var seen: Set<String> = []
            for try await response in call.responses {
                seen.formUnion(response.events.filter { !$0.tombstone }.map(\.aggregate))
                if response.caughtUp { return (response.cursor, seen) }
            }
            return ("", seen)
        }
        let first = try await give(registry.home)
        let (cursor, seen) = try await read(after: "", options)
        #expect(seen.contains(registry.home) && !seen.contains(registry.elsewhere))
        // A stream that is open hears of it too.
        let open = try await feed.follow(
            .with {
                $0.topic = "registry.facts"
                $0.cursor = cursor
            }, options: options)
        let second = try await give(registry.elsewhere)
        let ended = await registry.running.failure { for try await _ in open.responses {} }
        #expect(ended.code == .outOfRange && ended.reason == "CURSOR_EXPIRED")
        let late = await registry.running.failure { _ = try await read(after: cursor, options) }
        #expect(late.code == .outOfRange && late.reason == "CURSOR_EXPIRED")
        let (both, more) = try await read(after: "", options)
        #expect(more.contains(registry.home) && more.contains(registry.elsewhere))
        #expect(try await read(after: both, options).seen.isDisjoint(with: [registry.home, registry.elsewhere]))
        for grant in [second, first] {
            _ = try await registry.running.access.revokeGrant(.with { $0.name = grant }, options: all)
            let gone = await registry.running.failure { _ = try await read(after: both, options) }
            #expect(gone.code == (grant == second ? .outOfRange : .permissionDenied))
        }
        // The nation's cursors do not depend on anything of this.
        let (whole, _) = try await read(after: "", all)
        _ = try await read(after: whole, all)
    }

    @Test func `a stored grant counts from the moment it is given to that in which it is revoked`() async throws {
        let subject = "stored-\(UUID())"
        let options = try registry.options([], as: subject)
        func get() async throws {
            _ = try await registry.running.registry.getTeam(.with { $0.name = registry.team }, options: options)
        }
        #expect(await registry.running.failure { try await get() }.code == .permissionDenied)
        let grant = try await registry.running.access.createGrant(
            .with {
                $0.grant.subject = subject
                $0.grant.unit = registry.home
                $0.grant.role = .viewer
            }, options: registry.everything()
        ).grant.name
        try await get()
        // One's own grants, one may see.
        let own = try await registry.running.access.listGrants(.with { $0.subject = subject }, options: options)
        #expect(own.grants.map(\.name) == [grant])
        _ = try await registry.running.access.revokeGrant(.with { $0.name = grant }, options: registry.everything())
        #expect(await registry.running.failure { try await get() }.code == .permissionDenied)
    }

    @Test func `nobody gives what they do not have`() async throws {
        let administrator = try registry.options([(["registry.administer"], registry.home)])
        let more = await registry.running.failure {
            _ = try await registry.running.access.createGrant(
                .with {
                    $0.grant.subject = "friend"
                    $0.grant.unit = registry.home
                    $0.grant.role = .editor
                }, options: administrator)
        }
        #expect(more.code == .permissionDenied)
    }

    @Test func `a person of two provinces shows each its own memberships, and is erased by neither alone`() async throws
    {
        let communes = (
            try await registry.communes(of: registry.home)[4], try await registry.communes(of: registry.elsewhere)[4]
        )
        let person = try await registry.person("Quàng Văn Ơn", at: communes.0, year: 1969)
        let there = try await registry.member(person, of: try await registry.team(on: communes.0))
        let narrow = try registry.options([(["*"], registry.elsewhere)])
        let before = await registry.running.failure {
            _ = try await registry.running.registry.getPerson(.with { $0.name = person }, options: narrow)
        }
        #expect(before.code == .permissionDenied)
        // R7: never twice in a team of a level at once, so one after the other.
        _ = try await registry.running.registry.endMembership(
            .with {
                $0.name = there
                $0.to = "2025-12-31"
            }, options: registry.everything())
        let team = try await registry.team(on: communes.1)
        let joining = Cdt_Registry_V1_CreateMembershipRequest.with {
            $0.parent = team
            $0.membership.person = person
            $0.membership.role = .member
            $0.membership.from = "2026-01-01"
        }
        let taking = await registry.running.failure {
            _ = try await registry.running.registry.createMembership(joining, options: narrow)
        }
        #expect(taking.code == .permissionDenied, "nobody reaches a stranger by taking them into a team")
        let here = try await registry.running.registry.createMembership(joining, options: registry.everything())
        let listed = try await registry.running.registry.listMemberships(
            .with {
                $0.parent = person
                $0.includePast = true
            }, options: narrow)
        #expect(listed.memberships.map(\.name) == [here.membership.name])
        _ = try await registry.running.registry.getPerson(.with { $0.name = person }, options: narrow)
        let bodies: [() async throws -> Void] = [
            { _ = try await registry.running.people.erasePerson(.with { $0.name = person }, options: narrow) },
            { _ = try await registry.running.people.exportPersonData(.with { $0.name = person }, options: narrow) },
        ]
        for body in bodies {
            #expect(await registry.running.failure(body).code == .permissionDenied)
        }
    }

    @Test func `a list without a unit is the nation's, and what does not exist is denied like what is not one's own`()
        async throws
    {
        let narrow = try registry.options([(["*"], registry.home)])
        for name in ["teams/\(UUID())", "nonsense", registry.elsewhere] {
            let failure = await registry.running.failure {
                _ = try await registry.running.registry.getTeam(.with { $0.name = name }, options: narrow)
            }
            #expect(failure.code == .permissionDenied, "\(name)")
        }
        let national = await registry.running.failure {
            _ = try await registry.running.registry.listTeams(.init(), options: narrow)
        }
        #expect(national.code == .permissionDenied)
        #expect(national.metadata["verb"] == "registry.read")
        // To who has the nation, what does not exist is not found.
        let missing = await registry.running.failure {
            _ = try await registry.running.registry.getTeam(
                .with { $0.name = "teams/\(UUID())" }, options: registry.everything())
        }
        #expect(missing.code == .notFound)
    }
}

extension GuardedRegistry {
    func communes(of unit: String) async throws -> [String] {
        try await running.registry.listUnits(
            .with {
                $0.parent = unit
                $0.level = .commune
            }, options: everything()
        ).units.map(\.name)
    }
}

extension Cdt_Registry_V1_ImportRow {
    fileprivate func numbered(_ number: Int64) -> Self {
        var row = self
        row.rowNumber = number
        return row
    }
}

/// The same over values, with the units as they ship.
@Suite struct ReachTests {
    let units: UnitIndex
    init() throws { units = try ShippedUnits.index() }
    let today = LocalDate("2026-11-21") ?? .distantPast

    private func unit(_ code: String, _ day: String) -> UnitRank {
        guard case .unit(let rank) = units.resolve(code: code, on: date(day)) else { return -1 }
        return rank
    }

    private func reach(_ code: String, _ day: String, _ verbs: Set<AccessVerb> = Set(AccessVerb.allCases)) -> Reach {
        Reach(
            subject: "x",
            grants: [
                Grant(
                    id: UniqueID(high: 0, low: 0), subject: "x", unit: units[unit(code, day)].id, verbs: verbs,
                    createdAt: Instant(microseconds: 0))
            ], units: units, today: today)
    }

    @Test func `all that lay under a province when it was another is its successor's, and no one else's`() {
        let day = date("2024-10-31")
        for province in ["10", "15"] {
            let old = unit(province, "2024-10-31")
            #expect(reach("15", "2025-07-01").allows(.read, under: old, date: day, tree: day), "\(province)")
            #expect(!reach("11", "2025-07-01").allows(.read, under: old, date: day, tree: day), "\(province)")
        }
        // An abolished province's grant: its own past as it was, not as it is.
        let yenBai = reach("15", "2025-06-30")
        let old = unit("15", "2025-06-30")
        #expect(yenBai.allows(.read, under: old, date: day, tree: day))
        #expect(!yenBai.allows(.read, under: old, date: today, tree: day))
        #expect(!yenBai.allows(.read, under: old, date: day, tree: today))
        #expect(!yenBai.allows(.writeTeams, under: old, date: day, tree: day))
    }

    @Test func `every commune that ever ended lies in some province of today`() {
        let provinces = units.descendants(of: UnitIndex.nation, at: .province, on: today)
        for commune in units.endedCommunes {
            let heirs = AccessRules.heirs(of: commune, today: today, units: units)
            #expect(!heirs.isEmpty, "\(units[commune].name)")
            #expect(heirs.allSatisfy { heir in provinces.contains { units.isUnder(heir, $0, on: today) } })
        }
    }

    @Test func `who may have seen a commune hears that it is gone`() {
        for commune in units.descendants(of: unit("10", "2025-06-30"), at: .commune, on: date("2025-06-30")).prefix(20)
        {
            #expect(reach("15", "2025-07-01").mayHaveSeen(commune))
            #expect(!reach("11", "2025-07-01").mayHaveSeen(commune))
            #expect(!reach("15", "2025-07-01", [.administer]).mayHaveSeen(commune))
        }
    }

    @Test func `a token's verbs are the Registry's by name, by role, or all`() {
        func verbs(_ names: String...) -> Set<AccessVerb> {
            Grant(Identity.Grant(verbs: Set(names), unit: ""))?.verbs ?? []
        }
        #expect(verbs("*") == Set(AccessVerb.allCases))
        #expect(verbs("registry.*") == Set(AccessVerb.allCases))
        #expect(verbs("registry.read", "registry.import") == [.read, .importRows])
        for role in AccessRole.allCases { #expect(verbs(role.tokenName) == role.verbs) }
        for name in ["read", "registry", "Registry.read", "registry.reads", "activity.*", "", "**"] {
            #expect(verbs(name).isEmpty, "\(name)")
        }
        #expect(Grant(Identity.Grant(verbs: ["*"], unit: "units/nonsense!")) == nil)
        #expect(Grant(Identity.Grant(verbs: ["*"], unit: "teams/1")) == nil)
    }
}
