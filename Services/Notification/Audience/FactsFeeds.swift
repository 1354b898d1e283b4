import ChangeFeed
import Logging
import RPC
import ServiceKit
import Shared
import Storage
import SwiftProtobuf

/// Follows the feeds that this service lives on: "each keeps what it needs through the other's change feed, answers
/// from it, and says how old it is".
struct FactsFeeds: Sendable {
    private let facts: FeedConsumer
    private let contacts: FeedConsumer
    private let activity: FeedConsumer
    private let funding: FeedConsumer

    init(
        registry: any FeedSource, contacts: any FeedSource, activity: any FeedSource, funding: any FeedSource,
        database: Database, clock: Clock, logger: Logger
    ) throws {
        func consumer(_ topic: FactsCopy.Topic, _ source: any FeedSource) throws -> FeedConsumer {
            try FeedConsumer(
                name: topic.rawValue, source: source, topic: topic.rawValue, database: database, logger: logger,
                apply: { try FactsCopy.apply($0, now: clock.now, $1) })
        }
        facts = try consumer(.registryFacts, registry)
        self.contacts = try consumer(.registryContacts, contacts)
        self.activity = try consumer(.activityFacts, activity)
        self.funding = try consumer(.fundingFacts, funding)
    }

    var consumers: [FeedConsumer] { [facts, contacts, activity, funding] }

    /// Whether each feed that the audience is made of has been read to its end: nobody is missing that it tells of.
    func suffice(for campaign: CampaignContent) -> Bool {
        var needed = [facts]
        if campaign.channels.contains(where: { $0 != .webhook && $0 != .zaloGroup }) { needed.append(contacts) }
        if campaign.audience.report != nil || campaign.audience.training != nil { needed.append(activity) }
        if campaign.audience.payment != nil { needed.append(funding) }
        return needed.allSatisfy(\.freshness.isComplete)
    }

    /// Whether each feed that a rule looks at has: a service that is not there keeps no other rules from working.
    func suffice(for rule: Rule) -> Bool {
        var needed = [facts]
        if rule.kind.condition != nil || rule.kind.training != nil { needed.append(activity) }
        if rule.kind.payment != nil { needed.append(funding) }
        return needed.allSatisfy(\.freshness.isComplete)
    }

    var freshness: [Cdt_Common_V1_Freshness] {
        [
            Self.freshness("registry", [facts, contacts]), Self.freshness("activity-reporting", [activity]),
            Self.freshness("funding-policy", [funding]),
        ]
    }

    /// As old as the oldest.
    private static func freshness(_ source: String, _ consumers: [FeedConsumer]) -> Cdt_Common_V1_Freshness {
        let all = consumers.map(\.freshness)
        return .with {
            $0.source = source
            let moments = all.compactMap(\.asOf)
            if moments.count == all.count, let oldest = moments.min() {
                $0.asOf = Instant(microseconds: oldest).timestamp
            }
            $0.connected = all.allSatisfy(\.isConnected)
        }
    }
}
