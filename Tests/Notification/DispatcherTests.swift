import Logging
import ServiceKit
import Shared
import Storage
import Synchronization
import TestSupport
import Testing

@testable import Notification

@Suite(.onBothEngines) struct DispatcherTests {
    private let clock = SettableClock(World.now)

    private func dispatcher(
        _ database: Database, _ senders: [any MessageSender],
        hasFacts: @escaping @Sendable (CampaignContent) -> Bool = { _ in true }
    ) -> Dispatcher {
        Dispatcher(
            database: database, channels: Channels(senders: senders), clock: clock.clock,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }, hasFacts: hasFacts)
    }

    /// Looks and sends until nothing is left for now.
    private func settle(_ dispatcher: Dispatcher) async throws {
        for _ in 0..<100 {
            let pass = try await dispatcher.pass()
            for message in pass.claimed { await dispatcher.send(message) }
            guard let next = pass.next, next <= clock.now else { return }
        }
        Issue.record("never settled")
    }

    private func states(_ database: Database, _ campaign: String) throws -> [String: DeliveryState] {
        try database.read { transaction in
            let all = try DeliveryStore.page(campaign: campaign, after: "", states: [], limit: 1_000, transaction)
            return Dictionary(uniqueKeysWithValues: all.map { ($0.person, $0.state) })
        }
    }

    private func state(_ database: Database, _ campaign: String) throws -> CampaignState? {
        try database.read { try CampaignStore.get(campaign, $0)?.state }
    }

    @Test func thoseWhoOweAReportAreRemindedOnceEach() async throws {
        let database = try await World.populated()
        let sender = RecordingSender()
        let campaign = try await World.launch(in: database)
        try await settle(dispatcher(database, [sender]))

        // Person 1 owes one report and is deputy of a team that owes another: one message about both. 3 has no address.
        #expect(sender.sent.map(\.recipient).sorted() == [1, 2, 4, 6].map { "people/\(World.person($0))" })
        let first = try #require(sender.sent.first { $0.recipient.hasSuffix(World.person(1)) })
        #expect(first.message.subject == "Nhắc nộp báo cáo tháng 10/2024, hạn 05/11/2024")
        #expect(
            first.message.text.contains(
                "Tổ công nghệ số cộng đồng xã Cẩm Duệ; Tổ công nghệ số cộng đồng thôn Mỹ Sơn (Xã Cẩm Duệ; Thôn Mỹ Sơn, Xã Cẩm Mỹ)"
            ))
        #expect(first.subjects.count == 2)
        #expect(
            try states(database, campaign) == [
                World.person(1): .sent, World.person(2): .sent, World.person(3): .failed, World.person(4): .sent,
                World.person(6): .sent,
            ])
        #expect(try state(database, campaign) == .completed)
        await database.close()
    }

    @Test func aReminderIsCancelledWhenTheReportHasComeIn() async throws {
        let database = try await World.populated()
        let sender = RecordingSender()
        let dispatcher = dispatcher(database, [sender])
        let campaign = try await World.launch(in: database)
        // Written down, not sent yet.
        while try state(database, campaign) == .expanding { _ = try await dispatcher.pass() }
        #expect(try states(database, campaign)[World.person(4)] == .queued)
        try await World.tell(
            [
                try World.obligation(4, of: World.hamletTeam, received: true),
                try World.obligation(1, of: World.communeTeam, person: 1, received: true),
            ], database)
        try await settle(dispatcher)
        #expect(try states(database, campaign)[World.person(4)] == .cancelled)
        #expect(!sender.sent.contains { $0.recipient.hasSuffix(World.person(4)) })
        // Person 1 is still told, about the one report that is missing.
        let first = try #require(sender.sent.first { $0.recipient.hasSuffix(World.person(1)) })
        #expect(first.subjects.map(\.obligation) == ["obligations/\(World.obligation(5))"])
        #expect(!first.message.text.contains("xã Cẩm Duệ"))
        #expect(try state(database, campaign) == .completed)
        await database.close()
    }

    /// "Several dispatchers on one database share the work without doing any twice."
    @Test func severalDispatchersShareTheWorkAndDoNoneTwice() async throws {
        let database = try await World.populated()
        let members = 200
        for number in 1...members {
            let person = 1_000 + number
            try await World.tell(
                [
                    try World.member(person, of: World.hamletTeam, .member),
                    try World.contact(person, name: "Người \(number)", email: "nguoi\(person)@example.vn"),
                ], database)
        }
        var content = World.reminder
        content.audience = Audience(unit: World.hamlet, roles: [3])
        content.template = "notice"
        let campaign = try await World.launch(content, in: database)
        let sender = RecordingSender()
        // Each has channels, a pace and a memory of its own, as in processes of their own.
        let dispatchers = (1...4).map { _ in dispatcher(database, [sender]) }
        for _ in 0..<1_000 where try state(database, campaign) != .completed {
            try await withThrowingTaskGroup(of: Void.self) { group in
                for dispatcher in dispatchers {
                    group.addTask {
                        let pass = try await dispatcher.pass()
                        for message in pass.claimed { await dispatcher.send(message) }
                    }
                }
                try await group.waitForAll()
            }
        }
        #expect(try state(database, campaign) == .completed)
        // With the member that the world has.
        #expect(sender.sent.count == members + 1)
        #expect(Set(sender.sent.map(\.recipient)).count == members + 1, "nobody was told twice")
        #expect(Set(try states(database, campaign).values) == [.sent])
        await database.close()
    }

    @Test func transientFailuresAreTriedAgainLater() async throws {
        let database = try await World.populated()
        let busy = Mutex(true)
        let sender = RecordingSender { _ in
            busy.withLock { $0 }
                ? SendOutcome(kind: .transient, failure: .temporary, replyCode: 451, detail: "451 later") : .accepted
        }
        let dispatcher = dispatcher(database, [sender])
        let campaign = try await World.launch(in: database)
        try await settle(dispatcher)
        #expect(sender.sent.count == 4)
        #expect(try states(database, campaign).values.filter { $0 == .retry }.count == 4)
        #expect(try state(database, campaign) == .sending)
        busy.withLock { $0 = false }
        try await settle(dispatcher)
        #expect(sender.sent.count == 4)
        clock.advance(by: .seconds(30))
        try await settle(dispatcher)
        #expect(sender.sent.count == 8)
        #expect(Set(sender.sent.map(\.deliveryID)).count == 4)
        #expect(try state(database, campaign) == .completed)
        let delivery = try #require(sender.sent.first?.deliveryID.description)
        let attempts = try database.read { try DeliveryStore.attempts(delivery, $0) }
        #expect(attempts.map(\.outcome) == [.transient, .accepted])
        #expect(attempts.first?.replyCode == 451)
        await database.close()
    }

    @Test func aKilledProcessLosesNothingAndSendsNothingTwice() async throws {
        let place = try TestDatabase.fresh()
        var database = try await World.populated(place)
        let campaign = try await World.launch(in: database)
        let sender = RecordingSender()
        var killed = dispatcher(database, [sender])
        while try state(database, campaign) == .expanding { _ = try await killed.pass() }
        // Two are sent and recorded; the process dies with the others claimed: one was sent, one was not.
        let claimed = try await killed.pass().claimed
        #expect(claimed.count == 4)
        for message in claimed.prefix(2) { await killed.send(message) }
        await database.close()

        database = try await World.database(place)
        killed = dispatcher(database, [sender])
        try await settle(killed)
        #expect(sender.sent.count == 2, "the lease still holds")
        clock.advance(by: .seconds(120))
        try await settle(killed)
        #expect(sender.sent.count == 2, "never blindly resent")
        let counts = Dictionary(grouping: try states(database, campaign).values) { $0 }.mapValues(\.count)
        #expect(counts == [.sent: 2, .ambiguous: 2, .failed: 1])
        #expect(try state(database, campaign) == .completed)
        let lost = try database.read { try DeliveryStore.attempts(claimed[3].delivery.id, $0) }
        #expect(lost.map(\.failure) == [.interrupted])
        #expect(lost.first?.endedAt == nil)
        await database.close()
    }

    @Test func whatTheReceiverRecognisesIsSentAgainAfterAKill() async throws {
        let database = try await World.populated()
        try await database.write { transaction in
            try EndpointStore.insert(
                WebhookEndpoint(
                    id: "e", unit: World.province, url: "https://example.vn/", displayName: "", createdAt: World.now),
                transaction)
        }
        var content = World.reminder
        content.channels = [.webhook]
        let campaign = try await World.launch(content, in: database)
        let sender = RecordingSender(kind: .webhook)
        let first = dispatcher(database, [sender])
        while try state(database, campaign) == .expanding { _ = try await first.pass() }
        #expect(try await first.pass().claimed.count == 5, "the endpoint above reaches everybody")
        clock.advance(by: .seconds(3_600))
        let second = dispatcher(database, [sender])
        try await settle(second)
        clock.advance(by: .seconds(3_600))
        try await settle(second)
        #expect(sender.sent.count == 5)
        #expect(try states(database, campaign).values.allSatisfy { $0 == .sent })
        await database.close()
    }

    @Test func aLateWordFromASlowSenderResolvesTheDoubt() async throws {
        let database = try await World.populated()
        let sender = RecordingSender()
        let dispatcher = dispatcher(database, [sender])
        let campaign = try await World.launch(in: database)
        while try state(database, campaign) == .expanding { _ = try await dispatcher.pass() }
        let claimed = try await dispatcher.pass().claimed
        clock.advance(by: .seconds(120))
        try await settle(dispatcher)
        #expect(try states(database, campaign)[claimed[0].delivery.person] == .ambiguous)
        await dispatcher.send(claimed[0])
        #expect(try states(database, campaign)[claimed[0].delivery.person] == .sent)
        await database.close()
    }

    @Test func aTemplateThatCannotBeReadNowCostsNoMessage() async throws {
        let database = try await World.populated()
        let sender = RecordingSender()
        let dispatcher = dispatcher(database, [sender])
        let campaign = try await World.launch(in: database)
        while try state(database, campaign) == .expanding { _ = try await dispatcher.pass() }
        let claimed = try #require(try await dispatcher.pass().claimed.first)
        let courier = Courier(
            database: database, channels: Channels(senders: [sender]), clock: .system, threadsPerChannel: 1)
        await database.close()
        let outcome = await courier.attempt(claimed)
        #expect(outcome.kind == .transient)
        #expect(outcome.failure == .temporary)
        #expect(sender.sent.isEmpty)
    }

    @Test func aCancelledCampaignSendsNothingMore() async throws {
        let database = try await World.populated()
        let sender = RecordingSender()
        let dispatcher = dispatcher(database, [sender])
        let campaign = try await World.launch(in: database)
        while try state(database, campaign) == .expanding { _ = try await dispatcher.pass() }
        let now = clock.now
        try await database.write { transaction in
            guard let current = try CampaignStore.get(campaign, transaction) else { return }
            try CampaignStore.update(try CampaignRules.cancel(current, now).get(), active: true, transaction)
        }
        try await settle(dispatcher)
        #expect(sender.sent.isEmpty)
        let counts = Dictionary(grouping: try states(database, campaign).values) { $0 }.mapValues(\.count)
        #expect(counts == [.cancelled: 4, .failed: 1])
        #expect(try database.read { try CampaignStore.active($0) }.isEmpty)
        await database.close()
    }

    @Test func aProviderThatIsDownCostsOneTryEachNotMany() async throws {
        let database = try await World.populated()
        let sender = RecordingSender { _ in
            SendOutcome(kind: .transient, failure: .connection, detail: "refused", concernsProvider: true)
        }
        let dispatcher = dispatcher(database, [sender])
        _ = try await World.launch(in: database)
        try await settle(dispatcher)
        #expect(Set(sender.sent.map(\.recipient)).count == 4)
        #expect(sender.sent.count == 4)
        let pause = try #require(dispatcher.pause(of: Lane(channel: .email)))
        #expect(pause.reason == "refused")
        #expect(pause.until > clock.now)
        // Others wait too while the provider is left alone.
        _ = try await World.launch(in: database)
        try await settle(dispatcher)
        #expect(sender.sent.count == 4)
        clock.advance(by: .seconds(2))
        try await settle(dispatcher)
        #expect(sender.sent.count == 8)
        await database.close()
    }

    @Test func aScheduledCampaignWaitsForItsMomentAndAsksThen() async throws {
        let database = try await World.populated()
        let sender = RecordingSender()
        let dispatcher = dispatcher(database, [sender])
        let id = UUIDv7.next(at: clock.now).description
        let draft = Campaign(
            id: id, content: World.reminder, state: .draft, revision: 1, createdAt: clock.now, updatedAt: clock.now)
        let scheduled = try CampaignRules.launch(
            draft, at: clock.now.adding(seconds: 3_600), etag: "1", now: clock.now
        ).get()
        #expect(scheduled.state == .scheduled)
        try await database.write { transaction in
            try CampaignStore.insert(draft, transaction)
            try CampaignStore.update(scheduled, active: true, transaction)
        }
        #expect(try await dispatcher.pass().next == clock.now.adding(seconds: 3_600))
        // A report that comes in before the moment was never in the audience.
        try await World.tell([try World.obligation(4, of: World.hamletTeam, received: true)], database)
        clock.advance(by: .seconds(3_600))
        try await settle(dispatcher)
        #expect(try states(database, id)[World.person(4)] == nil)
        #expect(sender.sent.count == 3)
        await database.close()
    }

    @Test func nobodyIsLeftOutBecauseAFeedHasNotBeenReadYet() async throws {
        let database = try await World.populated()
        let sender = RecordingSender()
        let hasFacts = Atomic(false)
        let dispatcher = dispatcher(database, [sender]) { _ in hasFacts.load(ordering: .relaxed) }
        let campaign = try await World.launch(in: database)
        // It looks again after a second, then less and less often.
        var waits: [Int64] = []
        for _ in 0..<7 {
            let pass = try await dispatcher.pass()
            #expect(pass.claimed.isEmpty)
            waits.append(try #require(pass.next).seconds - clock.now.seconds)
        }
        #expect(waits == [1, 2, 4, 8, 16, 30, 30])
        #expect(try state(database, campaign) == .expanding)
        #expect(try states(database, campaign).isEmpty)
        hasFacts.store(true, ordering: .relaxed)
        try await settle(dispatcher)
        #expect(sender.sent.count == 4)
        await database.close()
    }

    @Test func theLoopSendsByItselfAndStopsCleanly() async throws {
        let database = try await World.populated()
        let sender = RecordingSender()
        let dispatcher = Dispatcher(
            database: database, channels: Channels(senders: [sender]), clock: .system,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        let running = Task { await dispatcher.run() }
        let campaign = try await World.launch(in: database, at: .system())
        try await database.write { $0.notify(CampaignSignal.work) }
        try await eventually { try state(database, campaign) == .completed }
        #expect(sender.sent.count == 4)
        running.cancel()
        await running.value
        await database.close()
    }
}
