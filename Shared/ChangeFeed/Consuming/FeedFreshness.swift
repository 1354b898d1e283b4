/// How old what a consumer knows is.
package struct FeedFreshness: Sendable, Hashable {
    /// Everything its source had committed up to this moment has been applied, in microseconds since 1970; nil: it has
    /// never been caught up.
    package var asOf: Int64?
    /// A stream is open and has answered.
    package var isConnected: Bool
    /// The last response said that nothing newer was there.
    package var isCaughtUp: Bool
    /// Why there is no stream, or why the next event cannot be applied.
    package var problem: String?
    /// When the newest event applied was recorded, in microseconds since 1970.
    package var newestEvent: Int64?

    /// What is known has no gaps: the topic has been read to its end at least once since it was last begun from the
    /// start. Until then facts are missing, not only old.
    package var isComplete = false

    /// Seconds behind, for metrics; nil if it has never been caught up.
    package func lag(at microseconds: Int64) -> Double? {
        asOf.map { Double(max(0, microseconds - $0)) / 1_000_000 }
    }
}
