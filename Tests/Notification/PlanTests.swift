import ChangeFeed
import ServiceKit
import Storage
import TestSupport
import Testing

@testable import Notification

/// "457,820 recipients on one account with 5,000 a day is 92 days, 34 provincial accounts 2.7 on average but as long as
/// the largest province needs (25,324 members in the reference data: 6 days), one leader per team on one account 19."
@Suite struct PlanRuleTests {
    private func load(_ messages: Int, perDay: Int? = 5_000, rate: Double = 15, open: Int = 86_400) -> PlanRules.Load {
        PlanRules.Load(messages: messages, perDay: perDay, ratePerSecond: rate, openSeconds: open)
    }

    /// The members of the 34 provinces, the largest of which has 25,324.
    private var provinces: [PlanRules.Load] {
        let others = 457_820 - 25_324
        return [load(25_324)] + (0..<33).map { load(others / 33 + ($0 < others % 33 ? 1 : 0)) }
    }

    @Test func theCountryOnOneAccount() {
        #expect(PlanRules.days(load(457_820)) == 92)
        #expect(PlanRules.averageDays([load(457_820)]) == 91.6)
    }

    @Test func theCountryOnProvincialAccounts() {
        #expect(provinces.reduce(0) { $0 + $1.messages } == 457_820)
        #expect(PlanRules.days(provinces) == 6)
        #expect(PlanRules.averageDays(provinces) == 2.7)
    }

    @Test func oneLeaderForEachTeam() { #expect(PlanRules.days(load(93_524)) == 19) }

    @Test(arguments: [(0, 0), (1, 1), (5_000, 1), (5_001, 2), (10_000, 2), (10_001, 3)])
    func daysAreWhole(messages: Int, days: Int) { #expect(PlanRules.days(load(messages)) == days) }

    @Test func rateAndQuietHoursLimitADayToo() {
        // 1 per second in 8 open hours: 28,800 a day.
        #expect(PlanRules.days(load(28_801, perDay: nil, rate: 1, open: 28_800)) == 2)
        #expect(PlanRules.days(load(28_800, perDay: 100_000, rate: 1, open: 28_800)) == 1)
        #expect(PlanRules.seconds(load(28_801, perDay: nil, rate: 2)) == 14_401)
        #expect(PlanRules.averageDays([load(100, perDay: nil)]) == 0)
    }
}

/// Plans of campaigns over channels with accounts.
@Suite(.onBothEngines) struct PlanTests {
    /// A channel with a quota, for a unit.
    private func account(_ name: String, of unit: String? = nil, perDay: Int? = 2) -> RecordingSender {
        let sender = RecordingSender(kind: .sms)
        sender.set(account: name, unit: unit, quota: perDay.map { DailyQuota(pool: "sms", perDay: $0) }, price: 300)
        return sender
    }

    private func plan(_ channels: Channels, _ database: Database, roles: Set<Int> = []) async throws -> CampaignPlan {
        var content = World.reminder
        content.audience = Audience(unit: World.nation, roles: roles)
        content.template = "notice"
        content.channels = [.sms]
        let template = try CompiledTemplate(World.notice)
        return try await database.readPooled { [content] transaction in
            try CampaignPlanner.plan(content, template, now: World.now, channels: channels, transaction)
        }
    }

    @Test func quotaCostAndProposalsAreTold() async throws {
        let database = try await World.populated()
        let plan = try await plan(Channels(senders: [account("")]), database)
        #expect(plan.recipients == 6)
        #expect(plan.days == 3)
        #expect(plan.parts.map(\.messages) == [6])
        #expect(plan.parts.first?.segments == 6)
        #expect(plan.cost == 1_800)
        #expect(
            plan.proposals == [
                PlanProposal(kind: .leadersOnly, messages: 2, days: 1),
                PlanProposal(kind: .groupMessages, messages: 2, days: 1),
            ])
        let leaders = try await self.plan(Channels(senders: [account("")]), database, roles: [1])
        #expect(leaders.days == 1)
        #expect(leaders.proposals.isEmpty)
        await database.close()
    }

    /// "Customer-care text …; possible within seven days after the user has written."
    @Test func aTextIsPlannedOnlyForWhoHasWrittenWithinSevenDays() async throws {
        let database = try await World.populated()
        for person in 1...4 {
            try await World.tell(
                [try World.contact(person, name: "Người \(person)", email: "", zalo: ["8800\(person)"])], database)
        }
        let week: Int64 = 7 * 86_400
        try await database.write { transaction in
            for (person, account, ago) in [(1, "", week - 1), (2, "", week), (3, "another", 0), (1, "another", 0)] {
                try TextWindow.note(
                    .init(person: World.person(person), account: account), now: World.now.adding(seconds: -Int64(ago)),
                    transaction)
            }
        }
        var content = World.reminder
        content.audience = Audience(unit: World.nation)
        content.template = "notice"
        content.channels = [.zaloText, .sms]
        let template = try CompiledTemplate(World.notice)
        let channels = Channels(senders: [RecordingSender(kind: .zaloText), RecordingSender(kind: .sms)])
        let plan = try await database.readPooled { [content] transaction in
            try CampaignPlanner.plan(content, template, now: World.now, channels: channels, transaction)
        }
        #expect(plan.parts.map(\.lane.channel) == [.zaloText, .sms])
        #expect(plan.parts.map(\.reachable) == [1, 6])
        #expect(plan.parts.map(\.messages) == [1, 5], "the others by the next channel")
        #expect(plan.parts.map(\.outsideWindow) == [3, 0])
        #expect(plan.unreachable == 0)
        // What is too old is forgotten, and whom the law has forgotten.
        try await database.write { try TextWindow.forgetClosed(at: World.now, $0) }
        try await World.tell([try World.contact(3, name: "A", email: "").asTombstone], database)
        let left = try database.read { try TextWindow.open(at: Instant(seconds: 0), $0) }
        #expect(
            left == [
                .init(person: World.person(1), account: ""), .init(person: World.person(1), account: "another"),
            ])
        await database.close()
    }

    @Test func eachPlaceGoesByItsOwnAccount() async throws {
        let database = try await World.populated()
        let channels = Channels(senders: [
            account("cam-due", of: World.commune), account("ha-tinh", of: World.province),
            account("yen-bai", of: World.otherProvince),
        ])
        let plan = try await plan(channels, database)
        #expect(plan.parts.map { "\($0.lane.account) \($0.messages)" } == ["cam-due 5", "ha-tinh 1"])
        #expect(plan.days == 3)
        // Nobody serves the commune: its people cannot be reached.
        let other = try await self.plan(Channels(senders: [account("x", of: World.secondCommune)]), database)
        #expect(other.unreachable == 4)
        await database.close()
    }
}
