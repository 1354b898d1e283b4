import ChangeFeed
import RPC
import Telemetry

/// What a service's `make` gives back.
package struct ServiceParts: Sendable {
    package var services: [any RegistrableService]
    /// The service's own feed, where others follow it: served, compacted every day, and counted.
    package var feed: FeedServer?
    /// Followers of other services' feeds: they run as long as the service, and their age is a metric.
    package var consumers: [FeedConsumer]
    package var tasks: [BackgroundTask]
    package var checks: [Readiness.Check]

    package init(
        services: [any RegistrableService], feed: FeedServer? = nil, consumers: [FeedConsumer] = [],
        tasks: [BackgroundTask] = [], checks: [Readiness.Check] = []
    ) {
        self.services = services
        self.feed = feed
        self.consumers = consumers
        self.tasks = tasks
        self.checks = checks
    }

    var allServices: [any RegistrableService] { services + (feed.map { [$0] } ?? []) }

    func allTasks(clock: Clock, tracer: Tracer? = nil) -> [BackgroundTask] {
        let followers = consumers.map { consumer in
            BackgroundTask("feed \(consumer.name)") { await consumer.run(tracer: tracer) }
        }
        return tasks + followers + (feed.map { [ServiceParts.compaction(of: $0, clock: clock)] } ?? [])
    }

    /// The history of a national registry is read whole for this: once a day, and not while the service starts.
    static func compaction(
        of feed: FeedServer, clock: Clock, after pause: Duration = .seconds(3600)
    ) -> BackgroundTask {
        .every(.seconds(86_400), after: pause, "feed compaction") { try await feed.compact(at: clock.now.microseconds) }
    }

    func register(in metrics: MetricsRegistry) {
        if let feed { FeedMetrics.register(feed, in: metrics) }
        for consumer in consumers { FeedMetrics.register(consumer, in: metrics) }
    }
}
