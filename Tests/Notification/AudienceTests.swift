import ChangeFeed
import ServiceKit
import Shared
import Storage
import SwiftProtobuf
import TestSupport
import Testing

@testable import Notification

@Suite(.onBothEngines) struct AudienceTests {
    private let today = LocalDate("2024-11-04") ?? .distantPast

    private func team(_ obligations: [KnownObligation] = []) -> KnownTeam {
        KnownTeam(
            id: "t", isActive: true,
            members: [
                .init(person: "leader", role: 1, occupation: 1), .init(person: "deputy", role: 2, occupation: 2),
                .init(person: "member", role: 3, occupation: 2),
            ], obligations: obligations)
    }

    private func obligation(
        _ person: String?, received: Bool = false, expected: Bool = true, returned: Bool = false
    ) -> KnownObligation {
        KnownObligation(
            id: person ?? "whole", person: person, dueOn: "2024-11-05", graceUntil: "2024-11-08", isReceived: received,
            isReturned: returned, isExpected: expected)
    }

    private func audience(_ condition: ReportCondition? = nil, roles: Set<Int> = [], occupations: Set<Int> = [])
        -> Audience
    {
        Audience(
            unit: "u", roles: roles, occupations: occupations,
            report: condition.map { .init(period: Month("2024-10") ?? Month(index: 0), condition: $0) })
    }

    /// "Each may be a release older or newer than the others" (docs/guides/versioning.md).
    @Test func whatNewerServicesAddIsPassedOverAndWhatIsKnownIsKept() async throws {
        let database = try await World.database()
        var team = try World.team(World.hamletTeam, .hamlet, "Tổ", in: World.hamlet)
        team.payload += [0x80, 0x7d, 1]  // field 2000
        let badge = FeedEvent(
            sequence: 2, aggregate: "badges/1", version: 1, recordedAt: 0, type: "cdt.registry.v1.BadgeFact",
            payload: [8, 1])
        try await World.tell([team, badge, badge.asTombstone], database)
        #expect(try database.read { try $0.query("SELECT display_name FROM known_team") { try $0.text(0) } } == ["Tổ"])
        await database.close()
    }

    @Test func withoutAReportFilterMembersOfActiveTeamsAreTold() {
        #expect(audience().recipients(of: team(), on: today).entries.map(\.person) == ["leader", "deputy", "member"])
        #expect(audience(roles: [1]).recipients(of: team(), on: today).entries.map(\.person) == ["leader"])
        #expect(
            audience(occupations: [2]).recipients(of: team(), on: today).entries.map(\.person) == ["deputy", "member"])
        #expect(audience(roles: [3], occupations: [1]).recipients(of: team(), on: today).entries.isEmpty)
        var suspended = team()
        suspended.isActive = false
        #expect(audience().recipients(of: suspended, on: today).entries.isEmpty)
    }

    @Test func aPersonWhoOwesIsTold() {
        let told = audience(.owes).recipients(
            of: team([obligation("member"), obligation("deputy", received: true), obligation("gone")]), on: today)
        #expect(told.entries.map(\.person) == ["member", "gone"])
        #expect(told.reports == 2)
        let leaders = audience(.owes, roles: [1]).recipients(
            of: team([obligation("member"), obligation("leader")]), on: today)
        #expect(leaders.entries.map(\.person) == ["leader"])
        #expect(leaders.reportsWithoutRecipient == 1)
    }

    @Test func forATeamItsLeaderIsToldOrElseItsDeputies() {
        let owed = [obligation(nil)]
        #expect(audience(.owes).recipients(of: team(owed), on: today).entries.map(\.person) == ["leader"])
        var headless = team(owed)
        headless.members.removeFirst()
        #expect(audience(.owes).recipients(of: headless, on: today).entries.map(\.person) == ["deputy"])
        headless.members.removeFirst()
        let nobody = audience(.owes).recipients(of: headless, on: today)
        #expect(nobody.entries.isEmpty)
        #expect(nobody.reportsWithoutRecipient == 1)
        #expect(audience(.owes, roles: [3]).recipients(of: team(owed), on: today).entries.map(\.person) == ["member"])
    }

    @Test(
        arguments: [
            (ReportCondition.owes, false, true, false, "2024-11-04", true),
            (.owes, true, true, false, "2024-11-04", false),
            (.owes, false, false, false, "2024-11-04", false), (.overdue, false, true, false, "2024-11-08", false),
            (.overdue, false, true, false, "2024-11-09", true), (.overdue, true, true, false, "2024-11-09", false),
            (.returned, true, true, true, "2024-11-04", true), (.returned, true, true, false, "2024-11-04", false),
            (.received, true, true, false, "2024-11-04", true), (.received, false, true, false, "2024-11-04", false),
        ])
    func conditions(
        condition: ReportCondition, received: Bool, expected: Bool, returned: Bool, date: String, holds: Bool
    ) throws {
        let obligation = obligation("p", received: received, expected: expected, returned: returned)
        #expect(obligation.fulfils(condition, on: try #require(LocalDate(date))) == holds)
    }

    @Test func theSubtreeIsThatOfTheTreeDate() async throws {
        let database = try await World.populated()
        defer { Task { await database.close() } }
        let date = try #require(LocalDate("2024-10-31"))
        func teams(_ unit: String, levels: Set<Int> = []) async throws -> [String] {
            try await database.readPooled {
                try AudienceStore.teams(Audience(unit: unit, levels: levels), treeDate: date, $0)
            }
        }
        let all = [World.communeTeam, World.hamletTeam, World.secondHamletTeam]
        #expect(try await teams(World.nation) == all)
        #expect(try await teams(World.province) == all)
        #expect(try await teams(World.otherProvince) == [])
        #expect(try await teams(World.commune) == [World.communeTeam, World.hamletTeam])
        #expect(try await teams(World.hamlet) == [World.hamletTeam])
        #expect(try await teams(World.province, levels: [2]) == [World.hamletTeam, World.secondHamletTeam])
        // Placed from 2024-01-01 on.
        let before = try #require(LocalDate("2023-12-31"))
        #expect(
            try await database.readPooled {
                try AudienceStore.teams(Audience(unit: World.province), treeDate: before, $0)
            } == [])
    }

    /// "Where no succession is recorded …, teams of the ended unit are listed for a person": until somebody has placed
    /// them they are told with those whose territory they are in.
    @Test func whoseCommuneEndedWithoutASuccessorIsToldWithTheProvinceItIsIn() async throws {
        let database = try await World.populated()
        defer { Task { await database.close() } }
        let successor = World.numbered(77)
        func told(_ unit: FeedEvent, until end: String, became successors: [String]) throws -> FeedEvent {
            var fact = try Cdt_Registry_V1_UnitFact(serializedBytes: unit.payload)
            fact.unit.validTo = end
            fact.unit.successors = successors
            for index in fact.placements.indices { fact.placements[index].to = end }
            return try World.event(fact, unit.aggregate)
        }
        // The second commune ended at the end of 2024, its province half a year later.
        try await World.tell(
            [
                try told(
                    World.unit(World.secondCommune, .commune, "Xã Cẩm Mỹ", under: [World.province]),
                    until: "2024-12-31", became: []),
                try told(
                    World.unit(World.province, .province, "Tỉnh Hà Tĩnh", under: [World.nation]), until: "2025-06-30",
                    became: ["units/\(successor)"]),
                try World.unit(successor, .province, "Tỉnh mới", under: [World.nation]),
            ], database)
        func teams(_ unit: String, _ date: String) throws -> [String] {
            let day = try #require(LocalDate(date))
            return try database.read { try AudienceStore.teams(Audience(unit: unit), treeDate: day, $0) }
        }
        func path(_ date: String) throws -> [String] {
            let day = try #require(LocalDate(date))
            return try database.read { try AudienceStore.placement(ofTeam: World.secondHamletTeam, on: day, $0) }
        }
        #expect(try teams(World.province, "2024-12-31").contains(World.secondHamletTeam))
        #expect(try path("2024-12-31").suffix(2) == [World.province, World.nation])
        #expect(try teams(World.province, "2025-03-01").contains(World.secondHamletTeam))
        #expect(
            try path("2025-03-01") == [World.secondHamlet, World.secondCommune, World.province, World.nation])
        #expect(try teams(successor, "2025-06-30") == [], "it has become nothing yet")
        for unit in [successor, World.nation, World.secondCommune] {
            #expect(try teams(unit, "2025-07-01").contains(World.secondHamletTeam), "\(unit)")
        }
        #expect(try path("2025-07-01") == [World.secondHamlet, World.secondCommune, successor, World.nation])
        #expect(try teams(World.otherProvince, "2025-07-01") == [])

        // As the Registry tells it: the hamlet goes on, and lies nowhere since its commune has ended.
        let hamlet = try World.unit(World.secondHamlet, .hamlet, "Thôn 2", under: [World.secondCommune])
        var fact = try Cdt_Registry_V1_UnitFact(serializedBytes: hamlet.payload)
        for index in fact.placements.indices { fact.placements[index].to = "2024-12-31" }
        try await World.tell([try World.event(fact, hamlet.aggregate)], database)
        for unit in [successor, World.nation, World.secondCommune] {
            #expect(try teams(unit, "2025-07-01").contains(World.secondHamletTeam), "\(unit)")
        }
        #expect(try path("2025-07-01") == [World.secondHamlet, World.secondCommune, successor, World.nation])
        #expect(try teams(World.otherProvince, "2025-07-01") == [])
        let day = try #require(LocalDate("2025-07-01"))
        #expect(try database.read { try AudienceStore.heirs(of: World.secondHamlet, on: day, $0) } == [successor])
    }

    @Test func theDefaultTreeDateIsThePeriodsLastDay() throws {
        #expect(World.reminderAudience.treeDate(sending: today).description == "2024-10-31")
        #expect(Audience(unit: "u").treeDate(sending: today) == today)
        #expect(
            Audience(unit: "u", treeDate: LocalDate("2025-07-01")).treeDate(sending: today).description == "2025-07-01")
    }

    @Test func laterFactsReplaceEarlierOnesAndTombstonesRemove() async throws {
        let database = try await World.populated()
        defer { Task { await database.close() } }
        func members() throws -> [String] {
            try database.read { try AudienceStore.team(World.hamletTeam, Audience(unit: "u"), on: today, $0) }.members
                .map(\.person)
        }
        #expect(try members() == [World.person(4), World.person(5)])
        try await World.tell([try World.member(5, of: World.hamletTeam, .member, to: "2024-11-03")], database)
        #expect(try members() == [World.person(4)])
        try await World.tell([try World.member(5, of: World.hamletTeam, .member, to: "2024-11-04")], database)
        #expect(try members() == [World.person(4), World.person(5)])
        let member = try World.member(4, of: World.hamletTeam, .leader)
        try await World.tell([member.asTombstone], database)
        #expect(try members() == [World.person(5)])
        let other = try World.member(5, of: World.hamletTeam, .member)
        let contact = try World.contact(1, name: "A", email: "a@cdt.example")
        try await World.tell([other.asTombstone, contact.asTombstone], database)
        #expect(try members() == [])
        #expect(try database.read { try AudienceStore.contact(World.person(1), $0) } == nil)
    }
}
