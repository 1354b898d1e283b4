import ChangeFeed

/// How the feeds go: how old what the service knows of others is, and who follows its own.
enum FeedMetrics {
    static func register(_ consumer: FeedConsumer, in metrics: MetricsRegistry) {
        let labels: KeyValuePairs = ["consumer": consumer.name, "topic": consumer.topic]
        func gauge(_ name: String, _ help: String, _ read: @escaping @Sendable (FeedFreshness) -> Double?) {
            metrics.gauge("feed_consumer_\(name)", help: help, labels: labels) { read(consumer.freshness) }
        }
        func counter(_ name: String, _ help: String, _ read: @escaping @Sendable (FeedConsumer.Statistics) -> Int) {
            metrics.counter("feed_consumer_\(name)", help: help, labels: labels) { Double(read(consumer.statistics)) }
        }
        // The source says as of when by the real time, whatever --today says.
        gauge(
            "lag_seconds",
            "Age of what is known: everything the source had recorded so long ago has been applied; "
                + "absent until that is so for the first time."
        ) { $0.lag(at: Instant.system().microseconds) }
        gauge("connected", "1 while the source answers on a stream.") { $0.isConnected ? 1 : 0 }
        gauge("caught_up", "1 when the source had nothing newer.") { $0.isCaughtUp ? 1 : 0 }
        counter("events_applied_total", "Events applied.") { $0.applied }
        counter("events_ignored_total", "Events that had been applied before, or a later version of them.") {
            $0.ignored
        }
        counter("responses_total", "Responses received, heartbeats included.") { $0.batches }
        counter("connections_total", "Streams begun.") { $0.connections }
        counter("failures_total", "Streams that broke, and events that could not be applied.") { $0.failures }
    }

    static func register(_ server: FeedServer, in metrics: MetricsRegistry) {
        metrics.gauge("feed_server_followers", help: "Streams that follow the service's feed.") {
            Double(server.statistics.followers)
        }
        metrics.counter("feed_server_responses_total", help: "Responses sent to followers, heartbeats included.") {
            Double(server.statistics.responses)
        }
        metrics.counter("feed_server_events_total", help: "Events sent to followers.") {
            Double(server.statistics.events)
        }
    }
}
