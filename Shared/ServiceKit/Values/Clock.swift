import Synchronization

/// Where "now" comes from: the machine, or a value that a test or a demonstration sets.
///
/// "The clock is the server's": handlers read it once and hand the moment on as a value, so that rules stay pure.
package struct Clock: Sendable {
    private let read: @Sendable () -> Instant

    package init(_ read: @escaping @Sendable () -> Instant) { self.read = read }

    package static let system = Clock(Instant.system)
    package static func fixed(_ instant: Instant) -> Clock { Clock { instant } }

    package var now: Instant { read() }
    /// The local date in Vietnam.
    package var today: LocalDate { read().localDate }
}

/// A clock that stands still until it is set.
package final class SettableClock: Sendable {
    private let instant: Mutex<Instant>

    package init(_ instant: Instant) { self.instant = Mutex(instant) }
    package convenience init(_ date: LocalDate, hour: Int = 12) { self.init(Instant(date, hour: hour)) }

    package var clock: Clock { Clock { self.now } }
    package var now: Instant {
        get { instant.withLock { $0 } }
        set { instant.withLock { $0 = newValue } }
    }
    package func advance(by duration: Duration) { instant.withLock { $0 = $0.adding(duration) } }
    package func set(_ date: LocalDate, hour: Int = 12) { now = Instant(date, hour: hour) }
}
