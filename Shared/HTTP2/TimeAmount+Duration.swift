import NIOCore

extension TimeAmount {
    /// A duration; nil when it is too long to be added to the clock (292 years).
    package init?(_ duration: Duration) {
        let (seconds, attoseconds) = duration.components
        let whole = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        guard !whole.overflow, abs(whole.partialValue) < Int64.max / 2 else { return nil }
        self = .nanoseconds(whole.partialValue + attoseconds / 1_000_000_000)
    }
}
