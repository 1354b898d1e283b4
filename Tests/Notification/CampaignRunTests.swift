import Logging
import ServiceKit
import Storage
import Synchronization
import TestSupport
import Testing

@testable import Notification

/// Whole campaigns: what becomes of each message when providers are slow, refuse, run into their quota, keep quiet, or
/// fall silent after they have taken one.
@Suite(.onBothEngines, .timeLimit(.minutes(10))) struct CampaignRunTests {
    private let clock = SettableClock(World.now)
    private let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    private func dispatcher(_ database: Database, _ senders: [any MessageSender]) -> Dispatcher {
        Dispatcher(
            database: database, channels: Channels(senders: senders), clock: clock.clock, logger: logger)
    }

    /// Looks and sends until nothing is left for now.
    private func settle(_ dispatcher: Dispatcher) async throws {
        for _ in 0..<500 {
            let pass = try await dispatcher.pass()
            await withTaskGroup(of: Void.self) { group in
                for message in pass.claimed { group.addTask { await dispatcher.send(message) } }
            }
            guard let next = pass.next, next <= clock.now else { return }
        }
        Issue.record("never settled")
    }

    private func content(_ channels: [ChannelKind]) -> CampaignContent {
        var content = World.reminder
        content.audience = Audience(unit: World.province)
        content.template = "notice"
        content.channels = channels
        return content
    }

    private func deliveries(_ database: Database, _ campaign: String) throws -> [String: Delivery] {
        try database.read { transaction in
            let all = try DeliveryStore.page(campaign: campaign, after: "", states: [], limit: 1_000, transaction)
            return Dictionary(uniqueKeysWithValues: all.map { ($0.person, $0) })
        }
    }

    private func state(_ database: Database, _ campaign: String) throws -> CampaignState? {
        try database.read { try CampaignStore.get(campaign, $0)?.state }
    }

    /// Persons 1 … 6 with phones whose last digits decide what the stand-ins do.
    private func phones(_ endings: [String], _ database: Database) async throws {
        for (index, ending) in endings.enumerated() {
            try await World.tell(
                [
                    try World.contact(
                        index + 1, name: "Nguyễn Thị Số \(index + 1)", email: "nguoi\(index + 1)@example.vn",
                        phones: ["024 3812 3456", "09123\(index)56\(ending)"], zalo: ["77\(index)00"])
                ], database)
        }
    }

    // MARK: The ladder

    @Test func afterADefiniteFailureTheNextChannelIsTried() async throws {
        let database = try await World.populated()
        let zalo = RecordingSender(kind: .zaloPhone) { message in
            switch message.recipient.last {
            case "1": SendOutcome(kind: .permanent, failure: .recipientRefused, replyCode: -118, detail: "no account")
            case "2": SendOutcome(kind: .ambiguous, failure: .unconfirmed, detail: "time ran out", cost: 300)
            case "4": SendOutcome(kind: .permanent, failure: .contentRefused, detail: "template refused")
            default: SendOutcome(kind: .accepted, providerID: "z", cost: 300)
            }
        }
        let sms = RecordingSender(kind: .sms) { message in
            message.recipient.last == "4"
                ? SendOutcome(kind: .permanent, failure: .invalidRecipient, detail: "unknown number")
                : SendOutcome(kind: .accepted, providerID: "s", cost: 350)
        }
        let campaign = try await World.launch(content([.zaloPhone, .sms]), in: database)
        let dispatcher = dispatcher(database, [zalo, sms])
        try await settle(dispatcher)
        let found = try deliveries(database, campaign)
        let first = try #require(found[World.person(1)])
        #expect(first.state == .sent)
        #expect(first.channel == .sms)
        #expect(first.cost == 350)
        #expect(first.providerID == "s")
        let tries = try database.read { try DeliveryStore.attempts(first.id, $0) }
        #expect(tries.map(\.lane.channel) == [.zaloPhone, .sms])
        #expect(tries.map(\.failure) == [.recipientRefused, .none])
        #expect(tries.map(\.cost) == [0, 350])
        // Nobody knows whether it arrived: no other channel, and a person decides.
        #expect(found[World.person(2)]?.state == .ambiguous)
        #expect(found[World.person(2)]?.channel == .zaloPhone)
        #expect(found[World.person(2)]?.cost == 300)
        // The last channel of the ladder says what failed.
        #expect(found[World.person(4)]?.state == .failed)
        #expect(found[World.person(4)]?.failure == .invalidRecipient)
        #expect(sms.sent.map(\.recipient).sorted() == [1, 4].map { "people/\(World.person($0))" })
        #expect(try state(database, campaign) == .completed)
        let counts = try database.read { try DeliveryStore.counts(campaign: campaign, $0) }
        #expect(counts.reduce(0) { $0 + $1.cost } == 3 * 300 + 300 + 350)
        await database.close()
    }

    @Test func whoCannotBeReachedByTheFirstBeginsWithTheNext() async throws {
        let database = try await World.populated()
        try await World.tell(
            [try World.contact(5, name: "Số 5", email: "nam@example.vn", phones: ["02438123456"])], database)
        let zalo = RecordingSender(kind: .zaloPhone)
        let email = RecordingSender()
        let campaign = try await World.launch(content([.zaloPhone, .email]), in: database)
        try await settle(dispatcher(database, [zalo, email]))
        #expect(email.sent.map(\.recipient) == ["people/\(World.person(5))"])
        #expect(zalo.sent.count == 5)
        #expect(try deliveries(database, campaign).values.allSatisfy { $0.state == .sent })
        await database.close()
    }

    // MARK: Quota and night

    @Test func aDaysQuotaIsNotExceededAndTheRestWaitsForTheNextDay() async throws {
        let database = try await World.populated()
        let sender = RecordingSender(kind: .sms)
        sender.set(quota: DailyQuota(pool: "sms", perDay: 4))
        let campaign = try await World.launch(content([.sms]), in: database)
        // Two on one database: the quota is the account's.
        let both = [dispatcher(database, [sender]), dispatcher(database, [sender])]
        for dispatcher in both { try await settle(dispatcher) }
        #expect(sender.sent.count == 4)
        let now = clock.now
        let (counts, holds, listed) = try database.read { transaction in
            let holds = try LaneStore.holds(at: now, transaction)
            return (
                try DeliveryStore.counts(campaign: campaign, holds: holds, transaction), holds,
                try DeliveryStore.page(
                    campaign: campaign, after: "", states: [.deferred], holds: holds, limit: 10, transaction)
            )
        }
        let tomorrow = Instant(World.now.localDate.next)
        #expect(holds == [.init(lane: Lane(channel: .sms), until: tomorrow, reason: .quota)])
        #expect(counts.map { "\($0.state) \($0.failure) \($0.count)" } == ["sent none 4", "deferred quota 2"])
        #expect(listed.count == 2)
        #expect(try await both[0].pass().next == tomorrow)
        clock.now = tomorrow.adding(seconds: -1)
        for dispatcher in both { try await settle(dispatcher) }
        #expect(sender.sent.count == 4)
        clock.now = tomorrow
        for dispatcher in both { try await settle(dispatcher) }
        #expect(sender.sent.count == 6)
        #expect(try state(database, campaign) == .completed)
        await database.close()
    }

    @Test func theProvidersWordOnItsQuotaHolds() async throws {
        let database = try await World.populated()
        let sender = RecordingSender(kind: .zaloPhone) { _ in
            var outcome = SendOutcome.accepted
            outcome.quota = QuotaWord(perDay: 3, remaining: 0)
            return outcome
        }
        sender.set(quota: DailyQuota(pool: "zalo_template", perDay: 1))
        let campaign = try await World.launch(content([.zaloPhone]), in: database)
        let dispatcher = dispatcher(database, [sender])
        try await settle(dispatcher)
        #expect(sender.sent.count == 1)
        clock.now = Instant(World.now.localDate.next)
        try await settle(dispatcher)
        #expect(sender.sent.count == 4, "three a day from now on")
        clock.now = Instant(World.now.localDate.next.next)
        try await settle(dispatcher)
        #expect(try state(database, campaign) == .completed)
        await database.close()
    }

    @Test func aRefusalForWantOfQuotaHoldsAllAndCostsNoTime() async throws {
        let database = try await World.populated()
        let day = World.now.localDate.next
        let full = Mutex(true)
        let sender = RecordingSender(kind: .zaloPhone) { _ in
            full.withLock { $0 } ? .held(until: Instant(day), .quota, "-144") : .accepted
        }
        sender.set(quota: DailyQuota(pool: "zalo_template", perDay: 100))
        let campaign = try await World.launch(content([.zaloPhone]), in: database)
        let dispatcher = dispatcher(database, [sender])
        try await settle(dispatcher)
        #expect(
            try deliveries(database, campaign).values.allSatisfy { $0.state == .deferred && $0.firstAttemptAt == nil })
        let tries = sender.sent.count
        clock.now = Instant(day).adding(seconds: -1)
        try await settle(dispatcher)
        #expect(sender.sent.count == tries)
        full.withLock { $0 = false }
        clock.now = Instant(day)
        try await settle(dispatcher)
        #expect(try deliveries(database, campaign).values.allSatisfy { $0.state == .sent })
        await database.close()
    }

    @Test func nothingIsSentInQuietHours() async throws {
        let database = try await World.populated()
        let sender = RecordingSender(kind: .sms)
        sender.set(quietHours: QuietHours("22:00-06:05"))
        let day = World.now.localDate
        clock.now = Instant(day, hour: 21, minute: 59, second: 59)
        let early = try await World.launch(content([.sms]), in: database, at: clock.now)
        let dispatcher = dispatcher(database, [sender])
        try await settle(dispatcher)
        #expect(sender.sent.count == 6)
        #expect(try state(database, early) == .completed)

        clock.now = Instant(day, hour: 22)
        let late = try await World.launch(content([.sms]), in: database, at: clock.now)
        try await settle(dispatcher)
        let morning = Instant(day.next, hour: 6, minute: 5)
        #expect(try await dispatcher.pass().next == morning)
        clock.now = morning.adding(seconds: -1)
        try await settle(dispatcher)
        #expect(sender.sent.count == 6)
        let now = clock.now
        let counts = try database.read { transaction in
            try DeliveryStore.counts(
                campaign: late, holds: try LaneStore.holds(at: now, transaction), transaction)
        }
        #expect(counts.map { "\($0.state) \($0.failure) \($0.count)" } == ["deferred quietHours 6"])
        clock.now = morning
        try await settle(dispatcher)
        #expect(sender.sent.count == 12)
        #expect(try state(database, late) == .completed)
        await database.close()
    }

    @Test func aMessageClaimedBeforeTheNightIsNotSentInIt() async throws {
        let database = try await World.populated()
        let sender = RecordingSender(kind: .sms)
        sender.set(quietHours: QuietHours("22:00-06:05"))
        clock.now = Instant(World.now.localDate, hour: 21, minute: 59)
        let campaign = try await World.launch(content([.sms]), in: database, at: clock.now)
        let dispatcher = dispatcher(database, [sender])
        while try state(database, campaign) == .expanding { _ = try await dispatcher.pass() }
        let claimed = try await dispatcher.pass().claimed
        clock.advance(by: .seconds(60))
        for message in claimed { await dispatcher.send(message) }
        #expect(sender.sent.isEmpty)
        #expect(try deliveries(database, campaign).values.allSatisfy { $0.state == .deferred })
        await database.close()
    }

    // MARK: Pause and cancel

    @Test func aPausedCampaignGoesOnWhereItStopped() async throws {
        let database = try await World.populated()
        let sender = RecordingSender(kind: .sms)
        sender.set(quota: DailyQuota(pool: "sms", perDay: 2))
        let campaign = try await World.launch(content([.sms]), in: database)
        let dispatcher = dispatcher(database, [sender])
        try await settle(dispatcher)
        #expect(sender.sent.count == 2)
        let change = { (rule: @escaping @Sendable (Campaign) -> Result<Campaign, CampaignRules.Refusal>) in
            try await database.write { transaction in
                guard let current = try CampaignStore.get(campaign, transaction) else { return }
                try CampaignStore.update(try rule(current).get(), active: true, transaction)
            }
        }
        let now = clock.now
        try await change { CampaignRules.pause($0, now) }
        clock.now = Instant(World.now.localDate.next, hour: 8)
        try await settle(dispatcher)
        #expect(sender.sent.count == 2)
        #expect(try state(database, campaign) == .paused)
        await #expect(throws: CampaignRules.Refusal.notRunning(.paused)) {
            try await change { CampaignRules.pause($0, now) }
        }
        try await change { CampaignRules.resume($0, now) }
        try await settle(dispatcher)
        #expect(sender.sent.count == 4)
        await database.close()
    }

    @Test func aCancelledCampaignWhoseSenderWasKilledEnds() async throws {
        let database = try await World.populated()
        let sender = RecordingSender(kind: .sms)
        let campaign = try await World.launch(content([.sms]), in: database)
        let killed = dispatcher(database, [sender])
        while try state(database, campaign) == .expanding { _ = try await killed.pass() }
        #expect(try await killed.pass().claimed.count == 6)
        let now = clock.now
        try await database.write { transaction in
            guard let current = try CampaignStore.get(campaign, transaction) else { return }
            try CampaignStore.update(try CampaignRules.cancel(current, now).get(), active: true, transaction)
        }
        let next = dispatcher(database, [sender])
        let lease = try #require(try await next.pass().next)
        #expect(lease > clock.now.adding(seconds: 60), "no look every second")
        clock.now = lease
        try await settle(next)
        #expect(try deliveries(database, campaign).values.allSatisfy { $0.state == .ambiguous })
        #expect(try database.read { try CampaignStore.active($0) }.isEmpty)
        await database.close()
    }

    // MARK: Stand-ins

    /// What the last digits of a phone number make of a message at both stand-ins.
    private static let endings = ["91", "92", "93", "94", "96", "10"]

    @Test func aCampaignOverZaloAndSMSEndsRightAndSaysWhatBecameOfEachMessage() async throws {
        let database = try await World.populated()
        try await phones(Self.endings, database)
        let zalo = try await StandIn("zalo_peer.py", StandIn.zaloOptions(["rotate_after": 2, "silence": 90]))
        let gateway = try await StandIn("sms_peer.py", StandIn.smsOptions(["silence": 90]))
        let tokens = ZaloTokens(zalo.zaloAccount(), database: database, clock: clock.clock, logger: logger)
        try await tokens.prepare()
        let senders: [any MessageSender] = [
            ZaloSender(.zaloPhone, tokens, try ZaloErrors.shipped()), SMSSender(try gateway.smsProfile()),
        ]
        let campaign = try await World.launch(content([.zaloPhone, .sms]), in: database)
        let dispatcher = dispatcher(database, senders)
        try await settle(dispatcher)
        // The one that was told to try later, twice.
        for _ in 1...2 {
            clock.advance(by: .seconds(120))
            try await settle(dispatcher)
        }
        let found = try deliveries(database, campaign)
        func told(_ person: Int) -> String {
            found[World.person(person)].map { "\($0.state) \($0.channel?.name ?? "") \($0.failure)" } ?? "nothing"
        }
        // No Zalo account; the gateway does not know the number either.
        #expect(told(1) == "failed sms invalidRecipient")
        #expect(told(2) == "ambiguous zalo_phone unconfirmed")
        #expect(told(3) == "ambiguous zalo_phone unconfirmed")
        #expect(told(4) == "sent zalo_phone none")
        // Zalo refuses the template's data, the gateway the text.
        #expect(told(5) == "failed sms contentRefused")
        #expect(told(6) == "sent zalo_phone none")
        #expect(try state(database, campaign) == .completed)
        let report = try zalo.report()
        #expect(report.messages.count == 4)
        #expect(Set(report.messages.map(\.key)).count == 4, "none was sent twice")
        #expect(report.refreshes == 2)
        #expect(try gateway.report().messages.isEmpty)
        await database.close()
    }

    @Test func aProviderThatCanBeAskedIsAskedBeforeAPersonMustDecide() async throws {
        let database = try await World.populated()
        // Taken, then silence; taken, then HTTP 500; not taken, and a code that nobody knows.
        try await phones(["92", "93", "95", "10", "11", "12"], database)
        let gateway = try await StandIn("sms_peer.py", StandIn.smsOptions(["silence": 90]))
        let sender = SMSSender(
            try gateway.smsProfile { profile in
                // One that recognises an id is sent the message again instead.
                profile.deduplicates = false
                profile.status = .init(
                    url: gateway.url + "/status?id={{id}}&key={{api_key}}", code: "SendStatus",
                    codes: ["5": .delivered, "0": .notTaken])
                profile.timeoutSeconds = 5
            })
        let campaign = try await World.launch(content([.sms]), in: database)
        let dispatcher = dispatcher(database, [sender])
        try await settle(dispatcher)
        #expect(try deliveries(database, campaign).values.filter { $0.state == .ambiguous }.count == 3)
        #expect(try state(database, campaign) == .sending, "some are still asked about")
        #expect(try await dispatcher.pass().doubtful.isEmpty, "the provider is given a minute")

        clock.advance(by: .seconds(61))
        let doubtful = try await dispatcher.pass().doubtful
        #expect(Set(doubtful.map(\.person)) == [World.person(1), World.person(2), World.person(3)])
        #expect(try await dispatcher.pass().doubtful.isEmpty, "each is asked about once")
        for delivery in doubtful { await dispatcher.ask(delivery) }
        let found = try deliveries(database, campaign)
        for person in [1, 2] {
            #expect(found[World.person(person)]?.state == .delivered)
            #expect(found[World.person(person)]?.deliveredAt == clock.now)
        }
        #expect(found[World.person(3)]?.state == .retry)
        #expect(found[World.person(3)]?.detail == "the provider has never had it")
        let report = try gateway.report()
        #expect(Set(report.messages.map(\.key)).count == report.messages.count, "none was sent twice")
        await database.close()
    }

    @Test func whoeverIsNotAskedInTimeDecidesInTheEnd() async throws {
        let database = try await World.populated()
        try await phones(["92", "10", "10", "10", "10", "10"], database)
        let gateway = try await StandIn("sms_peer.py", StandIn.smsOptions(["silence": 90]))
        let sender = SMSSender(
            try gateway.smsProfile { profile in
                profile.deduplicates = false
                // A state that the profile does not list.
                profile.status = .init(
                    url: gateway.url + "/status?id={{id}}&key={{api_key}}", code: "SendStatus", codes: ["7": .failed])
                profile.timeoutSeconds = 5
            })
        let campaign = try await World.launch(content([.sms]), in: database)
        let dispatcher = dispatcher(database, [sender])
        try await settle(dispatcher)
        var asked: [Int] = []
        for wait in [61, 540, 3_000, 3_600] {
            clock.advance(by: .seconds(wait))
            let doubtful = try await dispatcher.pass().doubtful
            asked.append(doubtful.count)
            for delivery in doubtful { await dispatcher.ask(delivery) }
        }
        #expect(asked == [1, 1, 1, 0], "after a minute, ten and sixty")
        let left = try deliveries(database, campaign)[World.person(1)]
        #expect(left?.state == .ambiguous)
        #expect(left?.failure == .unconfirmed)
        try await settle(dispatcher)
        #expect(try state(database, campaign) == .completed)
        await database.close()
    }

    @Test func aSlowProviderIsWaitedForAndNoOtherChannelWith() async throws {
        let database = try await World.populated()
        try await phones(["10", "11", "12", "13", "14", "15"], database)
        let slow = try await StandIn("sms_peer.py", StandIn.smsOptions(["delay": 0.4]))
        let campaign = try await World.launch(content([.sms, .email]), in: database)
        let email = RecordingSender()
        try await settle(dispatcher(database, [SMSSender(try slow.smsProfile()), email]))
        #expect(try deliveries(database, campaign).values.allSatisfy { $0.state == .sent && $0.channel == .sms })
        #expect(email.sent.isEmpty)
        #expect(try slow.report().messages.count == 6)
        await database.close()
    }
}
