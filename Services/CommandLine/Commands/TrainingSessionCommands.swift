import ArgumentParser
import Foundation
import Shared
import SwiftProtobuf

struct TrainingPlanCommand: ServiceCommand {
    static let configuration = CommandConfiguration(
        commandName: "plan", abstract: "Plan a session, and say who is invited.",
        discussion: """
            Without an option of the invitation nobody is told. A file of --invitees is CSV with the columns team (teams/{id}
            or SYSTEM:KEY) and person (people/{id}).

            Examples:
              cdt training plan courses/0190… --unit 20 --on 2026-12-15 --at 08:00 --mode in-person \\
                --place 'Nhà văn hóa xã' --invite --invite-role leader
              cdt training plan courses/0190… --on 2026-12-15 --at 14:00 --mode online \\
                --place https://hop.example/1 --invitees invitees.csv
            """)

    @Argument(help: "courses/{id}.")
    var course: String
    @Option(help: "Where: units/{id}, vn, or a national code of today.")
    var unit = "vn"
    @Option(help: "The day, YYYY-MM-DD; of a MOOC the last one.")
    var on: String
    @Option(help: "When it begins, HH:MM; of a MOOC it may be left out.")
    var at = ""
    @Option(help: "in-person, online or mooc.")
    var mode: Cdt_Activity_V1_SessionMode
    @Option(help: "Where to come to: a house and address, or the link of an online session.")
    var place: String
    @Option(help: "Who teaches.")
    var trainer = ""
    @OptionGroup var who: InvitationArguments
    @OptionGroup var connection: ConnectionOptions

    func run(_ suite: Connections, _ output: Output) async throws {
        var request = Cdt_Activity_V1_ScheduleSessionRequest()
        request.session.course = course
        request.session.unit = try await suite.unitName(unit, on: "")
        request.session.mode = mode
        request.session.heldOn = on
        request.session.startsAt = at
        request.session.place = place
        request.session.trainer = trainer
        if let invitation = try await who.invitation(suite) { request.session.invitation = invitation }
        request.requestID = UUID().uuidString
        let answer = try await suite.training.scheduleSession(request, options: suite.call)
        try output.show(answer) { TrainingCommand.table([answer.session]) }
    }
}

struct TrainingUpdateCommand: ServiceCommand {
    static let configuration = CommandConfiguration(
        commandName: "update", abstract: "Change a planned session; what is not given stays.",
        discussion: "Example: cdt training update trainingSessions/0190… --on 2026-12-16 --place 'UBND xã'")

    @Argument(help: "trainingSessions/{id}.")
    var name: String
    @Option(help: "The day, YYYY-MM-DD; of a MOOC the last one.")
    var on: String?
    @Option(help: "When it begins, HH:MM.")
    var at: String?
    @Option(help: "in-person, online or mooc.")
    var mode: Cdt_Activity_V1_SessionMode?
    @Option(help: "Where to come to: a house and address, or the link of an online session.")
    var place: String?
    @Option(help: "Who teaches; empty: nobody is named.")
    var trainer: String?
    @Flag(help: "Nobody is invited any more.")
    var inviteNobody = false
    @OptionGroup var who: InvitationArguments
    @Option(help: "Its etag: refused when somebody has changed it since. Default: whatever it is.")
    var etag = ""
    @OptionGroup var connection: ConnectionOptions

    func validate() throws {
        guard !inviteNobody || !who.isGiven else {
            throw ValidationError("--invite-nobody cannot be given with another option of the invitation.")
        }
        guard !request.updateMask.paths.isEmpty else {
            throw ValidationError("Say what changes: --on, --at, --mode, --place, --trainer or the invitation.")
        }
    }

    /// What changes, without who is invited.
    var request: Cdt_Activity_V1_UpdateSessionRequest {
        var request = Cdt_Activity_V1_UpdateSessionRequest()
        request.session.name = name
        request.session.etag = etag
        func change<Value>(_ path: String, _ value: Value?, _ field: WritableKeyPath<Session, Value>) {
            guard let value else { return }
            request.session[keyPath: field] = value
            request.updateMask.paths.append(path)
        }
        change("held_on", on, \.heldOn)
        change("starts_at", at, \.startsAt)
        change("mode", mode, \.mode)
        change("place", place, \.place)
        change("trainer", trainer, \.trainer)
        if who.isGiven || inviteNobody { request.updateMask.paths.append("invitation") }
        return request
    }
    private typealias Session = Cdt_Activity_V1_TrainingSession

    func run(_ suite: Connections, _ output: Output) async throws {
        var request = request
        if let invitation = try await who.invitation(suite) { request.session.invitation = invitation }
        request.requestID = UUID().uuidString
        let answer = try await suite.training.updateSession(request, options: suite.call)
        try output.show(answer) { TrainingCommand.table([answer.session]) }
    }
}

struct TrainingCancelCommand: DecisionCommand {
    static let configuration = CommandConfiguration(
        commandName: "cancel", abstract: "Cancel a planned session: who was invited is told.",
        discussion: "Example: cdt training cancel trainingSessions/0190… 'bão số 3'")

    @Argument(help: "trainingSessions/{id}.")
    var name: String
    @Argument(help: "Why; who was invited reads it.")
    var reason: String
    @Option(help: "Its etag: refused when somebody has changed it since. Default: whatever it is.")
    var etag = ""
    @OptionGroup var connection: ConnectionOptions

    func send(_ request: Cdt_Activity_V1_CancelSessionRequest, _ suite: Connections) async throws
        -> Cdt_Activity_V1_CancelSessionResponse
    {
        var request = request
        request.etag = etag
        return try await suite.training.cancelSession(request, options: suite.call)
    }

    func table(_ answer: Cdt_Activity_V1_CancelSessionResponse) -> Table { TrainingCommand.table([answer.session]) }
}

struct TrainingShowCommand: ServiceCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "One session, with who attended.",
        discussion: "Example: cdt training show trainingSessions/0190…")

    @Argument(help: "trainingSessions/{id}.")
    var name: String
    @OptionGroup var connection: ConnectionOptions

    func run(_ suite: Connections, _ output: Output) async throws {
        let answer = try await suite.training.getSession(.with { $0.name = name }, options: suite.call)
        try output.show(answer) { Self.text(answer.session) }
    }

    static func text(_ session: Cdt_Activity_V1_TrainingSession) -> String {
        var table = Table("SESSION", session.name)
        table.add("course", session.course)
        table.add("unit", session.unit.isEmpty ? "vn" : session.unit)
        table.add("state", label(session.state))
        if !session.cancellationReason.isEmpty { table.add("because", session.cancellationReason) }
        table.add("when", [session.heldOn, session.startsAt].filter { !$0.isEmpty }.joined(separator: " "))
        table.add("how", label(session.mode))
        table.add("where", session.place)
        table.add("trainer", session.trainer)
        table.add("invited", invited(to: session))
        table.add("etag", session.etag)
        guard session.state == .held else { return table.text }
        table.add("attended", "\(grouped(session.attended)), of whom \(grouped(session.completed)) completed it")
        if session.attendances.isEmpty { return table.text }
        var attended = Table("PERSON", "TEAM", "COMPLETED")
        for attendance in session.attendances {
            attended.add(attendance.person, attendance.team, attendance.completed ? "yes" : "no")
        }
        return "\(table.text)\n\n\(attended.text)"
    }
}

struct TrainingRecordCommand: ServiceCommand {
    static let configuration = CommandConfiguration(
        commandName: "record", abstract: "Record a session that was held, with who attended.",
        discussion: """
            The file is CSV with the columns team (teams/{id} or SYSTEM:KEY), person (people/{id}) and completed (1 or 0). Of
            a planned session what is not given is as it was planned.

            Examples:
              cdt training record courses/0190… --unit 20 --on 2024-10-12 --mode in-person --file attendance.csv
              cdt training record --planned trainingSessions/0190… --file attendance.csv
            """)

    @Argument(help: "courses/{id}; may be left out with --planned.")
    var course = ""
    @Option(help: "The planned session that this was, trainingSessions/{id}.")
    var planned = ""
    @Option(help: "Where: units/{id}, vn, or a national code of the day. Default: vn, or as planned.")
    var unit = "vn"
    @Option(help: "The day, YYYY-MM-DD; of a MOOC the last one.")
    var on = ""
    @Option(help: "When it began, HH:MM.")
    var at = ""
    @Option(help: "in-person, online or mooc.")
    var mode: Cdt_Activity_V1_SessionMode?
    @Option(help: "The house and address, or the link of an online session.")
    var place = ""
    @Option(help: "Who taught.")
    var trainer = ""
    @Option(help: "Who attended.", completion: .file())
    var file: String
    @OptionGroup var connection: ConnectionOptions

    func validate() throws {
        guard !planned.isEmpty || (!course.isEmpty && !on.isEmpty && mode != nil) else {
            throw ValidationError("Give the course, --on and --mode, or with --planned the session that was planned.")
        }
    }

    func run(_ suite: Connections, _ output: Output) async throws {
        let rows = try Attendances.rows(of: CSVDocument(contentsOf: URL(fileURLWithPath: file)))
        var request = Cdt_Activity_V1_RecordSessionRequest()
        request.plannedSession = planned
        request.session.course = course
        request.session.unit = try await suite.unitName(unit, on: on)
        request.session.mode = mode ?? .unspecified
        request.session.heldOn = on
        request.session.startsAt = at
        request.session.place = place
        request.session.trainer = trainer
        let teams = try await suite.teamNames(rows.map(\.team))
        request.session.attendances = rows.map { row in
            var attendance = row
            attendance.team = teams[row.team] ?? row.team
            return attendance
        }
        request.requestID = UUID().uuidString
        let answer = try await suite.training.recordSession(request, options: suite.call)
        try output.show(answer) { TrainingCommand.table([answer.session]) }
    }
}

/// The rows of an attendance list.
enum Attendances {
    /// With the teams as they are given.
    static func rows(of document: CSVDocument) throws -> [Cdt_Activity_V1_Attendance] {
        let (team, person) = (try document.column("team"), try document.column("person"))
        let completed = try document.column("completed")
        var rows: [Cdt_Activity_V1_Attendance] = []
        try document.eachRecord { record in
            guard ["0", "1"].contains(record.fields[completed]) else {
                throw CSVError(
                    file: document.file, line: record.line,
                    problem: "completed is \(record.fields[completed]); it must be 1 or 0")
            }
            rows.append(
                .with {
                    $0.team = record.fields[team]
                    $0.person = record.fields[person]
                    $0.completed = record.fields[completed] == "1"
                })
        }
        return rows
    }
}
