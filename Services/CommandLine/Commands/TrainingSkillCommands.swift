import ArgumentParser
import Foundation
import Shared
import SwiftProtobuf

struct TrainingRecordCommand: ServiceCommand {
    static let configuration = CommandConfiguration(
        commandName: "record", abstract: "Record a session that was held, with who attended.",
        discussion: """
            The file is CSV with the columns team (teams/{id} or SYSTEM:KEY), person (people/{id}) and completed (1 or 0).

            Example: cdt training record courses/0190… --unit 20 --on 2024-10-12 --mode in-person --file attendance.csv
            """)

    @Argument(help: "courses/{id}.")
    var course: String
    @Option(help: "Where: units/{id}, vn, or a national code of the day.")
    var unit = "vn"
    @Option(help: "The day, YYYY-MM-DD; of a MOOC the last one.")
    var on: String
    @Option(help: "in-person, online or mooc.")
    var mode: Cdt_Activity_V1_SessionMode
    @Option(help: "Who taught.")
    var trainer = ""
    @Option(help: "Who attended.", completion: .file())
    var file: String
    @OptionGroup var connection: ConnectionOptions

    func run(_ suite: Connections, _ output: Output) async throws {
        let rows = try Attendances.rows(of: CSVDocument(contentsOf: URL(fileURLWithPath: file)))
        var request = Cdt_Activity_V1_RecordSessionRequest()
        request.session.course = course
        request.session.unit = try await suite.unitName(unit, on: on)
        request.session.mode = mode
        request.session.heldOn = on
        request.session.trainer = trainer
        var teams: [String: String] = [:]
        for var attendance in rows {
            let given = attendance.team
            let name: String
            if let known = teams[given] { name = known } else { name = try await suite.teamName(given) }
            teams[given] = name
            attendance.team = name
            request.session.attendances.append(attendance)
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

/// `people/0190…:online-payment:can-teach` or, on a platform, `people/0190…:local-platform:uses:vneid`.
struct AssessmentArgument: ExpressibleByArgument {
    let assessment: Cdt_Activity_V1_SkillAssessment

    init?(argument: String) {
        let parts = argument.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 3 || parts.count == 4, parts[0].hasPrefix("people/"),
            let skill = enumValue(Cdt_Activity_V1_Skill.self, parts[1]),
            let level = enumValue(Cdt_Activity_V1_SkillLevel.self, parts[2])
        else { return nil }
        assessment = .with {
            $0.person = parts[0]
            $0.skill = skill
            $0.level = level
            if parts.count == 4 { $0.platform = parts[3] }
        }
    }
}

struct TrainingAssessCommand: ServiceCommand {
    static let configuration = CommandConfiguration(
        commandName: "assess", abstract: "Record what members of a team can do, as assessed on a day.",
        discussion: """
            What was found is PERSON:SKILL:LEVEL[:PLATFORM].

            Example: cdt training assess teams/0190… people/0190…:online-payment:can-teach --on 2024-10-12

            Levels: \(enumWords(Cdt_Activity_V1_SkillLevel.self)).
            """)

    @Argument(help: "teams/{id} or SYSTEM:KEY.")
    var team: String
    @Argument(help: "What was found, one or more.")
    var found: [AssessmentArgument]
    @Option(help: "The day, YYYY-MM-DD; default: today.")
    var on = ""
    @OptionGroup var connection: ConnectionOptions

    func run(_ suite: Connections, _ output: Output) async throws {
        var request = Cdt_Activity_V1_AssessSkillsRequest()
        request.team = try await suite.teamName(team)
        request.assessedOn = on
        request.assessments = found.map(\.assessment)
        request.requestID = UUID().uuidString
        let answer = try await suite.training.assessSkills(request, options: suite.call)
        try output.show(answer) { "\(grouped(found.count)) recorded, as of \(answer.assessedOn)" }
    }
}

struct TrainingSkillsCommand: ServiceCommand {
    static let configuration = CommandConfiguration(
        commandName: "skills", abstract: "The skill matrix of a team, and whether anyone in it can teach each skill.",
        discussion: "Example: cdt training skills my-system:18070-001")

    @Argument(help: "teams/{id} or SYSTEM:KEY.")
    var team: String
    @Option(help: "The day, YYYY-MM-DD; default: today.")
    var date = ""
    @OptionGroup var connection: ConnectionOptions

    func run(_ suite: Connections, _ output: Output) async throws {
        var request = Cdt_Activity_V1_GetTeamSkillsRequest()
        request.team = try await suite.teamName(team)
        request.date = date
        let answer = try await suite.training.getTeamSkills(request, options: suite.call)
        try output.show(answer) {
            var skills = Table("SKILL", "CAN BE TAUGHT", ">TEACHERS", ">USING", ">NOT KNOWN")
            for insight in answer.insights {
                skills.add(
                    label(insight.skill), insight.canBeTaught ? "yes" : "no", grouped(insight.teachers.count),
                    grouped(insight.using), grouped(insight.unknown))
            }
            var members = Table("PERSON", "SKILL", "PLATFORM", "LEVEL", "KNOWN SINCE")
            for entry in answer.entries {
                members.add(entry.person, label(entry.skill), entry.platform, label(entry.level), entry.knownSince)
            }
            return "\(skills.text)\n\(grouped(answer.members)) members\n\n\(members.text)"
        }
    }
}
