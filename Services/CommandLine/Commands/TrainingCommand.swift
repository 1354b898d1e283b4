import ArgumentParser
import Foundation
import Shared
import SwiftProtobuf

struct TrainingCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "training",
        abstract: "Courses, sessions with invitation and attendance, and what the members of a team can teach.",
        subcommands: [
            Courses.self, Offer.self, Sessions.self, TrainingPlanCommand.self, TrainingUpdateCommand.self,
            TrainingCancelCommand.self, TrainingShowCommand.self, TrainingRecordCommand.self,
            TrainingAssessCommand.self, TrainingSkillsCommand.self,
        ])

    struct Courses: ServiceCommand {
        static let configuration = CommandConfiguration(
            abstract: "All courses, or those offered in a unit: its own and those of the units above it.",
            discussion: "Example: cdt training courses 20")

        @Argument(help: "units/{id} or a national code of today; default: all there are.")
        var unit: String?
        @OptionGroup var connection: ConnectionOptions

        func run(_ suite: Connections, _ output: Output) async throws {
            var request = Cdt_Activity_V1_ListCoursesRequest()
            if let unit { request.unit = try await suite.unitOrNationName(unit, on: "") }
            var answer = Cdt_Activity_V1_ListCoursesResponse()
            answer.courses = try await allPages { token, size in
                request.pageToken = token
                request.pageSize = size
                let page = try await suite.training.listCourses(request, options: suite.call)
                return (page.courses, page.nextPageToken)
            }
            try output.show(answer) { TrainingCommand.table(answer.courses) }
        }
    }

    struct Offer: ServiceCommand {
        static let configuration = CommandConfiguration(
            abstract: "Record a course that a unit offers.",
            discussion: """
                Example: cdt training offer 'Thanh toán không dùng tiền mặt' --unit 20 --skill online-payment --level uses
                """)

        @Argument(help: "Its title.")
        var displayName: String
        @Option(help: "Who offers it: units/{id}, vn, or a national code of today.")
        var unit = "vn"
        @Option(help: "A skill it is about; may be repeated.")
        var skill: [Cdt_Activity_V1_Skill]
        @Option(help: "Code of the platform it is about; default: none in particular.")
        var platform = ""
        @Option(help: "What who completes it can do at least: aware, uses or can-teach.")
        var level: Cdt_Activity_V1_SkillLevel
        @OptionGroup var connection: ConnectionOptions

        func run(_ suite: Connections, _ output: Output) async throws {
            var request = Cdt_Activity_V1_CreateCourseRequest()
            request.course.displayName = displayName
            request.course.unit = try await suite.unitName(unit, on: "")
            request.course.skills = skill
            request.course.platform = platform
            request.course.level = level
            request.requestID = UUID().uuidString
            let answer = try await suite.training.createCourse(request, options: suite.call)
            try output.show(answer) { TrainingCommand.table([answer.course]) }
        }
    }

    struct Sessions: ServiceCommand {
        static let configuration = CommandConfiguration(
            abstract: "The sessions that are planned, were held or were cancelled, the last recorded first.",
            discussion: "Example: cdt training sessions --unit 20 --state planned")

        @Option(help: "Only those held in this unit: units/{id} or a national code of today.")
        var unit: String?
        @Option(help: "Only those of this course, courses/{id}.")
        var course = ""
        @Option(help: "Only those that stand so: planned, held or cancelled.")
        var state: Cdt_Activity_V1_SessionState?
        @Option(help: "At most so many; 0: all.")
        var limit = 50
        @OptionGroup var connection: ConnectionOptions

        func run(_ suite: Connections, _ output: Output) async throws {
            var request = Cdt_Activity_V1_ListSessionsRequest()
            if let unit { request.unit = try await suite.unitOrNationName(unit, on: "") }
            request.course = course
            request.state = state ?? .unspecified
            var answer = Cdt_Activity_V1_ListSessionsResponse()
            answer.sessions = try await allPages(limit: limit) { token, size in
                request.pageToken = token
                request.pageSize = size
                let page = try await suite.training.listSessions(request, options: suite.call)
                return (page.sessions, page.nextPageToken)
            }
            try output.show(answer) { TrainingCommand.table(answer.sessions) }
        }
    }

    private static func table(_ courses: [Cdt_Activity_V1_Course]) -> Table {
        var table = Table("TITLE", "SKILLS", "PLATFORM", "LEVEL", "UNIT", "COURSE")
        for course in courses {
            table.add(
                course.displayName, course.skills.map(label).joined(separator: ", "), course.platform,
                label(course.level), course.unit.isEmpty ? "vn" : course.unit, course.name)
        }
        return table
    }

    static func table(_ sessions: [Cdt_Activity_V1_TrainingSession]) -> Table {
        var table = Table("DAY", "AT", "STATE", "HOW", "TRAINER", ">ATTENDED", ">COMPLETED", "UNIT", "SESSION")
        for session in sessions {
            table.add(
                session.heldOn, session.startsAt, label(session.state), label(session.mode), session.trainer,
                grouped(session.attended), grouped(session.completed), session.unit.isEmpty ? "vn" : session.unit,
                session.name)
        }
        return table
    }
}
