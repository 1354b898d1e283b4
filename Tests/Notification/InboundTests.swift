import ChangeFeed
import Foundation
import Logging
import ServiceKit
import Storage
import TestSupport
import Testing

@testable import Notification

/// Receipts and replies that providers call back with.
@Suite(.onBothEngines, .ownThread, .timeLimit(.minutes(10))) struct InboundTests {
    private let clock = SettableClock(World.now)
    private let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    private func account() -> ZaloAccount {
        var account = ZaloAccount(name: "", appID: "1234567890", appSecret: "app-secret", seed: "first-refresh")
        (account.oaSecret, account.oaID) = ("oa-secret", "555")
        return account
    }

    /// A delivery in a state, as a campaign leaves it.
    private func delivery(
        _ state: DeliveryState, channels: [ChannelKind] = [.zaloPhone], providerID: String = "", asking: Bool = false,
        _ database: Database
    ) async throws -> Delivery {
        var content = World.reminder
        content.channels = channels
        content.asksAcknowledgement = asking
        let now = clock.now
        let campaign = Campaign(
            id: UUIDv7.next(at: now).description, content: content, state: .completed, revision: 1, createdAt: now,
            updatedAt: now)
        var delivery = Delivery(
            campaign: campaign.id, id: Delivery.id(campaign: campaign.id, person: World.person(1)),
            person: World.person(1), channel: channels[0], state: .queued, nextAt: nil, createdAt: now, updatedAt: now)
        delivery.providerID = providerID
        let stored = delivery
        try await database.write { transaction in
            try CampaignStore.insert(campaign, transaction)
            try CampaignStore.update(campaign, active: false, transaction)
            try DeliveryStore.insert(
                stored, about: [.init(team: World.communeTeam, matter: World.obligation(1))], transaction)
            try DeliveryStore.update(stored, to: .init(state: state), now: now, transaction)
        }
        return delivery
    }

    private func state(_ delivery: Delivery, _ database: Database) throws -> DeliveryState? {
        try database.read { try DeliveryStore.get(campaign: delivery.campaign, id: delivery.id, $0)?.state }
    }

    private func inbox(_ database: Database, _ senders: [any MessageSender] = []) -> Inbox {
        Inbox(database: database, channels: Channels(senders: senders), clock: clock.clock)
    }

    private func event(_ id: String, _ kind: InboundEvent.Kind, channel: ChannelKind = .zaloText) -> InboundEvent {
        InboundEvent(source: "zalo/", id: id, channel: channel, account: "", kind: kind)
    }

    // MARK: Signatures

    private func signed(_ body: String, timestamp: String = "1730682000000", by id: String = "1234567890")
        -> CallbackRequest
    {
        let mac = SHA256Text.hex(id + body + timestamp + "oa-secret")
        return CallbackRequest(
            path: "/callbacks/zalo", headers: ["x-zevent-signature": "mac=\(mac)"], body: Array(body.utf8))
    }

    @Test func theSignatureIsOverTheRawBytes() throws {
        let callbacks = Callbacks(zalo: [account()], sms: nil)
        let body = """
            {"app_id":"1234567890","event_name":"user_received_message","timestamp":"1730682000000",\
            "message":{"msg_id":"m1","tracking_id":"t1"},"recipient":{"id":"7"}}
            """
        let wanted = InboundEvent(
            source: "zalo/", id: "user_received_message/m1", channel: .zaloText, account: "",
            kind: .receipt(.delivered, delivery: "t1", providerID: "m1"))
        #expect(callbacks.read(signed(body)) == .accepted(wanted))
        #expect(callbacks.read(signed(body, by: "555")) == .accepted(wanted), "some sign with the account's id")
        #expect(callbacks.read(signed(body, by: "777")) == .refused)
        // The same JSON with one more blank is not what was signed.
        var changed = signed(body)
        changed.body = Array(body.replacing(",", with: ", ").utf8)
        #expect(callbacks.read(changed) == .refused)
        var none = signed(body)
        none.headers = [:]
        #expect(callbacks.read(none) == .refused)
        var elsewhere = signed(body)
        elsewhere.path = "/callbacks/zalo/other"
        #expect(callbacks.read(elsewhere) == .unknown)
        #expect(callbacks.read(signed("no json")) == .refused)
        var without = account()
        without.oaSecret = ""
        #expect(Callbacks(zalo: [without], sms: nil).read(signed(body)) == .refused)
    }

    // MARK: Receipts

    @Test(
        arguments: [
            (DeliveryState.sent, DeliveryMachine.Receipt.delivered, DeliveryState.delivered),
            (.ambiguous, .delivered, .delivered), (.claimed, .delivered, .delivered), (.sent, .read, .read),
            (.delivered, .read, .read), (.read, .delivered, .read), (.cancelled, .delivered, .cancelled),
            (.failed, .delivered, .failed),
        ])
    func aReceiptIsTakenInByOurIdAndResolvesADoubt(
        before: DeliveryState, receipt: DeliveryMachine.Receipt, after: DeliveryState
    ) async throws {
        let database = try await World.populated()
        let delivery = try await delivery(before, database)
        try await inbox(database).take(event("1", .receipt(receipt, delivery: delivery.id, providerID: "m1")))
        #expect(try state(delivery, database) == after)
        await database.close()
    }

    @Test func aReceiptWithoutOurIdIsFoundByTheProviders() async throws {
        let database = try await World.populated()
        let delivery = try await delivery(.sent, providerID: "m77", database)
        try await inbox(database).take(event("1", .receipt(.delivered, delivery: "", providerID: "m77")))
        #expect(try state(delivery, database) == .delivered)
        try await inbox(database).take(event("2", .receipt(.delivered, delivery: "", providerID: "unknown")))
        await database.close()
    }

    @Test func aMessageThatDidNotArriveGoesOnByTheNextChannel() async throws {
        let database = try await World.populated()
        let email = RecordingSender()
        let delivery = try await delivery(.sent, channels: [.sms, .email], database)
        let failed = DeliveryMachine.Receipt.failed(.recipientRefused, detail: "not delivered")
        try await inbox(database, [RecordingSender(kind: .sms), email]).take(
            event("1", .receipt(failed, delivery: delivery.id, providerID: ""), channel: .sms))
        #expect(try state(delivery, database) == .fallback)
        let dispatcher = Dispatcher(
            database: database, channels: Channels(senders: [email]), clock: clock.clock, logger: logger)
        for _ in 0..<5 { for message in try await dispatcher.pass().claimed { await dispatcher.send(message) } }
        #expect(try state(delivery, database) == .sent)
        #expect(email.sent.count == 1)
        await database.close()
    }

    @Test func aFailureIsBelievedBeforeTheAnswerAndOnlyOfTheChannelItIsOf() async throws {
        let database = try await World.populated()
        let failed = DeliveryMachine.Receipt.failed(.recipientRefused, detail: "not delivered")
        let claimed = try await delivery(.claimed, channels: [.sms, .email], database)
        let box = inbox(database, [RecordingSender(kind: .sms), RecordingSender()])
        try await box.take(event("1", .receipt(failed, delivery: claimed.id, providerID: "m1"), channel: .sms))
        #expect(try state(claimed, database) == .fallback)
        // Of the message that is sent by mail now, the gateway's word says nothing.
        let mailed = try await delivery(.sent, channels: [.email], database)
        try await box.take(event("2", .receipt(failed, delivery: mailed.id, providerID: "m2"), channel: .sms))
        #expect(try state(mailed, database) == .sent)
        // The answer that was on its way changes nothing but what it has cost.
        try await database.write { transaction in
            try Claims(channels: Channels(senders: []), machine: DeliveryMachine()).record(
                SendOutcome(kind: .accepted, providerID: "m1", cost: 800), campaign: claimed.campaign,
                delivery: claimed.id,
                attempt: 0, lane: Lane(channel: .sms), now: clock.now, random: 0, transaction)
        }
        let after = try database.read {
            try DeliveryStore.get(campaign: claimed.campaign, id: claimed.id, $0)
        }
        #expect(after?.state == .fallback && after?.channel == .email && after?.cost == 800)
        #expect(after?.nextAt != nil)
        await database.close()
    }

    @Test func aReplyBecomesOneTicketHoweverOftenItIsTold() async throws {
        let database = try await World.populated()
        try await World.tell(
            [try World.contact(1, name: "Nguyễn Thị Số 1", email: "", zalo: ["88001", "88002"])], database)
        let delivery = try await delivery(.sent, database)
        for _ in 1...3 {
            try await inbox(database).take(event("1", .reply(user: "88001", text: "Mất mạng, chưa nộp được")))
        }
        try await inbox(database).take(event("2", .reply(user: "99999", text: "Ai đó")))
        let tickets = try database.read { try TicketStore.page(state: .open, after: "", limit: 10, $0) }
        #expect(tickets.count == 2)
        let ticket = try #require(tickets.first)
        #expect(ticket.person == World.person(1))
        #expect(ticket.delivery == "campaigns/\(delivery.campaign)/deliveries/\(delivery.id)")
        #expect(ticket.team == World.communeTeam)
        #expect(ticket.text == "Mất mạng, chưa nộp được")
        #expect(tickets.last?.person == "")
        let writers = try database.read { try TextWindow.open(at: World.now, $0) }
        #expect(writers == [.init(person: World.person(1), account: "")], "who is known may be sent a text")
        // Erasure of the person reaches what they wrote.
        try await World.tell([try World.contact(1, name: "A", email: "").asTombstone], database)
        let erased = try database.read { try TicketStore.get(ticket.id, $0) }
        #expect(erased?.text == "")
        #expect(erased?.person == "")
        await database.close()
    }

    @Test func anEventIsRememberedForTwoWeeksAndWhoWroteForOne() async throws {
        let database = try await World.populated()
        try await World.tell([try World.contact(1, name: "A", email: "", zalo: ["88001"])], database)
        let box = inbox(database)
        try await box.take(event("1", .reply(user: "88001", text: "Mất mạng")))
        func left() throws -> [Int] {
            try database.read { transaction in
                [
                    try transaction.count("SELECT count(*) FROM inbound_event"),
                    try transaction.count("SELECT count(*) FROM zalo_writer"),
                ]
            }
        }
        for (days, rows) in [(6, [1, 1]), (7, [1, 0]), (14, [1, 0]), (15, [0, 0])] {
            clock.now = World.now.adding(seconds: Int64(days) * 86_400)
            try await box.forgetOldEvents()
            #expect(try left() == rows, "after \(days) days")
        }
        await database.close()
    }

    @Test(
        arguments: [
            ("OK", true), ("ok.", true), ("Đã nhận", true), ("đã đọc ạ", true), ("Dạ, đã rõ ạ!", true),
            ("vâng ok ạ", true),
            ("Da nhan", true), ("ok nhưng máy hỏng", false), ("Đã nhận được tiền chưa?", false), ("", false),
            ("ạ", false),
            ("dạ", false),
        ])
    func someWordsAcknowledge(text: String, isOne: Bool) {
        #expect(Acknowledgements.isAcknowledgement(text) == isOne)
    }

    @Test func aReplyAcknowledgesTheNewestMessageThatAsksForItAndElseIsATicket() async throws {
        let database = try await World.populated()
        try await World.tell(
            [try World.contact(1, name: "Nguyễn Thị Số 1", email: "", phones: ["0241234567", "0987000111"])], database)
        let unasked = try await delivery(.sent, database)
        let asking = try await delivery(.ambiguous, asking: true, database)
        let box = inbox(database)
        func reply(_ id: String, _ text: String, from phone: String = "+84 987 000 111") async throws {
            try await box.take(event(id, .reply(user: phone, text: text), channel: .sms))
        }
        func tickets() throws -> [Ticket] {
            try database.read { try TicketStore.page(state: .open, after: "", limit: 10, $0) }
        }
        try await reply("1", "Đã nhận ạ")
        #expect(try tickets().isEmpty)
        let known = try database.read { try DeliveryStore.get(campaign: asking.campaign, id: asking.id, $0) }
        #expect(known?.acknowledgedAt == clock.now)
        #expect(known?.state == .read, "who acknowledges has got it")
        #expect(try state(unasked, database) == .sent)
        // Nothing is left to acknowledge: somebody has to look at it. So it is with a number that two persons have.
        try await reply("2", "ok")
        try await World.tell([try World.contact(2, name: "B", email: "", phones: ["0987000111"])], database)
        try await World.tell([try World.contact(3, name: "C", email: "", phones: ["0987000111"])], database)
        try await reply("3", "Tôi hỏi chút")
        #expect(try tickets().map(\.person) == [World.person(1), ""])
        await database.close()
    }

    // MARK: Over the wire

    @Test func delayedSignedReceiptsOfTheStandInsArrive() async throws {
        let database = try await World.populated()
        let settings = { (gateway: StandIn) in
            var settings = try gateway.smsProfile { profile in
                profile.callback = try? JSONDecoder().decode(
                    SMSProfile.Callback.self,
                    from: Data(
                        """
                        {"secret": "callback", "header": "X-Signature", "id": "RequestId", "message_id": "SMSID",
                         "status": "SendStatus", "statuses": {"5": "delivered", "7": "failed"}}
                        """.utf8))
            }
            settings.secrets["callback"] = "callback-secret"
            return settings
        }
        // The port is known before the stand-ins are.
        let port = try FreePort.find()
        let url = "http://127.0.0.1:\(port)/callbacks/"
        let zalo = try await StandIn(
            "zalo_peer.py", StandIn.zaloOptions(["callback_url": url + "zalo", "callback_delay": 0.3]))
        let gateway = try await StandIn(
            "sms_peer.py",
            StandIn.smsOptions(["callback_url": url + "sms", "callback_secret": "callback-secret", "silence": 90]))
        let sms = try settings(gateway)
        let tokens = ZaloTokens(zalo.zaloAccount(), database: database, clock: clock.clock, logger: logger)
        try await tokens.prepare()
        let channels = Channels(senders: [ZaloSender(.zaloPhone, tokens, try ZaloErrors.shipped()), SMSSender(sms)])
        let server = CallbackServer(
            Callbacks(zalo: [zalo.zaloAccount()], sms: sms),
            inbox: Inbox(database: database, channels: channels, clock: clock.clock), tls: nil, logger: logger)
        try await server.start(Endpoint(host: "127.0.0.1", port: port))
        // 2: Zalo takes it and falls silent: AMBIGUOUS, until the receipt says that it arrived. 4: neither Zalo nor the
        // gateway knows the number. The others are taken and arrive.
        for (person, ending) in [(1, "10"), (2, "92"), (4, "91"), (5, "10"), (6, "10"), (3, "10")] {
            try await World.tell(
                [
                    try World.contact(
                        person, name: "Số \(person)", email: "", phones: ["09\(person)34\(person)67\(ending)"])
                ], database)
        }
        var content = World.reminder
        content.audience = Audience(unit: World.province)
        content.template = "notice"
        content.channels = [.zaloPhone, .sms]
        let campaign = try await World.launch(content, in: database)
        let dispatcher = Dispatcher(database: database, channels: channels, clock: clock.clock, logger: logger)
        for _ in 0..<50 {
            let pass = try await dispatcher.pass()
            await withTaskGroup(of: Void.self) { group in
                for message in pass.claimed { group.addTask { await dispatcher.send(message) } }
            }
            guard let next = pass.next else { break }
            // On a busy machine a connection may not come about in time: such a message is tried again when it is due.
            if next > clock.now { clock.advance(by: .microseconds(next.microseconds - clock.now.microseconds)) }
        }
        let expected: [Int: DeliveryState] = [
            1: .delivered, 2: .delivered, 3: .delivered, 4: .failed, 5: .delivered, 6: .delivered,
        ]
        let wanted = Dictionary(uniqueKeysWithValues: expected.map { (World.person($0), $1) })
        var states: [String: DeliveryState] = [:]
        try await eventually("all receipts are in", within: .seconds(120)) {
            let found = try database.read { transaction in
                try DeliveryStore.page(campaign: campaign, after: "", states: [], limit: 100, transaction)
            }
            states = Dictionary(uniqueKeysWithValues: found.map { ($0.person, $0.state) })
            return states == wanted
        }
        #expect(states == wanted)
        await server.stop()
        await database.close()
    }

    @Test func whatIsNoSignedPostIsRefused() async throws {
        let database = try await World.populated()
        let server = CallbackServer(
            Callbacks(zalo: [account()], sms: nil),
            inbox: inbox(database), tls: nil, logger: logger)
        let port = try await server.start(Endpoint(host: "127.0.0.1", port: 0))
        func status(_ path: String, _ method: String = "POST", body: Int = 10) throws -> Int {
            let transfer = try #require(CurlTransfer())
            transfer.reset()
            return HTTPCall(
                url: "http://127.0.0.1:\(port)\(path)", method: method, headers: [],
                body: [UInt8](repeating: 0x20, count: body), timeout: .seconds(20)
            ).perform(transfer).code
        }
        #expect(try status("/callbacks/zalo") == 403)
        #expect(try status("/callbacks/zalo", "GET") == 405)
        #expect(try status("/callbacks/sms") == 404)
        #expect(try status("/metrics") == 404)
        #expect(try status("/callbacks/zalo", body: 70_000) == 413)
        await server.stop()
        await database.close()
    }
}
