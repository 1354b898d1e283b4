import Foundation
import Logging
import ServiceKit
import Storage
import TestSupport
import Testing

@testable import Notification

/// The Zalo connector against a stand-in whose tokens rotate.
@Suite(.onBothEngines, .ownThread, .timeLimit(.minutes(10))) struct ZaloChannelTests {
    private let clock = SettableClock(World.now)
    private let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    private func tokens(_ zalo: StandIn, _ database: Database, _ change: (inout ZaloAccount) -> Void = { _ in })
        async throws -> ZaloTokens
    {
        let tokens = ZaloTokens(zalo.zaloAccount(change), database: database, clock: clock.clock, logger: logger)
        try await tokens.prepare()
        return tokens
    }

    private func message(_ address: OutgoingMessage.Address, _ key: String = "1") -> OutgoingMessage {
        var rendered = RenderedMessage(
            subject: "", text: "Nhắc nộp báo cáo", providerTemplate: "4321",
            values: [.init(name: "ten", text: "Trần Thị Bình")])
        if case .zaloGroup = address { rendered.text = "Mời họp" }
        return OutgoingMessage(
            campaign: "campaigns/1", deliveryID: UUIDv8.named(key, in: "test"), recipient: "people/1",
            recipientName: "Trần Thị Bình", address: address, language: .vietnamese, message: rendered, subjects: [],
            createdAt: World.now, now: World.now)
    }

    private func phone(_ text: String = "0912345678") throws -> OutgoingMessage.Address {
        .phone(try #require(PhoneNumber(text)))
    }

    /// As the courier does it.
    private func send(_ sender: ZaloSender, _ message: OutgoingMessage) async -> SendOutcome {
        if let outcome = await sender.ready() { return outcome }
        let outcome = sender.send(message)
        guard outcome.refusesCredentials, await sender.renew() else { return outcome }
        return sender.send(message)
    }

    @Test func everyWayToSendIsTaken() async throws {
        let zalo = try await StandIn("zalo_peer.py", StandIn.zaloOptions(["daily_quota": 4_000]))
        let database = try await World.database()
        let tokens = try await tokens(zalo, database)
        let errors = try ZaloErrors.shipped()
        let ways: [(ChannelKind, OutgoingMessage.Address, Int64)] = [
            (.zaloPhone, try phone(), 300), (.zaloUser, .zaloUser("5551234"), 200),
            (.zaloText, .zaloUser("5551234"), 0),
            (.zaloGroup, .zaloGroup("g777"), 0),
        ]
        for (kind, address, cost) in ways {
            let outcome = await send(ZaloSender(kind, tokens, errors), message(address))
            #expect(outcome.kind == .accepted, "\(kind): \(outcome.detail)")
            #expect(!outcome.providerID.isEmpty)
            #expect(outcome.cost == cost)
            #expect((outcome.quota != nil) == (kind == .zaloPhone || kind == .zaloUser))
            if let quota = outcome.quota { #expect(quota.perDay == 4_000) }
        }
        let report = try zalo.report()
        #expect(report.messages.map(\.channel) == ["phone", "user", "text", "group"])
        #expect(report.messages.map(\.to) == ["84912345678", "5551234", "5551234", "g777"])
        #expect(report.messages.first?.key == UUIDv8.named("1", in: "test").description)
        #expect(report.refreshes == 1)
        await database.close()
    }

    @Test(
        arguments: [
            ("0912345691", SendOutcome.Kind.permanent, FailureClass.recipientRefused, -118),
            ("0912345692", .ambiguous, .unconfirmed, 0), ("0912345693", .ambiguous, .unconfirmed, 500),
            ("0912345694", .transient, .temporary, -100), ("0912345695", .ambiguous, .unconfirmed, -98_765),
            ("0912345696", .permanent, .contentRefused, -1_121),
        ])
    func answersAreToldApart(number: String, kind: SendOutcome.Kind, failure: FailureClass, code: Int) async throws {
        let zalo = try await StandIn("zalo_peer.py", StandIn.zaloOptions())
        let database = try await World.database()
        let sender = ZaloSender(.zaloPhone, try await tokens(zalo, database), try ZaloErrors.shipped())
        let outcome = await send(sender, message(try phone(number)))
        #expect(outcome.kind == kind)
        #expect(outcome.failure == failure)
        #expect(outcome.replyCode == code)
        #expect(!outcome.detail.contains(number.dropFirst()), "\(outcome.detail)")
        await database.close()
    }

    @Test func quotaAndNightHoldTheLane() async throws {
        let database = try await World.database()
        let errors = try ZaloErrors.shipped()
        let full = try await StandIn("zalo_peer.py", StandIn.zaloOptions(["daily_quota": 1]))
        let sender = ZaloSender(.zaloPhone, try await tokens(full, database), errors)
        #expect(await send(sender, message(try phone())).kind == .accepted)
        let refused = await send(sender, message(try phone()))
        #expect(refused.failure == .quota)
        #expect(refused.heldUntil == Instant(World.now.localDate.next))
        await database.close()

        let other = try await World.database()
        clock.now = Instant(World.now.localDate, hour: 23)
        let night = try await StandIn("zalo_peer.py", StandIn.zaloOptions(["time": "23:00"]))
        let sleeping = ZaloSender(.zaloPhone, try await tokens(night, other), errors)
        var late = message(try phone())
        late.now = clock.now
        let held = await send(sleeping, late)
        #expect(held.failure == .quietHours)
        #expect(held.heldUntil == Instant(World.now.localDate.next, hour: 6, minute: 5))
        await other.close()
    }

    // MARK: Tokens

    @Test func aTokenIsRefreshedAfterTwentyHoursAndKept() async throws {
        let zalo = try await StandIn("zalo_peer.py", StandIn.zaloOptions())
        let place = try TestDatabase.fresh()
        var database = try await World.database(place)
        var tokens = try await tokens(zalo, database)
        #expect(await tokens.ready() == nil)
        #expect(tokens.current == "access-1")
        clock.advance(by: .seconds(19 * 3_600))
        #expect(await tokens.ready() == nil)
        #expect(tokens.current == "access-1")
        clock.advance(by: .seconds(2 * 3_600))
        #expect(await tokens.ready() == nil)
        #expect(tokens.current == "access-2")
        await database.close()
        // The service starts again: what is in the database goes on, the operator's first token is long used up.
        database = try await World.database(place)
        tokens = try await self.tokens(zalo, database)
        #expect(await tokens.ready() == nil)
        #expect(tokens.current == "access-2")
        #expect(try zalo.report().refreshes == 2)
        // Neither token nor refresh token can be read from a copy of the database.
        let stored = try database.read { transaction in
            try transaction.queryOne("SELECT access_token, refresh_token FROM zalo_token") {
                [try $0.blob(0), try $0.blob(1)]
            }
        }
        for bytes in try #require(stored) {
            #expect(!String(decoding: bytes, as: UTF8.self).contains("access-"))
            #expect(!String(decoding: bytes, as: UTF8.self).contains("refresh-"))
        }
        await database.close()
    }

    @Test func severalSendersRefreshOnce() async throws {
        let zalo = try await StandIn("zalo_peer.py", StandIn.zaloOptions(["refresh_delay": 0.5]))
        let database = try await World.database()
        var all: [ZaloTokens] = []
        for _ in 1...4 { all.append(try await tokens(zalo, database)) }
        // Each of them, and several threads of each, at once.
        let outcomes = await withTaskGroup(of: Bool.self) { group in
            for tokens in all {
                for _ in 1...4 { group.addTask { await tokens.ready() == nil } }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
        #expect(outcomes == Array(repeating: true, count: 16))
        #expect(all.allSatisfy { $0.current == "access-1" })
        #expect(try zalo.report().refreshes == 1)
        await database.close()
    }

    @Test func aTokenThatIsRotatedElsewhereIsReplacedOnTheWay() async throws {
        let zalo = try await StandIn("zalo_peer.py", StandIn.zaloOptions(["rotate_after": 2]))
        let database = try await World.database()
        let sender = ZaloSender(.zaloPhone, try await tokens(zalo, database), try ZaloErrors.shipped())
        let other = ZaloSender(.zaloUser, try await tokens(zalo, database), try ZaloErrors.shipped())
        for number in 1...4 { #expect(await send(sender, message(try phone(), "\(number)")).kind == .accepted) }
        // The other sender finds the new token in the database.
        #expect(await send(other, message(.zaloUser("5551234"))).kind == .accepted)
        let report = try zalo.report()
        #expect(report.messages.count == 5)
        #expect(report.refreshes == 2)
        await database.close()
    }

    @Test func aRefusedRefreshTokenCallsForAPersonUntilThereIsANewOne() async throws {
        let zalo = try await StandIn("zalo_peer.py", StandIn.zaloOptions(["refuse_refresh": true]))
        let place = try TestDatabase.fresh()
        let database = try await World.database(place)
        let sender = ZaloSender(.zaloPhone, try await tokens(zalo, database), try ZaloErrors.shipped())
        let outcome = await send(sender, message(try phone()))
        #expect(outcome.kind == .transient)
        #expect(outcome.failure == .configuration)
        #expect(outcome.concernsProvider)
        let attention = try #require(sender.attention)
        #expect(attention.reason.contains("consent"))
        #expect(!attention.reason.contains("first-refresh"))
        // Nobody hammers at the door.
        let calls = try zalo.report().calls
        for _ in 1...5 { _ = await send(sender, message(try phone())) }
        #expect(try zalo.report().calls == calls)

        let again = try await StandIn("zalo_peer.py", StandIn.zaloOptions(["refresh_token": "second-refresh"]))
        let renewed = ZaloSender(
            .zaloPhone, try await tokens(again, database) { $0.seed = "second-refresh" }, try ZaloErrors.shipped())
        #expect(await send(renewed, message(try phone())).kind == .accepted)
        #expect(renewed.attention == nil)
        await database.close()
    }

    @Test func theExampleOfAccountsIsReadAndABadOneIsExplained() throws {
        let folder = try ScratchFolder()
        let option = NotificationOptions.zaloAccounts
        for name in ["zalo-app-secret", "zalo-oa-secret", "zalo-refresh-token"] {
            try "value of \(name)\n".write(toFile: folder.path(name), atomically: true, encoding: .utf8)
        }
        func read(_ text: String) throws -> [ZaloAccount] {
            try text.write(toFile: folder.path("accounts.json"), atomically: true, encoding: .utf8)
            return try ZaloAccountsFile.read(folder.path("accounts.json"), of: option)
        }
        let example = try ExampleFiles.text("zalo-accounts.json")
        let account = try #require(try read(example).first)
        #expect(account.name == "trung-uong")
        #expect(account.seed == "value of zalo-refresh-token")
        #expect(account.kinds == ZaloAccount.kinds)
        #expect(account.prices["*"]?.phone == 300)
        for (from, to, names) in [
            ("\"app_id\"", "\"application\"", "app_id is missing"), ("zalo-app-secret", "nowhere", "app_secret_file"),
            ("\"22:00-06:05\"", "\"22-6\"", "quiet_hours"), ("trung-uong", "Trung ương", "name"),
            ("5000", "0", "daily_quota"), ("15", "\"x\"", "rate_per_second"),
        ] {
            let error = #expect(throws: ConfigurationError.self) { try read(example.replacing(from, with: to)) }
            #expect(error?.description.contains(names) == true, "\(names): \(error?.description ?? "")")
        }
    }
}
