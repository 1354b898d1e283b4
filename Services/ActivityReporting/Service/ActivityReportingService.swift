import ChangeFeed
import ServiceKit
import Shared
import Storage

/// Activity reporting as a service: who owes a report for which month, who has sent one, and the figures.
package enum ActivityReportingService: ServiceDefinition {
    package static let identity = ServiceIdentity(
        name: "activity", title: "Activity reporting: obligations, reports and figures of the teams.", port: 50_052)
    package static let peers = ["registry"]
    package static let gate = CallGate.anyVerb
    package static let migrations = [Schema.migrations]

    /// Topic of the service's change feed.
    static let topic = "activity.facts"

    package static func make(_ context: ServiceContext) async throws -> ServiceParts {
        let outbox = try await Outbox.open([topic], in: context.database)
        let reporting = Reporting(database: context.database, clock: context.clock) { news, now, traceparent, tx in
            switch news {
            case .obligation(let row):
                try outbox.append(
                    topic: topic, aggregate: row.key.obligation, version: row.version, payload: row.fact,
                    traceparent: traceparent, at: now.microseconds, in: tx)
            case .difficulty(let row):
                try outbox.append(
                    topic: topic, aggregate: Names.name("difficulties", row.id), version: row.version,
                    payload: row.fact, traceparent: traceparent, at: now.microseconds, in: tx)
            case .session(let row, let course):
                try outbox.append(
                    topic: topic, aggregate: row.name, version: row.version, payload: row.fact(of: course),
                    traceparent: traceparent, at: now.microseconds, in: tx)
            }
        }
        let registry = try FeedConsumer(
            name: "registry.facts", client: try context.feed(of: "registry"), topic: "registry.facts",
            database: context.database, logger: context.logger,
            apply: { try RegistryFeed.apply($0, in: $1) })
        let handlers = ActivityReportingHandlers(
            reporting: reporting, pageTokens: context.pageTokens, freshness: { registry.freshness })
        let reconciler = reporting.reconciler(logger: context.logger)
        return ServiceParts(
            services: [
                handlers, AchievementHandlers(base: handlers), DifficultyHandlers(base: handlers),
                TrainingHandlers(base: handlers), PlatformHandlers(base: handlers), TargetHandlers(base: handlers),
            ], feed: FeedServer(database: context.database, outbox: outbox, access: .activity(reporting)),
            consumers: [registry],
            tasks: [BackgroundTask("obligations") { await reconciler.run() }])
    }
}
