import ServiceKit

/// Where a report stands. Raw values are the contract's `ObligationState`.
package enum ObligationState: Int, Sendable, Hashable, CaseIterable {
    case notDue = 1
    case due = 2
    case onTime = 3
    case late = 4
    case missing = 5
    case excused = 6
    case waived = 7
}

extension ReportingCalendar {
    /// The state of a report that has not come: "NOT_DUE until the period ends; DUE until due day + grace", then
    /// MISSING.
    package func awaiting(on today: LocalDate) -> ObligationState {
        if today <= lastDay { return .notDue }
        return today <= graceUntil ? .due : .missing
    }
}

/// What is known of one obligation, apart from the clock.
package struct Standing: Sendable, Hashable {
    /// The day of the first submission: it decides timeliness, also when the report was returned later.
    package var receivedOn: LocalDate?
    package var excused: Bool
    package var waived: Bool

    package init(receivedOn: LocalDate? = nil, excused: Bool = false, waived: Bool = false) {
        self.receivedOn = receivedOn
        self.excused = excused
        self.waived = waived
    }

    /// "First submission up to the due day + grace: ON_TIME up to the due day, LATE after it"; a MISSING one "becomes
    /// LATE on arrival".
    package func timeliness(_ calendar: ReportingCalendar) -> ObligationState? {
        receivedOn.map { $0 <= calendar.dueOn ? .onTime : .late }
    }

    /// "A report for an EXCUSED obligation makes it ON_TIME or LATE and puts it back into expected." A waiver stands
    /// whatever comes: it was decided for everybody.
    package func state(_ calendar: ReportingCalendar, on today: LocalDate) -> ObligationState {
        if waived { return .waived }
        if let timeliness = timeliness(calendar) { return timeliness }
        return excused ? .excused : calendar.awaiting(on: today)
    }

    /// What it adds to the counts of its place.
    package func tally(_ calendar: ReportingCalendar) -> Tally {
        if waived { return Tally(waived: 1) }
        switch timeliness(calendar) {
        case .onTime: return Tally(expected: 1, received: 1, onTime: 1)
        case .some: return Tally(expected: 1, received: 1, late: 1)
        case nil: return excused ? Tally(excused: 1) : Tally(expected: 1)
        }
    }
}

/// Counts of obligations that the clock does not change.
package struct Tally: Sendable, Hashable, AdditiveArithmetic {
    package var expected = 0
    package var received = 0
    package var onTime = 0
    package var late = 0
    package var excused = 0
    package var waived = 0

    package init(
        expected: Int = 0, received: Int = 0, onTime: Int = 0, late: Int = 0, excused: Int = 0, waived: Int = 0
    ) {
        self.expected = expected
        self.received = received
        self.onTime = onTime
        self.late = late
        self.excused = excused
        self.waived = waived
    }

    package static let zero = Tally()

    package static func + (a: Tally, b: Tally) -> Tally {
        Tally(
            expected: a.expected + b.expected, received: a.received + b.received, onTime: a.onTime + b.onTime,
            late: a.late + b.late, excused: a.excused + b.excused, waived: a.waived + b.waived)
    }
    package static func - (a: Tally, b: Tally) -> Tally {
        Tally(
            expected: a.expected - b.expected, received: a.received - b.received, onTime: a.onTime - b.onTime,
            late: a.late - b.late, excused: a.excused - b.excused, waived: a.waived - b.waived)
    }
}

/// The reporting figures of a unit on a day.
package struct Score: Sendable, Hashable {
    package var tally = Tally.zero
    package var missing = 0
    package var due = 0
    package var notDue = 0

    package init() {}

    /// Adds counts that share one calendar; what has not come is due or missing by the clock.
    package mutating func add(_ more: Tally, _ calendar: ReportingCalendar, on today: LocalDate) {
        tally += more
        let open = more.expected - more.received
        switch calendar.awaiting(on: today) {
        case .notDue: notDue += open
        case .due: due += open
        default: missing += open
        }
    }
}
