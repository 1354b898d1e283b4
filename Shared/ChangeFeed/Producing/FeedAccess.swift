import RPC
import Storage

/// What one reader may see of a topic.
package struct FeedFilter: Sendable {
    package enum Visibility: Sendable {
        case full
        /// The reader learns only that the aggregate is gone, because it may have seen it before.
        case tombstone
        /// The reader learns nothing.
        case hidden
    }

    let scope: @Sendable () throws -> UInt64
    let judge: @Sendable ([FeedEvent]) async throws -> [Visibility]

    /// - Parameters:
    ///   - scope: What the reader's rights are, as a number; 0: everything. Under other rights, other events would have been
    ///     sent, so a cursor holds only as long as they stay: when they change it expires, and the reader starts again.
    ///   - judge: What the reader sees of each of some events. Runs after they were read: what decides must not be older
    ///     than they.
    package init(
        scope: @escaping @Sendable () throws -> UInt64 = { 0 },
        judge: @escaping @Sendable ([FeedEvent]) async throws -> [Visibility]
    ) {
        self.scope = scope
        self.judge = judge
    }

    /// A number for `scope` that stands for the units on which reading is granted, never 0: others have another.
    package static func scope(of units: some Sequence<String>) -> UInt64 {
        // It need not withstand anybody, for who forges a cursor only misleads themselves.
        max(1, FNV1a.hash(Set(units).sorted().joined(separator: " ").utf8))
    }

    package static let everything = FeedFilter(judge: { events in events.map { _ in .full } })

    func apply(_ events: [FeedEvent]) async throws -> [FeedEvent] {
        guard !events.isEmpty else { return [] }
        let visibilities = try await judge(events)
        // One too few would keep an event from a reader for ever.
        precondition(visibilities.count == events.count, "each event is judged")
        return zip(events, visibilities).compactMap { event, visibility in
            switch visibility {
            case .full: event
            case .tombstone: event.asTombstone
            case .hidden: nil
            }
        }
    }
}

/// Decides who may read which topic. Asked once for each stream, before anything is read.
package struct FeedAccess: Sendable {
    let filter: @Sendable (_ topic: String, _ context: ServerContext) async throws -> FeedFilter

    /// `filter` throws an error of status PERMISSION_DENIED for a topic the caller may not read.
    package init(
        _ filter: @escaping @Sendable (_ topic: String, _ context: ServerContext) async throws -> FeedFilter
    ) {
        self.filter = filter
    }

    /// Everybody who may call the service at all reads all topics.
    package static let everyone = FeedAccess { _, _ in .everything }
}
