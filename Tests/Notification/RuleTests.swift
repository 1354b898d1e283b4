import ChangeFeed
import Logging
import ServiceKit
import Shared
import Storage
import SwiftProtobuf
import TestSupport
import Testing

@testable import Notification

@Suite struct RuleClockTests {
    private func rule(_ kind: RuleKind, days: Int = 3, lookedAt: Instant) -> Rule {
        Rule(
            id: "r", kind: kind, unit: "u", isEnabled: true, days: days, sendAt: 8 * 60, template: "t", parameters: [:],
            language: .vietnamese, channels: [.email], topic: "", isStatutory: false, lookedAt: lookedAt,
            createdAt: lookedAt)
    }

    private func moment(_ day: String, _ hour: Int, _ minute: Int = 0) throws -> Instant {
        Instant(try #require(LocalDate(day)), hour: hour, minute: minute)
    }

    @Test func aRuleIsDueOnceADayAtItsTime() throws {
        let made = rule(.reportDueToday, lookedAt: try moment("2024-11-04", 9))
        #expect(RuleClock.days(made, now: try moment("2024-11-04", 23)).isEmpty, "its time was over when it was made")
        #expect(RuleClock.days(made, now: try moment("2024-11-05", 7, 59)).isEmpty)
        #expect(RuleClock.days(made, now: try moment("2024-11-05", 8)).map(\.description) == ["2024-11-05"])
        let looked = rule(.reportDueToday, lookedAt: try moment("2024-11-05", 8))
        #expect(RuleClock.days(looked, now: try moment("2024-11-05", 20)).isEmpty)
        #expect(RuleClock.next(looked, now: try moment("2024-11-05", 7)) == (try moment("2024-11-05", 8)))
        #expect(RuleClock.next(looked, now: try moment("2024-11-05", 8)) == (try moment("2024-11-06", 8)))
    }

    @Test func daysThatWereMissedAreMadeUpForUpToAWeek() throws {
        let old = rule(.reportDueToday, lookedAt: try moment("2024-11-01", 8))
        #expect(
            RuleClock.days(old, now: try moment("2024-11-04", 12)).map(\.description) == [
                "2024-11-02", "2024-11-03", "2024-11-04",
            ])
        #expect(RuleClock.days(old, now: try moment("2024-12-04", 12)).count == 7)
    }

    @Test(
        arguments: [
            (RuleKind.reportDueSoon, 3, "2024-11-07", ""), (.reportDueToday, 3, "2024-11-04", ""),
            (.reportOverdue, 0, "", "2024-11-03"), (.reportOverdue, 1, "", "2024-11-03"),
            (.reportOverdueCommune, 5, "", "2024-10-30"), (.reportOverdueProvince, 10, "", "2024-10-25"),
            (.reportReturned, 3, "", ""),
        ])
    func whatADayIsAbout(kind: RuleKind, days: Int, dueOn: String, graceUntil: String) throws {
        let rule = rule(kind, days: days, lookedAt: World.now)
        let day = try #require(LocalDate("2024-11-04"))
        #expect(RuleClock.dueOn(rule, day: day)?.description ?? "" == dueOn)
        #expect(RuleClock.graceUntil(rule, day: day)?.description ?? "" == graceUntil)
    }
}

/// Events of the other services become messages, and messages that are no longer needed cancel themselves.
@Suite(.onBothEngines, .timeLimit(.minutes(10))) struct RuleTests {
    let clock = SettableClock(Instant(LocalDate("2024-11-01") ?? .distantPast, hour: 12))
    let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    func at(_ day: String, _ hour: Int = 8) throws -> Instant {
        Instant(try #require(LocalDate(day)), hour: hour)
    }

    func add(
        _ id: String, _ kind: RuleKind, days: Int = 0, to database: Database, channels: [ChannelKind] = [.email],
        topic: String = "", statutory: Bool = false, unit: String = World.province
    ) async throws {
        let template =
            switch kind {
            case .teamWithoutLeader: "team-without-leader"
            case .reportReturned: "report-returned"
            case .reportApproved: "report-approved"
            case .paymentApproved: "payment-approved"
            case .paymentPaid: "payment-paid"
            case .paymentReturned: "payment-returned"
            case .trainingInvitation: "training-invitation"
            case .trainingCancelled: "training-cancelled"
            case .reportOverdueCommune, .reportOverdueProvince: "report-escalation"
            default: "report-reminder"
            }
        let rule = Rule(
            id: id, kind: kind, unit: unit, isEnabled: true, days: days, sendAt: 8 * 60, template: template,
            parameters: [:], language: .vietnamese, channels: channels, topic: topic, isStatutory: statutory,
            lookedAt: clock.now, createdAt: clock.now)
        try await database.write { try RuleStore.insert(rule, $0) }
    }

    func focal(_ person: Int, of unit: String, _ database: Database) async throws {
        let point = FocalPoint(
            id: UUIDv7.next(at: clock.now).description, unit: unit, person: World.person(person), createdAt: clock.now)
        try await database.write { try FocalPointStore.insert(point, $0) }
        try await World.tell(
            [try World.contact(person, name: "Cán bộ \(person)", email: "canbo\(person)@example.vn")], database)
    }

    struct Post {
        let sender: RecordingSender
        let engine: RuleEngine
        let dispatcher: Dispatcher
    }

    func post(_ database: Database) -> Post {
        let sender = RecordingSender()
        return Post(
            sender: sender, engine: RuleEngine(database: database, clock: clock.clock, logger: logger),
            dispatcher: Dispatcher(
                database: database, channels: Channels(senders: [sender]), clock: clock.clock, logger: logger))
    }

    /// What the rules make of a moment, and whom the messages go to since the last time.
    func run(_ post: Post, at moment: Instant, sentBefore: Int) async throws -> [String] {
        clock.now = moment
        try await post.engine.pass()
        for _ in 0..<200 {
            let pass = try await post.dispatcher.pass()
            for message in pass.claimed { await post.dispatcher.send(message) }
            guard let next = pass.next, next <= clock.now else { break }
        }
        return post.sender.sent.dropFirst(sentBefore).map { message in
            if case .mailbox(let mailbox) = message.address { mailbox.address } else { "" }
        }.sorted()
    }

    /// "A member's report falls overdue, a reminder goes out by the right channel, the report comes in, the next
    /// reminder and the escalation are cancelled." Due on 5 November, grace until 8 November.
    @Test func aReportThatComesInEndsRemindersAndEscalation() async throws {
        let database = try await World.populated()
        try await add("due-soon", .reportDueSoon, days: 3, to: database)
        try await add("due-today", .reportDueToday, to: database)
        try await add("overdue", .reportOverdue, days: 1, to: database)
        try await add("overdue-again", .reportOverdue, days: 4, to: database)
        try await add("commune", .reportOverdueCommune, days: 3, to: database)
        try await add("province", .reportOverdueProvince, days: 6, to: database)
        try await focal(20, of: World.commune, database)
        try await focal(21, of: World.secondCommune, database)
        try await focal(22, of: World.province, database)
        let post = post(database)
        var told = 0
        func day(_ date: String) async throws -> [String] {
            let new = try await run(post, at: try at(date), sentBefore: told)
            told += new.count
            return new
        }
        let everybody = [1, 2, 4, 6].map { "nguoi\($0)@example.vn" }
        #expect(try await day("2024-11-02") == everybody, "due in three days")
        #expect(try await day("2024-11-03") == [])
        #expect(try await day("2024-11-05") == everybody, "due today")
        // The hamlet's leader reports on the due day.
        try await World.tell([try World.obligation(4, of: World.hamletTeam, received: true)], database)
        #expect(try await day("2024-11-08") == [], "days of grace")
        #expect(
            try await day("2024-11-09") == ["nguoi1@example.vn", "nguoi2@example.vn", "nguoi6@example.vn"], "overdue")
        // Person 1's report arrives; those of 2 and 3 and of the second hamlet do not.
        try await World.tell([try World.obligation(1, of: World.communeTeam, person: 1, received: true)], database)
        #expect(try await day("2024-11-11") == ["canbo20@example.vn", "canbo21@example.vn"], "to the communes")
        let digest = try #require(post.sender.sent.last { $0.recipient.hasSuffix(World.person(20)) })
        #expect(digest.subjects.count == 2, "one message about both reports of the commune")
        #expect(digest.message.text.contains("2 báo cáo"))
        // All the others arrive before the next reminder: it and the escalation to the province are not sent.
        try await World.tell(
            [
                try World.obligation(2, of: World.communeTeam, person: 2, received: true),
                try World.obligation(3, of: World.communeTeam, person: 3, received: true),
                try World.obligation(5, of: World.secondHamletTeam, received: true),
            ], database)
        #expect(try await day("2024-11-12") == [], "the next reminder")
        #expect(try await day("2024-11-14") == [], "the escalation")
        await database.close()
    }

    @Test func aReminderThatWaitsForTheMorningIsCancelledWhenTheReportComes() async throws {
        let database = try await World.populated()
        try await add("due-today", .reportDueToday, to: database)
        let post = post(database)
        post.sender.set(quietHours: QuietHours("07:00-12:00"))
        #expect(try await run(post, at: try at("2024-11-05"), sentBefore: 0) == [])
        try await World.tell([try World.obligation(4, of: World.hamletTeam, received: true)], database)
        let told = try await run(post, at: try at("2024-11-05", 12), sentBefore: 0)
        #expect(told == [1, 2, 6].map { "nguoi\($0)@example.vn" })
        let campaign = try #require(
            try database.read { try CampaignStore.page(before: nil, state: nil, limit: 1, $0).first?.id })
        let cancelled = try database.read { transaction in
            try DeliveryStore.get(
                campaign: campaign, id: Delivery.id(campaign: campaign, person: World.person(4)), transaction)
        }
        #expect(cancelled?.state == .cancelled)
        #expect(cancelled?.detail == "the report has come in")
        await database.close()
    }

    @Test func whatWasReturnedOrApprovedIsToldOnce() async throws {
        let database = try await World.populated()
        try await add("returned", .reportReturned, to: database)
        try await add("approved", .reportApproved, to: database)
        let post = post(database)
        let (morning, next) = (try at("2024-11-04"), try at("2024-11-05"))
        func state(_ number: Int, _ team: String, _ person: Int?, _ state: Cdt_Activity_V1_ReportState, _ at: Instant)
            async throws
        {
            var event = try World.obligation(number, of: team, person: person, received: true)
            var fact = try Cdt_Activity_V1_ObligationFact(serializedBytes: event.payload)
            fact.reportState = state
            event = try World.event(fact, event.aggregate)
            try await World.tell([event], database, at: at)
        }
        try await state(1, World.communeTeam, 1, .returned, try at("2024-11-03", 20))
        try await state(2, World.communeTeam, 2, .approved, try at("2024-11-03", 21))
        // So new that whoever wrote it may not be done: told on the next morning.
        try await state(4, World.hamletTeam, nil, .returned, morning.adding(seconds: -10))
        #expect(try await run(post, at: morning, sentBefore: 0) == ["nguoi1@example.vn", "nguoi2@example.vn"])
        // Told again without a change: nothing new.
        try await state(1, World.communeTeam, 1, .returned, try at("2024-11-04", 20))
        #expect(try await run(post, at: next, sentBefore: 2) == ["nguoi4@example.vn"])
        // Accepted by the province: it was told when the commune approved it. One that nobody was told of yet is.
        try await state(2, World.communeTeam, 2, .accepted, try at("2024-11-05", 20))
        try await state(5, World.secondHamletTeam, nil, .accepted, try at("2024-11-05", 20))
        #expect(
            try await run(post, at: try at("2024-11-06"), sentBefore: 3) == ["nguoi1@example.vn", "nguoi6@example.vn"])
        #expect(try await run(post, at: try at("2024-11-07"), sentBefore: 5) == [])
        // A correction begins anew.
        try await state(2, World.communeTeam, 2, .submitted, try at("2024-11-07", 20))
        try await state(2, World.communeTeam, 2, .approved, try at("2024-11-07", 21))
        #expect(try await run(post, at: try at("2024-11-08"), sentBefore: 5) == ["nguoi2@example.vn"])
        await database.close()
    }

    /// As when Activity reporting was restored, or a grant of this service has changed.
    @Test func whatAFeedGoesThroughWhenItIsReadAnewIsNotToldAgain() async throws {
        let database = try await World.populated()
        try await add("returned", .reportReturned, to: database)
        let post = post(database)
        let events = try [Cdt_Activity_V1_ReportState.submitted, .returned].map { state in
            let event = try World.obligation(1, of: World.communeTeam, person: 1, received: true)
            var fact = try Cdt_Activity_V1_ObligationFact(serializedBytes: event.payload)
            fact.reportState = state
            return try World.event(fact, event.aggregate)
        }
        try await World.tell(events, database, at: try at("2024-11-03", 20))
        #expect(try await run(post, at: try at("2024-11-04"), sentBefore: 0) == ["nguoi1@example.vn"])
        try await World.tell(events, database, at: try at("2024-11-04", 20))
        #expect(try await run(post, at: try at("2024-11-05"), sentBefore: 1) == [])
        await database.close()
    }

    @Test func aTeamWithoutALeaderIsToldToItsCommuneOnMondays() async throws {
        let database = try await World.populated()
        try await add("leaderless", .teamWithoutLeader, to: database)
        try await focal(21, of: World.secondCommune, database)
        let post = post(database)
        #expect(try await run(post, at: try at("2024-11-02"), sentBefore: 0) == [], "a Saturday")
        #expect(try await run(post, at: try at("2024-11-04"), sentBefore: 0) == ["canbo21@example.vn"])
        try await World.tell([try World.member(7, of: World.secondHamletTeam, .leader)], database)
        #expect(try await run(post, at: try at("2024-11-11"), sentBefore: 1) == [])
        await database.close()
    }

    @Test func severalReplicasMakeACampaignOnce() async throws {
        let database = try await World.populated()
        try await add("due-today", .reportDueToday, to: database)
        clock.now = try at("2024-11-05")
        let engines = (0..<4).map { _ in RuleEngine(database: database, clock: clock.clock, logger: logger) }
        await withTaskGroup(of: Void.self) { group in
            for engine in engines { group.addTask { _ = try? await engine.pass() } }
        }
        let campaigns = try database.read { try CampaignStore.page(before: nil, state: nil, limit: 10, $0) }
        #expect(campaigns.count == 1)
        #expect(campaigns.first?.content.rule == "due-today")
        await database.close()
    }

    @Test func whoHasOptedOutIsToldOnlyWhatTheLawDemands() async throws {
        let database = try await World.populated()
        try await add("nice", .reportDueToday, to: database, topic: "reminders")
        let post = post(database)
        let now = clock.now
        _ = try await database.write {
            try OptOutStore.set(person: World.person(1), topic: "reminders", isOut: true, now: now, $0)
        }
        #expect(
            try await run(post, at: try at("2024-11-05"), sentBefore: 0) == [2, 4, 6].map { "nguoi\($0)@example.vn" })
        try await add("must", .reportOverdue, days: 1, to: database, topic: "reminders", statutory: true)
        #expect(
            try await run(post, at: try at("2024-11-09"), sentBefore: 3)
                == [1, 2, 4, 6].map { "nguoi\($0)@example.vn" })
        await database.close()
    }
}
