import ChangeFeed
import ServiceKit
import Shared
import Storage
import SwiftProtobuf
import TestSupport
import Testing

@testable import Notification

/// "Rules turn events of the other services into messages: payment approved, paid, returned."
extension RuleTests {
    func tell(_ events: [FeedEvent], _ database: Database, at moment: Instant) async throws {
        try await World.tell(events, database, at: moment)
    }

    func campaigns(_ database: Database) throws -> [Campaign] {
        try database.read { try CampaignStore.page(before: nil, state: nil, limit: 20, $0) }
    }

    @Test func whoeverIsPaidIsToldWhenItIsApprovedAndWhenItIsPaid() async throws {
        let database = try await World.populated()
        try await add("approved", .paymentApproved, to: database)
        try await add("paid", .paymentPaid, to: database)
        let post = post(database)
        // The hamlet's team is paid, and so are two members of the commune's team, one of them under two policies.
        try await tell(
            [
                try World.payment(1, to: World.hamletTeam, .reserved),
                try World.payment(2, to: World.communeTeam, person: 2, .reserved),
                try World.payment(3, to: World.communeTeam, person: 1, .reserved),
                try World.payment(4, to: World.communeTeam, person: 1, .reserved, title: "Ngày công"),
            ], database, at: try at("2024-11-01", 20))
        #expect(
            try await run(post, at: try at("2024-11-02"), sentBefore: 0) == [1, 2, 4].map { "nguoi\($0)@example.vn" })
        let both = try #require(post.sender.sent.first { $0.recipient.hasSuffix(World.person(1)) })
        #expect(both.message.subject == "Khoản hỗ trợ 1.200.000 đồng đã được duyệt chi")
        #expect(both.message.text.contains("năm 2024 (Hỗ trợ; Ngày công)"))
        #expect(
            both.subjects.map(\.payment) == [3, 4].map { "paymentInstructions/\(World.payment($0))" })
        #expect(both.subjects.allSatisfy { $0.obligation.isEmpty })
        // Paid, and confirmed by a statement on another day: told once.
        try await tell(
            [try World.payment(1, to: World.hamletTeam, .paid)], database, at: try at("2024-11-02", 20))
        #expect(try await run(post, at: try at("2024-11-03"), sentBefore: 3) == ["nguoi4@example.vn"])
        #expect(post.sender.sent.last?.message.subject == "Khoản hỗ trợ 600.000 đồng đã được chi trả")
        try await tell(
            [try World.payment(1, to: World.hamletTeam, .settled)], database, at: try at("2024-11-03", 20))
        #expect(try await run(post, at: try at("2024-11-04"), sentBefore: 4) == [])
        #expect(try campaigns(database).count == 2, "a day without news makes no campaign")
        await database.close()
    }

    @Test func aPaymentThatCameBackIsToldUntilItIsOwedAgain() async throws {
        let database = try await World.populated()
        try await add("returned", .paymentReturned, to: database)
        let post = post(database)
        try await tell(
            [
                try World.payment(1, to: World.secondHamletTeam, .returned),
                try World.payment(2, to: World.communeTeam, person: 2, .returned),
            ], database, at: try at("2024-11-01", 20))
        // It is put right before the message goes out.
        post.sender.set(quietHours: QuietHours("07:00-12:00"))
        #expect(try await run(post, at: try at("2024-11-02"), sentBefore: 0) == [])
        try await tell(
            [try World.payment(2, to: World.communeTeam, person: 2, .reopened)], database, at: try at("2024-11-02", 9))
        // The team has no leader: its deputies are told.
        #expect(
            try await run(post, at: try at("2024-11-02", 12), sentBefore: 0) == [1, 6].map { "nguoi\($0)@example.vn" })
        let campaign = try #require(try campaigns(database).first)
        let cancelled = try database.read { transaction in
            try DeliveryStore.get(
                campaign: campaign.id, id: Delivery.id(campaign: campaign.id, person: World.person(2)), transaction)
        }
        #expect(cancelled?.state == .cancelled)
        #expect(cancelled?.detail == "the payment is owed again")
        await database.close()
    }

    @Test func aBatchThatIsGivenUpBeforeTheMorningIsNotTold() async throws {
        let database = try await World.populated()
        try await add("approved", .paymentApproved, to: database)
        let post = post(database)
        try await tell(
            [try World.payment(1, to: World.hamletTeam, .reserved)], database, at: try at("2024-11-01", 20))
        try await tell(
            [try World.payment(1, to: World.hamletTeam, .failed)], database, at: try at("2024-11-01", 21))
        #expect(try await run(post, at: try at("2024-11-02"), sentBefore: 0) == [])
        #expect(try campaigns(database).isEmpty)
        await database.close()
    }

    /// The feed is read from its beginning when Funding is there for the first time: years of payments are no news.
    @Test func whatWasRecordedLongBeforeItIsHeardIsNotTold() async throws {
        let database = try await World.populated()
        try await add("paid", .paymentPaid, to: database)
        let post = post(database)
        let heard = try at("2024-11-01", 20)
        try await tell(
            [
                try World.payment(1, to: World.hamletTeam, .paid, recordedAt: heard.adding(seconds: -8 * 86_400)),
                try World.payment(
                    2, to: World.communeTeam, person: 2, .paid, recordedAt: heard.adding(seconds: -86_400)),
            ], database, at: heard)
        #expect(try await run(post, at: try at("2024-11-02"), sentBefore: 0) == ["nguoi2@example.vn"])
        await database.close()
    }

    /// The row of a payment is kept however old it is: by it a late statement, or the feed told anew, is known to be no
    /// news.
    @Test func aPaymentThatWasToldIsNotToldAgainWhenItIsConfirmedOrHeardAnew() async throws {
        let database = try await World.populated()
        for (id, kind) in [("approved", RuleKind.paymentApproved), ("paid", .paymentPaid)] {
            try await add(id, kind, to: database)
        }
        let post = post(database)
        let (approvedAt, paidAt) = (try at("2024-11-01", 19), try at("2024-11-01", 20))
        func fact(_ state: Cdt_Funding_V1_PaymentState, at moment: Instant) throws -> FeedEvent {
            try World.payment(1, to: World.hamletTeam, state, recordedAt: moment)
        }
        let told = [try fact(.reserved, at: approvedAt), try fact(.paid, at: paidAt)]
        try await tell(told, database, at: paidAt)
        #expect(try await run(post, at: try at("2024-11-02"), sentBefore: 0) == ["nguoi4@example.vn"])
        // Funding was restored, or this service's grant has changed: the feed is read from its beginning.
        try await tell(told, database, at: try at("2024-11-03", 20))
        #expect(try await run(post, at: try at("2024-11-04"), sentBefore: 1) == [])
        let confirmedAt = try at("2025-03-14", 20)
        let confirmed = try fact(.settled, at: confirmedAt)
        try await tell([confirmed], database, at: confirmedAt)
        #expect(try await run(post, at: try at("2025-03-15"), sentBefore: 1) == [])
        try await tell(told + [confirmed], database, at: try at("2025-03-16", 20))
        #expect(try await run(post, at: try at("2025-03-17"), sentBefore: 1) == [])
        // Nor is it forgotten: an audience of all that were paid has it.
        let known = try database.read { try PaymentCopy.of(team: World.hamletTeam, .paid, $0) }
        #expect(known.map(\.changedAt) == [paidAt])
        // What the restored books had lost, and is recorded anew, is news.
        let anew = try at("2025-03-17", 20)
        try await tell([told[0], try fact(.paid, at: anew)], database, at: anew)
        #expect(try await run(post, at: try at("2025-03-18"), sentBefore: 1) == ["nguoi4@example.vn"])
        await database.close()
    }

    /// "Of changes the newest are left to the next look", which comes within the minute and makes a campaign of its own.
    @Test func whatIsHeardInTheMinuteBeforeALookIsToldByTheNext() async throws {
        let database = try await World.populated()
        try await add("paid", .paymentPaid, to: database)
        let post = post(database)
        let morning = try at("2024-11-02")
        try await tell([try World.payment(1, to: World.hamletTeam, .paid)], database, at: try at("2024-11-01", 20))
        try await tell(
            [try World.payment(2, to: World.communeTeam, person: 2, .paid)], database, at: morning.adding(seconds: -30))
        #expect(try await run(post, at: morning, sentBefore: 0) == ["nguoi4@example.vn"])
        #expect(try await run(post, at: morning.adding(seconds: 60), sentBefore: 1) == ["nguoi2@example.vn"])
        #expect(try await run(post, at: morning.adding(seconds: 120), sentBefore: 2) == [])
        #expect(try await run(post, at: try at("2024-11-03"), sentBefore: 2) == [])
        await database.close()
    }

    @Test func aRuleMakesNoCampaignWhereNothingConcernsItsUnit() async throws {
        let database = try await World.populated()
        for kind in [RuleKind.reportDueToday, .reportOverdue, .reportReturned, .paymentPaid, .teamWithoutLeader] {
            try await add("elsewhere-\(kind.rawValue)", kind, days: 1, to: database, unit: World.otherProvince)
        }
        try await add("here", .reportDueToday, to: database, unit: World.secondCommune)
        let post = post(database)
        var returned = try World.obligation(1, of: World.communeTeam, person: 1, received: true)
        var fact = try Cdt_Activity_V1_ObligationFact(serializedBytes: returned.payload)
        fact.reportState = .returned
        returned = try World.event(fact, returned.aggregate)
        try await tell(
            [returned, try World.payment(1, to: World.hamletTeam, .paid)], database, at: try at("2024-11-04", 20))
        // A Monday, the due day, and the first day after the days of grace.
        for day in ["2024-11-04", "2024-11-05", "2024-11-09", "2024-11-11"] {
            _ = try await run(post, at: try at(day), sentBefore: 0)
        }
        #expect(try campaigns(database).map(\.content.rule) == ["here"])
        #expect(Set(post.sender.sent.map(\.recipient)) == ["people/\(World.person(1))", "people/\(World.person(6))"])
        await database.close()
    }

    @Test func aServiceThatIsAwayHoldsBackOnlyTheRulesThatNeedIt() async throws {
        let database = try await World.populated()
        try await add("due-today", .reportDueToday, to: database)
        try await add("paid", .paymentPaid, to: database)
        try await tell(
            [try World.payment(1, to: World.hamletTeam, .paid)], database, at: try at("2024-11-04", 20))
        clock.now = try at("2024-11-05")
        let engine = RuleEngine(
            database: database, clock: clock.clock, logger: logger, hasFacts: { $0.kind.payment == nil })
        let next = try await engine.pass()
        #expect(next == clock.now.adding(seconds: 10), "it looks again soon")
        #expect(try campaigns(database).map(\.content.rule) == ["due-today"])
        // Once the facts are there, nothing was missed.
        try await RuleEngine(database: database, clock: clock.clock, logger: logger).pass()
        #expect(Set(try campaigns(database).map(\.content.rule)) == ["due-today", "paid"])
        await database.close()
    }

    @Test func erasureReachesWhatIsKnownOfAPersonsPayments() async throws {
        let database = try await World.populated()
        try await tell(
            [
                try World.payment(1, to: World.communeTeam, person: 2, .paid),
                try World.payment(2, to: World.communeTeam, person: 3, .paid),
                try World.contact(2, name: "A", email: "").asTombstone,
            ], database, at: World.now)
        let known = try database.read { try PaymentCopy.of(team: World.communeTeam, .paid, $0) }
        #expect(known.map(\.person) == [World.person(3)])
        await database.close()
    }
}
