import RPC

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
    let prepare: @Sendable () async throws -> Void
    let visibility: @Sendable (FeedEvent) throws -> Visibility

    /// - Parameters:
    ///   - scope: What the reader's rights are, as a number; 0: everything. Under other rights, other events would have been
    ///     sent, so a cursor holds only as long as they stay: when they change it expires, and the reader starts again.
    ///   - prepare: Runs after some events were read and before they are judged: what decides must not be older than they.
    package init(
        scope: @escaping @Sendable () throws -> UInt64 = { 0 },
        prepare: @escaping @Sendable () async throws -> Void = {},
        _ visibility: @escaping @Sendable (FeedEvent) throws -> Visibility
    ) {
        self.scope = scope
        self.prepare = prepare
        self.visibility = visibility
    }

    package static let everything = FeedFilter { _ in .full }

    func apply(_ events: [FeedEvent]) async throws -> [FeedEvent] {
        guard !events.isEmpty else { return [] }
        try await prepare()
        return try events.compactMap { event in
            switch try visibility(event) {
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
