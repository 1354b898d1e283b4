import ChangeFeed
import Logging
import RPC
import ServiceKit
import Shared
import Storage
import SwiftProtobuf

/// Follows the feeds that this service lives on: "each keeps what it needs through the other's change feed, answers from
/// it, and says how old it is".
struct FactsFeeds: Sendable {
    private let facts: FeedConsumer
    private let contacts: FeedConsumer
    private let activity: FeedConsumer

    init(
        registry: any FeedSource, contacts: any FeedSource, activity: any FeedSource, database: Database,
        clock: Clock, logger: Logger
    ) throws {
        func consumer(_ topic: FactsCopy.Topic, _ source: any FeedSource) throws -> FeedConsumer {
            try FeedConsumer(
                name: topic.rawValue, source: source, topic: topic.rawValue, database: database, logger: logger,
                apply: { try FactsCopy.apply($0, now: clock.now, $1) })
        }
        facts = try consumer(.registryFacts, registry)
        self.contacts = try consumer(.registryContacts, contacts)
        self.activity = try consumer(.activityFacts, activity)
    }

    var consumers: [FeedConsumer] { [facts, contacts, activity] }

    /// Whether each feed that the audience is made of has been read to its end: nobody is missing that it tells of.
    func suffice(for campaign: CampaignContent) -> Bool {
        var needed = [facts]
        if campaign.channels.contains(where: { $0 != .webhook && $0 != .zaloGroup }) { needed.append(contacts) }
        if campaign.audience.report != nil { needed.append(activity) }
        return needed.allSatisfy(\.freshness.isComplete)
    }

    /// Whether all of them have.
    var areComplete: Bool { consumers.allSatisfy(\.freshness.isComplete) }

    var freshness: [Cdt_Common_V1_Freshness] {
        [Self.freshness("registry", [facts, contacts]), Self.freshness("activity-reporting", [activity])]
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
