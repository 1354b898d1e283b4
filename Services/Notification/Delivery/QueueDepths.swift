import ServiceKit
import Storage

/// What waits in this service: counted now and then, for operators, never on the way of a call.
struct QueueDepths: Sendable, Hashable {
    /// Messages of the campaigns that are under way, by state.
    var underWay: [DeliveryState: Int]
    /// Messages that cannot go on by themselves, whichever campaign they are of, by state.
    var stuck: [DeliveryState: Int]
    var openTickets: Int

    static func count(_ transaction: ReadTransaction) throws -> QueueDepths {
        QueueDepths(
            underWay: try DeliveryStore.countUnderWay(transaction), stuck: try DeliveryStore.countStuck(transaction),
            openTickets: try TicketStore.countOpen(transaction))
    }
}

/// The depths as metrics. Replicas count the same store, so that sums over them mean nothing.
struct QueueMetrics: Sendable {
    private let messages: [DeliveryState: Number]
    private let deadLetters: [DeliveryState: Number]
    private let tickets: Number

    init(_ metrics: MetricsRegistry) {
        let messages = metrics.gauge(
            "notification_messages", help: "Messages of the campaigns that are under way.", labels: ["state"])
        let deadLetters = metrics.gauge(
            "notification_dead_letters", help: "Messages that go on only when a person decides so.", labels: ["state"])
        func cells(_ family: NumberFamily, _ states: [DeliveryState]) -> [DeliveryState: Number] {
            Dictionary(uniqueKeysWithValues: states.map { ($0, family.with("\($0)")) })
        }
        self.messages = cells(messages, DeliveryState.allCases)
        self.deadLetters = cells(deadLetters, DeliveryState.allCases.filter(\.isStuck))
        tickets = metrics.gauge("notification_tickets_open", help: "Tickets that nobody has answered yet.").with()
    }

    func show(_ depths: QueueDepths) {
        for (state, number) in messages { number.set(depths.underWay[state] ?? 0) }
        for (state, number) in deadLetters { number.set(depths.stuck[state] ?? 0) }
        tickets.set(depths.openTickets)
    }

    /// Counts every half minute, for as long as the service runs.
    func task(of database: Database) -> BackgroundTask {
        .every(.seconds(30), "queue depths") {
            show(try await database.readPooled { try QueueDepths.count($0) })
        }
    }
}
