import ChangeFeed
import Logging
import RPC
import ServiceKit
import Shared
import Storage
import SwiftProtobuf

/// The service: what each team or member is due under each province's resolution, and why.
package enum FundingPolicyDefinition: ServiceDefinition {
    package static let identity = ServiceIdentity(
        name: "funding",
        title: "Funding policy: what each team or member is due under its province's resolution, and why.",
        port: 50_053)
    package static let peers = ["registry", "activity"]
    package static let gate = CallGate.anyVerb
    package static let migrations = [FundingSchema.migrations]

    package static func make(_ context: ServiceContext) async throws -> ServiceParts {
        let database = context.database
        try await ShippedPolicies.load(into: database, now: context.clock.now)
        let registry = try FeedConsumer(
            name: "registry", client: try context.feed(of: "registry"), topic: RegistryCopy.topic, database: database,
            logger: context.logger, apply: { try RegistryCopy.apply($0, in: $1) })
        let activity = try FeedConsumer(
            name: "activity", client: try context.feed(of: "activity"), topic: ActivityCopy.topic, database: database,
            logger: context.logger, apply: { try ActivityCopy.apply($0, in: $1) })
        let freshness: @Sendable () -> Cdt_Common_V1_Freshness = { .of("registry", registry.freshness) }
        let outbox = try await Outbox.open([RunWorker.topic], in: database)
        let worker = RunWorker(
            database: database, outbox: outbox, clock: context.clock, freshness: freshness,
            isComplete: { registry.freshness.isComplete }, reportsAreComplete: { activity.freshness.isComplete },
            logger: context.logger)
        let gate = AccessGate(database: database, clock: context.clock)
        let handlers = FundingPolicyHandlers(
            catalogue: PolicyCatalogue(database: database, pageTokens: context.pageTokens, clock: context.clock),
            queries: EntitlementQueries(database: database, freshness: freshness),
            runs: RunBook(
                database: database, outbox: outbox, pageTokens: context.pageTokens, clock: context.clock), gate: gate)
        let ledger = LedgerHandlers(
            book: LedgerBook(database: database, pageTokens: context.pageTokens, clock: context.clock), gate: gate)
        let claims = ClaimHandlers(
            book: ClaimBook(database: database, pageTokens: context.pageTokens, clock: context.clock), gate: gate)
        let payments = PaymentHandlers(
            book: PaymentBook(
                database: database, outbox: outbox, pageTokens: context.pageTokens, clock: context.clock), gate: gate)
        return ServiceParts(
            services: [handlers, ledger, claims, payments],
            feed: FeedServer(database: database, outbox: outbox, access: .funding),
            consumers: [registry, activity],
            tasks: [BackgroundTask("funding runs") { await worker.run() }])
    }
}

extension Cdt_Common_V1_Freshness {
    /// What a consumer of a service's feed knows of its age, for answers.
    static func of(_ source: String, _ freshness: FeedFreshness) -> Cdt_Common_V1_Freshness {
        .with {
            $0.source = source
            if let asOf = freshness.asOf { $0.asOf = Instant(microseconds: asOf).timestamp }
            $0.connected = freshness.isConnected
        }
    }
}
