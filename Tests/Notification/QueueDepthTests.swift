import Logging
import RPC
import ServiceKit
import Shared
import Storage
import TestSupport
import Testing

@testable import Notification

@Suite(.onBothEngines) struct QueueDepthTests {
    private func depths(_ database: Database) async throws -> QueueDepths {
        try await database.readPooled { try QueueDepths.count($0) }
    }

    @Test func `messages are counted by state while their campaign is under way, stuck ones and tickets for longer`()
        async throws
    {
        let database = try await World.populated()
        let clock = SettableClock(World.now)
        #expect(try await depths(database) == QueueDepths(underWay: [:], stuck: [:], openTickets: 0))
        _ = try await World.launch(in: database)
        let dispatcher = Dispatcher(
            database: database, channels: Channels(senders: [RecordingSender()]), clock: clock.clock,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        var claimed: [ClaimedMessage] = []
        for _ in 0..<100 where claimed.isEmpty { claimed = try await dispatcher.pass().claimed }
        let during = try await depths(database)
        #expect(during.underWay[.claimed] == claimed.count && !claimed.isEmpty)
        #expect(during.underWay.values.reduce(0, +) == 5)
        for _ in 0..<100 {
            for message in claimed { await dispatcher.send(message) }
            claimed = try await dispatcher.pass().claimed
        }
        // The campaign is over; who has no address waits for a person.
        #expect(try await depths(database) == QueueDepths(underWay: [:], stuck: [.failed: 1], openTickets: 0))
        let event = InboundEvent(source: "zalo/", id: "1", channel: .zaloText, account: "", kind: .other)
        try await database.write { transaction in
            try TicketStore.open(
                UUIDv7.next().description, from: nil, text: "Máy hỏng", event, now: World.now, transaction)
        }
        #expect(try await depths(database).openTickets == 1)
        await database.close()
    }

    @Test func `every state has a number from the start, and none is left from before`() throws {
        let metrics = MetricsRegistry()
        let queue = QueueMetrics(metrics)
        for state in DeliveryState.allCases {
            #expect(metrics.exposition().contains("notification_messages{state=\"\(state)\"} 0\n"))
        }
        queue.show(QueueDepths(underWay: [.retry: 3], stuck: [.dead: 2, .ambiguous: 1], openTickets: 4))
        queue.show(QueueDepths(underWay: [.deferred: 7], stuck: [.dead: 1], openTickets: 5))
        let text = metrics.exposition()
        for line in [
            "notification_messages{state=\"retry\"} 0", "notification_messages{state=\"deferred\"} 7",
            "notification_dead_letters{state=\"dead\"} 1", "notification_dead_letters{state=\"ambiguous\"} 0",
            "notification_dead_letters{state=\"failed\"} 0", "notification_tickets_open 5",
        ] { #expect(text.contains(line + "\n"), "\(line)") }
        #expect(text.matches(of: /notification_dead_letters\{/).count == 3)
    }
}
