import Foundation

/// Invented monthly reports: one row per member and month. Members of the youth union do most of the work, as the
/// field reports say.
package struct ReportRows: Sendable {
    package static let columns = [
        "member_id", "month", "status", "submitted_on", "sessions", "households", "public_services", "online_shopping",
        "online_payment", "online_safety", "other_platforms",
    ]
    package static let submitted = "đã nộp"
    package static let late = "nộp muộn"
    package static let notSubmitted = "chưa nộp"

    package let month: ReportMonth
    private let seed: String

    package init(month: ReportMonth, seed: String = "1") {
        self.month = month
        self.seed = seed
    }

    /// The rows of a team; none for a month that ended before the team was established.
    package func rows(of team: GeneratedTeam) -> [[String]] {
        guard team.established <= month.day(month.lastDay) else { return [] }
        // A sequence per team, not per file: a part of the country has the same reports as the whole.
        var random = SeededRandom("\(seed)/report/\(month)/\(team.id)")
        // A hamlet team reports as one, so its members' rows stand or fall together.
        let teamFate = fate(&random)
        return team.members.map { member in
            let fate = team.level == .hamlet ? teamFate : fate(&random)
            guard fate.status != Self.notSubmitted else {
                return [member.id, "\(month)", fate.status] + [String](repeating: "", count: 8)
            }
            let zeal = member.youthUnion ? 3 : member.role == .leader ? 0.6 : 1
            let effort = zeal * random.unit() * random.unit()
            let counts =
                [Int(6 * effort * random.unit() + 0.5), Int(20 * effort)]
                + (0..<5).map { _ in Int(14 * effort * random.unit()) }
            return [member.id, "\(month)", fate.status, fate.date] + counts.map(String.init)
        }
    }

    /// 70% by the due day (the 5th of the next month), 12% after it, the rest never.
    private func fate(_ random: inout SeededRandom) -> (status: String, date: String) {
        let draw = random.unit()
        let next = month.next
        if draw > 0.82 { return (Self.notSubmitted, "") }
        if draw > 0.7 { return (Self.late, next.day(6 + random.below(9))) }
        let offset = random.below(9)
        return (Self.submitted, offset < 4 ? month.day(month.lastDay - offset) : next.day(offset - 3))
    }
}

/// A calendar month, `YYYY-MM`.
package struct ReportMonth: Sendable, Equatable, CustomStringConvertible {
    package let year: Int
    package let month: Int

    package init?(_ text: String) {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        guard text.utf8.count == 7, parts.count == 2, let year = Int(parts[0]), let month = Int(parts[1]),
            (1...12).contains(month), year >= 1900
        else { return nil }
        self.year = year
        self.month = month
    }

    private init(year: Int, month: Int) {
        self.year = year
        self.month = month
    }

    package var next: ReportMonth {
        month == 12 ? ReportMonth(year: year + 1, month: 1) : ReportMonth(year: year, month: month + 1)
    }

    package var lastDay: Int {
        switch month {
        case 2: (year % 4 == 0 && year % 100 != 0) || year % 400 == 0 ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    package func day(_ day: Int) -> String { "\(self)-\(padded(day, to: 2))" }

    package var description: String { "\(year)-\(padded(month, to: 2))" }
}
