import ArgumentParser
import Foundation
import Shared
import SwiftProtobuf

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
