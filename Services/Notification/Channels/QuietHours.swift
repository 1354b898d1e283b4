import ServiceKit

/// The hours in which a channel is left alone, by the local clock: from one minute of the day up to another, over
/// midnight where the second is the earlier one. A message is sent in the last minute before and in the first one
/// after.
struct QuietHours: Sendable, Hashable {
    /// Minutes since local midnight, 0 … 1439.
    var from: Int
    /// The first minute in which sending goes on.
    var until: Int
    /// Sending goes on within so many minutes after `until`: not all messages of the country at once.
    var spread = 0

    /// `22:00-06:05`; nil when it is none, or is no time at all.
    init?(_ text: String, spread: Int = 0) {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 2, let from = TimeOfDay.minutes(parts[0]), let until = TimeOfDay.minutes(parts[1]),
            from != until
        else { return nil }
        self.from = from
        self.until = until
        self.spread = spread
    }

    func contains(_ instant: Instant) -> Bool {
        let minute = instant.localMinuteOfDay
        return from < until ? (from..<until).contains(minute) : minute >= from || minute < until
    }

    /// When sending goes on, if the instant is one of quiet.
    ///
    /// - Parameter random: From 0 up to 1: where in the spread.
    func end(at instant: Instant, random: Double = 0) -> Instant? {
        guard contains(instant) else { return nil }
        let today = instant.localDate
        let day = instant.localMinuteOfDay < until ? today : today.next
        let jitter = Int64(Double(spread * 60) * min(max(random, 0), 1))
        return Instant(day, hour: until / 60, minute: until % 60).adding(seconds: jitter)
    }

    /// Seconds of a local day in which messages are sent.
    var openSeconds: Int {
        let quiet = from < until ? until - from : until + 1_440 - from
        return (1_440 - quiet) * 60
    }
}
