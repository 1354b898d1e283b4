import Shared

/// One row of reports-YYYY-MM.csv that tells of work done.
struct ReportLine: Sendable, Equatable {
    let submittedOn: String
    let sessions, households: Int64
    /// In the order of the five skills.
    let skills: [Int64]
}

/// The rows of a report file, by member.
struct ReportLines {
    private let lines: [String: ReportLine]
    /// Members in the file, also those who have submitted nothing.
    let members: Int

    private static let skillColumns = [
        "public_services", "online_shopping", "online_payment", "online_safety", "other_platforms",
    ]

    init(_ document: CSVDocument, month: ReportMonth) throws {
        let member = try document.column("member_id")
        let monthColumn = try document.column("month")
        let status = try document.column("status")
        let date = try document.column("submitted_on")
        let sessions = try document.column("sessions")
        let households = try document.column("households")
        let skills = try Self.skillColumns.map(document.column)
        var lines: [String: ReportLine] = [:]
        var members = 0
        try document.eachRecord { record in
            let f = record.fields
            guard f[monthColumn] == "\(month)" else {
                throw CSVError(
                    file: document.file, line: record.line,
                    problem: "month \(f[monthColumn]) in a file that is read as \(month); give --month")
            }
            members += 1
            guard f[status] != ReportRows.notSubmitted else { return }
            func count(_ column: Int) throws -> Int64 {
                guard let value = Int64(f[column]), value >= 0 else {
                    throw CSVError(
                        file: document.file, line: record.line,
                        problem: "\(document.header[column]) is \(f[column]); it must be a number, 0 or more")
                }
                return value
            }
            lines[f[member]] = try ReportLine(
                submittedOn: f[date], sessions: count(sessions), households: count(households),
                skills: skills.map(count))
        }
        self.lines = lines
        self.members = members
    }

    var count: Int { lines.count }

    subscript(member: String) -> ReportLine? { lines[member] }
}

/// Makes the report of a subject out of the rows of its members: one for a member, all for a team that reports as one.
enum ReportDraft {
    /// Nil when none of the members has submitted anything.
    static func report(
        of lines: [ReportLine], team: String, person: String, month: ReportMonth, platform: String
    ) -> Cdt_Activity_V1_Report? {
        guard let first = lines.map(\.submittedOn).min() else { return nil }
        var report = Cdt_Activity_V1_Report()
        report.team = team
        report.person = person
        report.period = "\(month)"
        report.source = .import
        report.declaredOn = first
        let skills: [Cdt_Activity_V1_Skill] = [
            .onlinePublicServices, .onlineShopping, .onlinePayment, .selfProtection, .localPlatform,
        ]
        for (index, skill) in skills.enumerated() {
            let count = lines.reduce(0) { $0 + $1.skills[index] }
            guard count > 0 else { continue }
            var activity = Cdt_Activity_V1_Activity()
            activity.skill = skill
            activity.beneficiary = .resident
            activity.channel = .homeVisit
            activity.count = count
            if skill == .localPlatform { activity.platform = platform }
            report.activities.append(activity)
        }
        report.counters = [
            flow("group_sessions", lines.reduce(0) { $0 + $1.sessions }),
            flow("households_visited", lines.reduce(0) { $0 + $1.households }),
        ]
        return report
    }

    private static func flow(_ code: String, _ value: Int64) -> Cdt_Activity_V1_Counter {
        var counter = Cdt_Activity_V1_Counter()
        counter.code = code
        counter.kind = .flow
        counter.value = value
        counter.qualifier = .exact
        return counter
    }
}
