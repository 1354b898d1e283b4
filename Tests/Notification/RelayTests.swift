import Logging
import ServiceKit
import Shared
import Storage
import SwiftProtobuf
import TestSupport
import Testing

@testable import Notification

/// Who is told at which level, as a function of what is known of a team.
@Suite struct RelayRuleTests {
    private let relay = Relay(levels: [.provinceFocalPoints, .leaders, .members], waitHours: 24)

    private func team(_ members: [(String, Role)], focalPoints: [Int: [String]] = [2: ["focal"]]) -> KnownTeam {
        KnownTeam(
            id: "t", isActive: true,
            members: members.map { .init(person: $0.0, role: $0.1.rawValue, occupation: $0.1.rawValue) },
            focalPoints: focalPoints)
    }

    private func shown(_ team: KnownTeam, occupations: Set<Int> = []) -> [String] {
        relay.steps(of: team, occupations: occupations).map { "\($0.level) \($0.people.joined(separator: ","))" }
    }

    @Test func eachPersonIsToldOnceAtTheirHighestLevel() {
        let team = team([("a", .leader), ("b", .deputy), ("c", .member), ("focal", .member)])
        #expect(shown(team) == ["provinceFocalPoints focal", "leaders a", "members b,c"])
    }

    @Test func withoutALeaderTheDeputiesAreToldAndWithoutThemTheMembers() {
        #expect(
            shown(team([("b", .deputy), ("c", .member)])) == ["provinceFocalPoints focal", "leaders b", "members c"])
        #expect(shown(team([("c", .member)], focalPoints: [:])) == ["members c"])
    }

    @Test func occupationsAreThoseOfMembersAndATeamAtRestIsToldNothing() {
        let all = [("a", Role.leader), ("b", .deputy), ("c", .member)]
        #expect(shown(team(all), occupations: [3]) == ["provinceFocalPoints focal", "leaders a", "members c"])
        var atRest = team(all)
        atRest.isActive = false
        #expect(shown(atRest).isEmpty)
    }

    @Test(
        arguments: [
            ([.leaders], 24, ["campaign.audience.relay.levels"]),
            ([.members, .leaders], 24, ["campaign.audience.relay.levels"]),
            ([.leaders, .leaders], 24, ["campaign.audience.relay.levels"]),
            ([.unspecified, .leaders, .members], 24, ["campaign.audience.relay.levels"]),
            ([.leaders, .members], 0, ["campaign.audience.relay.wait_hours"]),
            ([.leaders, .members], 721, ["campaign.audience.relay.wait_hours"]),
            ([.leaders, .members], 720, []),
        ] as [([Cdt_Notification_V1_RelayLevel], Int32, [String])])
    func whatIsWrongWithARelayIsNamed(levels: [Cdt_Notification_V1_RelayLevel], hours: Int32, fields: [String]) {
        let read = Audience.reading(
            .with {
                $0.unit = "units/u"
                ($0.relay.levels, $0.relay.waitHours) = (levels, hours)
            })
        switch read {
        case .success(let audience):
            #expect(fields.isEmpty)
            #expect(audience.relay == Relay(levels: [.leaders, .members], waitHours: 720))
            #expect(Audience(stored: audience.message) == audience)
        case .failure(let list): #expect(list.violations.map(\.field) == fields)
        }
    }

    @Test func aRelayChoosesByItsLevelsAlone() {
        let read = Audience.reading(
            .with {
                $0.unit = "units/u"
                ($0.relay.levels, $0.relay.waitHours) = ([.leaders, .members], 24)
                $0.roles = [.leader]
            })
        guard case .failure(let list) = read else {
            Issue.record("roles beside a relay")
            return
        }
        #expect(list.violations.map(\.reason) == ["CONFLICT"])
    }
}

/// "Relay tree (ministry → provincial focal points → team leaders → members) with acknowledgement per level."
@Suite(.onBothEngines, .timeLimit(.minutes(10))) struct RelayTests {
    private let clock = SettableClock(World.now)
    private let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    private let email = RecordingSender()

    private func dispatcher(_ database: Database) -> Dispatcher {
        Dispatcher(database: database, channels: Channels(senders: [email]), clock: clock.clock, logger: logger)
    }

    /// Sends what is due; the persons told since the last time.
    private func told(_ dispatcher: Dispatcher) async throws -> [Int] {
        let before = email.sent.count
        for _ in 0..<200 {
            let pass = try await dispatcher.pass()
            for message in pass.claimed { await dispatcher.send(message) }
            guard let next = pass.next, next <= clock.now else { break }
        }
        return email.sent.dropFirst(before).compactMap { Int($0.recipient.suffix(4)) }.sorted()
    }

    private func launch(_ levels: [RelayLevel], _ database: Database) async throws -> String {
        var content = World.reminder
        content.audience = Audience(unit: World.province, relay: Relay(levels: levels, waitHours: 24))
        content.template = "notice"
        content.asksAcknowledgement = true
        return try await World.launch(content, in: database)
    }

    private func acknowledge(_ person: Int, _ campaign: String, _ database: Database) async throws
        -> Acknowledgements.Result?
    {
        let (id, now) = (Delivery.id(campaign: campaign, person: World.person(person)), clock.now)
        return try await database.write { transaction in
            guard let known = try CampaignStore.get(campaign, transaction),
                let delivery = try DeliveryStore.get(campaign: campaign, id: id, transaction)
            else { return nil }
            return try Acknowledgements.record(delivery, of: known, now: now, transaction)
        }
    }

    private func populated(focalPoint: Int? = 9) async throws -> Database {
        let database = try await World.populated()
        guard let focalPoint else { return database }
        try await World.tell(
            [try World.contact(focalPoint, name: "Cán bộ tỉnh", email: "tinh@example.vn")], database)
        let point = FocalPoint(
            id: UUIDv7.next(at: clock.now).description, unit: World.province, person: World.person(focalPoint),
            createdAt: clock.now)
        try await database.write { try FocalPointStore.insert(point, $0) }
        return database
    }

    @Test func eachLevelIsToldWhenTheOneAboveHasAcknowledged() async throws {
        let database = try await populated()
        let dispatcher = dispatcher(database)
        let campaign = try await launch([.provinceFocalPoints, .leaders, .members], database)
        #expect(try await told(dispatcher) == [9])
        #expect(try await acknowledge(4, campaign, database) == .notSent(.scheduled))
        #expect(try await acknowledge(9, campaign, database) == .done)
        #expect(try await acknowledge(9, campaign, database) == .done, "the first time counts")
        #expect(try await told(dispatcher) == [1, 4, 6], "leaders; of the team without one its deputies")
        // The leader of the hamlet's team: its member is told, the members of the commune's team are not.
        #expect(try await acknowledge(4, campaign, database) == .done)
        #expect(try await told(dispatcher) == [5])
        let levels = try database.read { try DeliveryStore.reach(campaign: campaign, $0) }
        #expect(levels.map(\.level) == [.provinceFocalPoints, .leaders, .members])
        #expect(levels.map(\.recipients) == [1, 3, 3])
        #expect(levels.map(\.sent) == [1, 3, 1])
        #expect(levels.map(\.waiting) == [0, 0, 1], "one member has no address")
        #expect(levels.map(\.acknowledged) == [1, 1, 0])
        // Nobody else acknowledges: those below are told a day after the level above was.
        clock.now = World.now.adding(seconds: 24 * 3_600 - 1)
        #expect(try await told(dispatcher) == [])
        clock.now = World.now.adding(seconds: 24 * 3_600)
        #expect(try await told(dispatcher) == [2])
        #expect(try database.read { try CampaignStore.get(campaign, $0)?.state } == .completed)
        await database.close()
    }

    @Test func withoutAnyAcknowledgementEachLevelIsToldADayAfterTheOneAbove() async throws {
        let database = try await populated()
        let dispatcher = dispatcher(database)
        _ = try await launch([.provinceFocalPoints, .leaders, .members], database)
        var days: [[Int]] = []
        for hours in [0, 23, 24, 47, 48, 72] {
            clock.now = World.now.adding(seconds: Int64(hours) * 3_600)
            days.append(try await told(dispatcher))
        }
        #expect(days == [[9], [], [1, 4, 6], [], [2, 5], []])
        await database.close()
    }

    @Test func aLevelAtWhichNobodyCanBeToldIsPassedOver() async throws {
        let database = try await populated(focalPoint: 3)
        try await World.tell([try World.contact(3, name: "Không có thư", email: "")], database)
        let dispatcher = dispatcher(database)
        let campaign = try await launch([.provinceFocalPoints, .leaders, .members], database)
        #expect(try await told(dispatcher) == [1, 4, 6], "the focal point has no address")
        // Of the second hamlet both deputies were told; either's word is enough, and nobody is left below them.
        #expect(try await acknowledge(6, campaign, database) == .done)
        #expect(try await told(dispatcher) == [])
        #expect(try await acknowledge(1, campaign, database) == .done)
        #expect(try await told(dispatcher) == [2])
        await database.close()
    }

    @Test func whoReadsItInOneTeamReleasesNobodyInAnother() async throws {
        let database = try await populated()
        // The leader of the hamlet's team is a member of the commune's team as well.
        try await World.tell([try World.member(4, of: World.communeTeam, .member)], database)
        let dispatcher = dispatcher(database)
        let campaign = try await launch([.leaders, .members], database)
        #expect(try await told(dispatcher) == [1, 4, 6])
        #expect(try await acknowledge(4, campaign, database) == .done)
        #expect(try await told(dispatcher) == [5])
        let delivery = try database.read {
            try DeliveryStore.get(campaign: campaign, id: Delivery.id(campaign: campaign, person: World.person(4)), $0)
        }
        #expect(delivery?.relayLevel == .leaders)
        #expect(delivery?.state == .read)
        await database.close()
    }

    /// A focal point answers for several hundred teams: no transaction lets go all of them.
    @Test func anAcknowledgementLetsGoManyTeamsInSteps() async throws {
        let database = try await populated()
        let teams = 350
        for number in 1...teams {
            let team = World.numbered(number)
            try await World.tell(
                [
                    try World.team(team, .hamlet, "Tổ \(number)", in: World.hamlet),
                    try World.member(1_000 + number, of: team, .leader),
                    try World.contact(1_000 + number, name: "Tổ trưởng", email: "nguoi\(1_000 + number)@example.vn"),
                ], database)
        }
        let dispatcher = dispatcher(database)
        let campaign = try await launch([.provinceFocalPoints, .leaders], database)
        #expect(try await told(dispatcher) == [9])
        func waiting() throws -> Int {
            try database.read { transaction in
                try DeliveryStore.page(campaign: campaign, after: "", states: [.scheduled], limit: 1_000, transaction)
                    .count { $0.nextAt.map { $0 > World.now } ?? false }
            }
        }
        // With the leader of the hamlet's team, the leader of the commune's and two deputies, one of them the same
        // person.
        #expect(try waiting() == teams + 3)
        #expect(try await acknowledge(9, campaign, database) == .done)
        var left = [try waiting()]
        #expect(left[0] >= teams + 3 - Releases.teamsPerStep, "one transaction goes through so many teams")
        // Time has gone on: that the others wait for the dispatcher does not change when they are told.
        clock.now = World.now.adding(seconds: 60)
        while let last = left.last, last > 0, left.count < 10 {
            _ = try await dispatcher.pass()
            left.append(try waiting())
        }
        #expect(left.last == 0)
        #expect(zip(left, left.dropFirst()).allSatisfy { $0 - $1 <= Releases.teamsPerStep })
        _ = try await dispatcher.pass()
        #expect(try database.read { try Releases.isPending(campaign: campaign, $0) } == false)
        await database.close()
    }

    @Test func aCancelledRelayTellsNobodyMore() async throws {
        let database = try await populated()
        let dispatcher = dispatcher(database)
        let campaign = try await launch([.provinceFocalPoints, .leaders], database)
        #expect(try await told(dispatcher) == [9])
        let now = clock.now
        try await database.write { transaction in
            guard let current = try CampaignStore.get(campaign, transaction) else { return }
            try CampaignStore.update(try CampaignRules.cancel(current, now).get(), active: true, transaction)
        }
        #expect(try await acknowledge(9, campaign, database) == .done)
        #expect(try await told(dispatcher) == [])
        let states = try database.read {
            try DeliveryStore.page(campaign: campaign, after: "", states: [], limit: 10, $0).map(\.state)
        }
        #expect(states.filter { $0 == .cancelled }.count == 3)
        await database.close()
    }

    @Test func aPlanCountsEverybodyOnce() async throws {
        let database = try await populated()
        var content = World.reminder
        content.audience = Audience(
            unit: World.province,
            relay: Relay(levels: [.provinceFocalPoints, .leaders, .members], waitHours: 24))
        content.template = "notice"
        let template = try CompiledTemplate(World.notice)
        let plan = try await database.readPooled { [content, email] transaction in
            try CampaignPlanner.plan(
                content, template, now: World.now, channels: Channels(senders: [email]), transaction)
        }
        #expect(plan.recipients == 7)
        #expect(plan.unreachable == 1)
        await database.close()
    }
}
