import ChangeFeed
import Foundation
import RPC
import ServiceKit
import Shared
import Storage
import SwiftProtobuf
import TestSupport
import Testing

@testable import Notification

/// "Kill -9 of the dispatcher hundreds of times during a campaign of 20,000 messages": the service as a program of its
/// own, two of them where the engine allows several. `./dev crash-test --rounds 500` makes it that many.
@Suite(.onBothEngines, .serialized, .timeLimit(.minutes(2 * CrashBudget.minutes))) struct NotificationCrashTests {
    private let folder: ScratchFolder
    private let messages = max(400, 40 * CrashBudget.rounds)

    init() throws { folder = try ScratchFolder() }

    private struct Place {
        var database: DatabaseConfiguration
        var arguments: [String]
    }

    @Test(arguments: [true, false]) func killedProcessesOfACampaignLoseNothing(deduplicating: Bool) async throws {
        let place = try place()
        let zalo = try await StandIn(
            "zalo_peer.py",
            StandIn.zaloOptions(["deduplicate": deduplicating, "delay": 0.03, "daily_quota": 1_000_000, "quiet": true]))
        try writeAccounts(zalo, deduplicating: deduplicating)
        let campaign = try await prepare(place)

        // The first start gets the token, undisturbed: what Zalo has rotated and nobody has written down is lost to
        // all.
        let today = Instant.system().localDate
        let first = try start(place, today)
        try await eventually("the first message") { try zalo.count() > 0 }
        await first.stop(grace: .seconds(30))
        var generator = SeededGenerator(seed: 20_241_104)
        for round in 0..<CrashBudget.rounds {
            let before = try zalo.count()
            // Several on PostgreSQL; a SQLite file has one owner.
            var running = [try start(place, today)]
            if TestEngine.current == .postgres { running.append(try start(place, today)) }
            if before < messages - 50 {
                try await eventually("round \(round): a message") { try zalo.count() > before }
            }
            try await Task.sleep(for: .milliseconds(Int.random(in: 0..<150, using: &generator)))
            for process in running { await process.stop(by: SIGKILL) }
        }

        // A day later no lease holds any more; on the days after, no wait for another try.
        var database = try await finish(campaign, place, from: today.next)
        var states = try await states(campaign, database)
        var taken = Dictionary(grouping: try zalo.report().messages) { $0.key ?? "" }.mapValues(\.count)
        #expect(states.count == messages, "no message is lost")
        #expect(Set(taken.keys).isSubset(of: states.keys), "none is made up")
        #expect(taken.values.allSatisfy { $0 == 1 }, "none is counted twice")
        guard !deduplicating else {
            #expect(states.values.allSatisfy { $0 == .sent })
            #expect(taken.count == messages, "each got exactly one")
            return await database.close()
        }
        #expect(Set(states.values).isSubset(of: [.sent, .ambiguous]))
        for (id, state) in states where state == .sent { #expect(taken[id] == 1, "what is called sent was taken") }
        let doubtful = Set(states.filter { $0.value == .ambiguous }.keys)

        // A person approves: from here on, and only of these, some may have come twice.
        let now = Instant.system()
        try await database.write { transaction in
            guard let current = try CampaignStore.get(campaign, transaction) else { return }
            let stuck = try DeliveryStore.stuck(
                campaign: campaign, states: [.ambiguous], after: nil, limit: 100_000, transaction)
            for delivery in stuck {
                _ = try Decisions(channels: Channels(senders: [RecordingSender(kind: .zaloPhone)]), now: now).apply(
                    .resend, to: delivery, of: current, transaction)
            }
            try Decisions.wake(current, now: now, transaction)
        }
        await database.close()
        database = try await finish(campaign, place, from: today.next)
        states = try await self.states(campaign, database)
        taken = Dictionary(grouping: try zalo.report().messages) { $0.key ?? "" }.mapValues(\.count)
        #expect(states.values.allSatisfy { $0 == .sent })
        #expect(taken.count == messages, "none is lost")
        let twice = Set(taken.filter { $0.value > 1 }.keys)
        #expect(twice.isSubset(of: doubtful), "twice only what a person approved")
        #expect(taken.values.allSatisfy { $0 <= 2 })
        await database.close()
    }

    // MARK: The world

    private func place() throws -> Place {
        let elsewhere = try TestDatabase.serviceArguments()
        return Place(
            database: elsewhere.last.map { .postgres($0) } ?? .sqlite(path: folder.path("data/notification.db")),
            arguments: elsewhere)
    }

    private func writeAccounts(_ zalo: StandIn, deduplicating: Bool) throws {
        for (name, text) in [("secret", "app-secret"), ("token", "first-refresh")] {
            try text.write(toFile: folder.path(name), atomically: true, encoding: .utf8)
        }
        let account: [String: Any] = [
            "app_id": "1234567890", "app_secret_file": "secret", "refresh_token_file": "token",
            "daily_quota": 1_000_000,
            "rate_per_second": 1_000, "quiet_hours": "none", "deduplicates": deduplicating, "business_url": zalo.url,
            "openapi_url": zalo.url, "oauth_url": zalo.url, "channels": ["zalo_phone"],
        ]
        try JSONSerialization.data(withJSONObject: ["accounts": [account]]).write(
            to: URL(fileURLWithPath: folder.path("accounts.json")))
    }

    /// One team with many members, and a campaign to all of them, launched.
    private func prepare(_ place: Place) async throws -> String {
        try FileManager.default.createDirectory(atPath: folder.path("data"), withIntermediateDirectories: true)
        let database = try await Database.open(place.database, migrations: NotificationDefinition.allMigrations)
        try await World.tell(try World.events().filter { !$0.aggregate.contains("/memberships/") }, database)
        let messages = messages
        try await database.write { transaction in
            for number in 0..<messages {
                let person = World.numbered(number)
                try transaction.execute(
                    """
                    INSERT INTO known_membership (id, team, person, role, occupation, first_day, end_day)
                    VALUES (?, ?, ?, 3, 1, '2024-01-01', '9999-12-31')
                    """, [.text(World.numbered(1_000_000 + number)), .text(World.hamletTeam), .text(person)])
                let phone = "09" + String(1_000_000 + number).dropFirst() + "10"
                try transaction.execute(
                    "INSERT INTO known_contact (person, full_name, email, phones, zalo_user_ids) VALUES (?, 'A', '', ?, '')",
                    [.text(person), .text(phone)])
            }
            try TemplateStore.insert(World.notice, now: Instant(seconds: 0), transaction)
            for (id, topic) in FactsCopy.Topic.allCases.enumerated() {
                try transaction.execute(
                    "INSERT INTO feed_consumers (id, name, topic, cursor, is_restarting) VALUES (?, ?, ?, '', 0)",
                    [.integer(Int64(id)), .text(topic.rawValue), .text(topic.rawValue)])
            }
        }
        var content = World.reminder
        content.audience = Audience(unit: World.hamlet, roles: [3])
        content.template = "notice"
        content.channels = [.zaloPhone]
        let campaign = try await World.launch(content, in: database, at: .system())
        await database.close()
        return campaign
    }

    private func start(_ place: Place, _ day: LocalDate, port: Int = 0) throws -> BackgroundProcess {
        try BackgroundProcess(
            [
                PackageFolder.products + "/notification", "--data", folder.path("data"), "--listen",
                "127.0.0.1:\(port)",
                "--admin-listen", "127.0.0.1:0", "--today", day.description, "--peer", "registry=127.0.0.1:1", "--peer",
                "activity=127.0.0.1:1", "--peer", "funding=127.0.0.1:1", "--zalo-accounts",
                folder.path("accounts.json"), "--log-level", "warning",
            ] + place.arguments)
    }

    /// Lets the service run, day after day, until the campaign is completed; the database then.
    private func finish(_ campaign: String, _ place: Place, from day: LocalDate) async throws -> Database {
        var day = day
        var printed = ""
        for _ in 1...10 {
            let port = try FreePort.find()
            let process = try start(place, day, port: port)
            let connection = try RPCClient(targets: [.init(host: "127.0.0.1", port: port)])
            let client = Cdt_Notification_V1_NotificationService.Client(connection)
            // A while of quiet: the rest waits for another day.
            let end = ContinuousClock.now + .seconds(20)
            var isDone = false
            while !isDone, ContinuousClock.now < end {
                try await Task.sleep(for: .milliseconds(200))
                // Not up yet, or busy: it is asked again.
                let answer = try? await client.getCampaign(.with { $0.name = "campaigns/\(campaign)" })
                isDone = answer?.progress.state == .completed
            }
            await connection.close()
            await process.stop(grace: .seconds(30))
            printed = process.printed
            if isDone {
                return try await Database.open(place.database, migrations: NotificationDefinition.allMigrations)
            }
            day = day.next
        }
        throw PythonPeer.Failure(message: "the campaign is not completed: \(printed.suffix(2_000))")
    }

    private func states(_ campaign: String, _ database: Database) async throws -> [String: DeliveryState] {
        try await database.readPooled { transaction in
            let all = try DeliveryStore.page(campaign: campaign, after: "", states: [], limit: 1_000_000, transaction)
            return Dictionary(uniqueKeysWithValues: all.map { ($0.id, $0.state) })
        }
    }
}
