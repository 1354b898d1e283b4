import Synchronization

/// What all connections of a server hold together of requests that are incomplete or not taken by their handlers.
///
/// Each connection is bounded by itself (`InboundBudget`); ten thousand of them are bounded by this. Connections tell
/// changes in steps, so that usual calls never touch what all cores share.
package final class InboundTotal: Sendable {
    private let limit: Int
    private let held = Atomic(0)

    /// Counts up to `limit` bytes.
    package init(limit: Int) { self.limit = limit }

    /// Whether more is held than may be: what makes it more is refused.
    package var isExhausted: Bool { held.load(ordering: .relaxed) > limit }

    func add(_ change: Int) { held.wrappingAdd(change, ordering: .relaxed) }
}
