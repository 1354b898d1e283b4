import ServiceKit

/// Level of a team. Raw values are the contract's `TeamLevel`.
package enum TeamLevel: Int, Sendable, Hashable, CaseIterable {
    case commune = 1
    case hamlet = 2
}

/// Who owes the report of a team. Raw values are the contract's `ReportingSubject`.
package enum ReportingSubject: Int, Sendable, Hashable {
    case member = 1
    case team = 2
}

/// What a reporting policy says, without its jurisdiction and validity.
package struct ReportingRules: Sendable, Hashable {
    package var communeTeams: ReportingSubject
    package var hamletTeams: ReportingSubject
    /// 1 … 28.
    package var startDay: Int
    /// 1 … 31, in the month after the one that names the period.
    package var dueDay: Int
    package var graceDays: Int
    package var minimumDays: Int
    /// Days after the due day, 1 … 365, until a period is closed.
    package var closingDays: Int

    /// "A period closes 30 days after its due day (configurable)."
    package static let standardClosingDays = 30

    package init(
        communeTeams: ReportingSubject = .member, hamletTeams: ReportingSubject = .team, startDay: Int = 1,
        dueDay: Int = 5, graceDays: Int = 3, minimumDays: Int = 1, closingDays: Int = standardClosingDays
    ) {
        self.communeTeams = communeTeams
        self.hamletTeams = hamletTeams
        self.startDay = startDay
        self.dueDay = dueDay
        self.graceDays = graceDays
        self.minimumDays = minimumDays
        self.closingDays = closingDays
    }

    /// "Default from the field: commune teams report per member, hamlet teams per team", due on the 5th, 3 days' grace.
    package static let standard = ReportingRules()

    package func subject(of level: TeamLevel) -> ReportingSubject {
        switch level {
        case .commune: communeTeams
        case .hamlet: hamletTeams
        }
    }
}

/// The days that matter for the reports of one period.
package struct ReportingCalendar: Sendable, Hashable {
    package let period: Month
    package let firstDay: LocalDate
    package let lastDay: LocalDate
    /// Last day for a report to be on time.
    package let dueOn: LocalDate
    /// Last day of grace.
    package let graceUntil: LocalDate
    /// Days after the due day until the period is closed.
    package let closingDays: Int
    /// What the days follow from, in one number, as stored: closing days (0 for the usual 30), period, start day, due
    /// day and grace days.
    package let code: Int64

    package init(period: Month, rules: ReportingRules) {
        self.init(
            period: period, startDay: rules.startDay, dueDay: rules.dueDay, graceDays: rules.graceDays,
            closingDays: rules.closingDays)
    }

    /// "A period is named by the month in which it ends and due in the month after that one. A due day beyond a month's
    /// end is its last day."
    private init(period: Month, startDay: Int, dueDay: Int, graceDays: Int, closingDays: Int) {
        self.period = period
        firstDay = ReportingCalendar.firstDay(of: period, startDay: startDay)
        lastDay = startDay == 1 ? period.lastDay : period.day(startDay - 1)
        dueOn = period.next.day(dueDay)
        graceUntil = dueOn.adding(days: graceDays)
        self.closingDays = closingDays
        let closing = closingDays == ReportingRules.standardClosingDays ? 0 : Int64(closingDays)
        code =
            closing << 40 + ((Int64(period.index) * 32 + Int64(startDay)) * 32 + Int64(dueDay)) * 64 + Int64(graceDays)
    }

    package init(code: Int64) {
        self.init(
            period: Month(index: Int32(code >> 16 & 0xFF_FFFF)), startDay: Int(code >> 11 & 31),
            dueDay: Int(code >> 6 & 31), graceDays: Int(code & 63),
            closingDays: code >> 40 == 0 ? ReportingRules.standardClosingDays : Int(code >> 40))
    }

    package static func firstDay(of period: Month, startDay: Int) -> LocalDate {
        startDay == 1 ? period.firstDay : period.previous.day(startDay)
    }

    package var days: DateRange { DateRange(from: firstDay, to: lastDay) }

    /// "A period closes 30 days after its due day (configurable)"; one that was opened later, for back-data, as many
    /// days after it was opened.
    package func isClosed(on today: LocalDate, openedOn: LocalDate) -> Bool {
        today > max(dueOn, openedOn).adding(days: closingDays)
    }
}
