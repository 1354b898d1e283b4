import ArgumentParser
import Shared

struct TeamsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "teams", abstract: "Teams, their members and numbers, as of any date.",
        subcommands: [Get.self, List.self, Members.self, Count.self])

    struct Get: ServiceCommand {
        static let configuration = CommandConfiguration(
            abstract: "One team.", discussion: "Example: cdt teams get csv:18070-001 --date 2024-10-31")

        @Argument(help: "teams/{id}, or SYSTEM:KEY, its key in the system it was imported from.")
        var team: String
        @Option(help: "The day, YYYY-MM-DD; default: today.")
        var date = ""
        @OptionGroup var connection: ConnectionOptions

        func run(_ suite: Connections, _ output: Output) async throws {
            let answer = try await suite.team(team, on: date)
            try output.show(answer) {
                let team = answer.team
                var table = Table("TEAM", team.displayName)
                table.add("name", team.name)
                table.add("level", label(team.level))
                table.add("unit", team.unit)
                table.add("status", label(team.status))
                for period in team.statusHistory {
                    table.add("", "\(label(period.status)) \(shownInterval(period.from, period.to))")
                }
                table.add("decision", team.hasDecision ? "\(team.decision.number) \(team.decision.issuedOn)" : "none")
                if !team.flags.isEmpty { table.add("look at", team.flags.joined(separator: ", ")) }
                if !team.externalID.isEmpty { table.add("from", "\(team.sourceSystem):\(team.externalID)") }
                table.add("as of", answer.date)
                return table
            }
        }
    }

    struct List: ServiceCommand {
        static let configuration = CommandConfiguration(
            abstract: "Teams of a unit and everything below it.",
            discussion: """
                With today's unit, an earlier --date and --tree-date of today, the past of the territory now in it.
                Example: cdt teams list 42 --date 2024-10-31 --level commune --limit 20
                """)

        @Argument(help: "units/{id}, vn, or a national code.")
        var unit = "vn"
        @Option(help: "The day of the teams' state, YYYY-MM-DD; default: today.")
        var date = ""
        @Option(help: "The day whose units count, and on which a code is read; default: the same.")
        var treeDate = ""
        @Option(help: "Only commune or hamlet teams.")
        var level: Cdt_Common_V1_TeamLevel?
        @Option(help: "Only teams with this flag, for example NEEDS_LEADER.")
        var flag = ""
        @Option(help: "At most so many; 0: all.")
        var limit = 100
        @OptionGroup var connection: ConnectionOptions

        func run(_ suite: Connections, _ output: Output) async throws {
            var request = Cdt_Registry_V1_ListTeamsRequest()
            request.unit = try await suite.unitName(unit, on: treeDate.isEmpty ? date : treeDate)
            request.date = date
            request.treeDate = treeDate
            request.level = level ?? .unspecified
            request.flag = flag
            var answer = Cdt_Registry_V1_ListTeamsResponse()
            answer.teams = try await allPages(limit: limit) { token, size in
                request.pageToken = token
                request.pageSize = size
                let page = try await suite.registry.listTeams(request, options: suite.call)
                answer.date = page.date
                answer.treeDate = page.treeDate
                return (page.teams, page.nextPageToken)
            }
            try output.show(answer) {
                var table = Table("LEVEL", "NAME", "STATUS", "SINCE", "TEAM")
                for team in answer.teams {
                    table.add(
                        label(team.level), team.displayName, label(team.status), team.statusHistory.first?.from ?? "",
                        team.name)
                }
                return "\(table.text)\n\(answer.teams.count) teams on \(answer.date), units of \(answer.treeDate)"
            }
        }
    }

    struct Members: ServiceCommand {
        static let configuration = CommandConfiguration(
            abstract: "The members of a team. Personal data: the read is audited.",
            discussion: "Example: cdt teams members csv:18070-001 --date 2024-10-31")

        @Argument(help: "teams/{id} or SYSTEM:KEY.")
        var team: String
        @Option(help: "The day, YYYY-MM-DD; default: today.")
        var date = ""
        @OptionGroup var connection: ConnectionOptions

        func run(_ suite: Connections, _ output: Output) async throws {
            var request = Cdt_Registry_V1_ListMembershipsRequest()
            request.parent = try await suite.teamName(team)
            request.date = date
            request.includePeople = true
            var answer = Cdt_Registry_V1_ListMembershipsResponse()
            answer.memberships = try await allPages { token, size in
                request.pageToken = token
                request.pageSize = size
                let page = try await suite.registry.listMemberships(request, options: suite.call)
                answer.people += page.people
                answer.date = page.date
                return (page.memberships, page.nextPageToken)
            }
            let people = Dictionary(answer.people.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
            try output.show(answer) {
                var table = Table("ROLE", "FULL NAME", "BORN", "PHONE", "OCCUPATION", "FROM", "PERSON")
                for membership in answer.memberships {
                    let person = people[membership.person] ?? Cdt_Registry_V1_Person()
                    table.add(
                        label(membership.role), person.fullName, person.birthYear == 0 ? "" : "\(person.birthYear)",
                        person.phones.joined(separator: " "), label(person.occupation), membership.from,
                        membership.person)
                }
                return "\(table.text)\n\(answer.memberships.count) members on \(answer.date)"
            }
        }
    }

    struct Count: ServiceCommand {
        static let configuration = CommandConfiguration(
            abstract: "Numbers of active teams and members.",
            discussion: "Example: cdt teams count 42 --date 2024-10-31")

        @Argument(help: "units/{id}, vn, or a national code.")
        var unit = "vn"
        @Option(help: "The day, YYYY-MM-DD; default: today.")
        var date = ""
        @Option(help: "The day whose units count, and on which a code is read; default: the same.")
        var treeDate = ""
        @OptionGroup var connection: ConnectionOptions

        func run(_ suite: Connections, _ output: Output) async throws {
            var request = Cdt_Registry_V1_CountTeamsRequest()
            request.unit = try await suite.unitName(unit, on: treeDate.isEmpty ? date : treeDate)
            request.date = date
            request.treeDate = treeDate
            let answer = try await suite.registry.countTeams(request, options: suite.call)
            try output.show(answer) {
                var table = Table("ON", ">COMMUNE TEAMS", ">HAMLET TEAMS", ">MEMBERSHIPS", ">PEOPLE")
                table.add(
                    answer.date, grouped(answer.communeTeams), grouped(answer.hamletTeams),
                    grouped(answer.memberships), grouped(answer.people))
                return table
            }
        }
    }
}

struct PeopleCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "people", abstract: "People. Personal data: every read is audited.",
        subcommands: [Get.self, Memberships.self, Data.self, Erase.self])

    struct Get: ServiceCommand {
        static let configuration = CommandConfiguration(
            abstract: "One person.", discussion: "Example: cdt people get csv:18070-001-01")

        @Argument(help: "people/{id} or SYSTEM:KEY.")
        var person: String
        @OptionGroup var connection: ConnectionOptions

        func run(_ suite: Connections, _ output: Output) async throws {
            var request = Cdt_Registry_V1_GetPersonRequest()
            if let key = suite.sourceKey(person) { request.source = key } else { request.name = person }
            let answer = try await suite.registry.getPerson(request, options: suite.call)
            try output.show(answer) {
                let person = answer.person
                var table = Table("PERSON", person.fullName)
                table.add("name", person.name)
                table.add("born", person.birthDate.isEmpty ? "\(person.birthYear)" : person.birthDate)
                table.add("sex", label(person.sex))
                table.add("phones", person.phones.joined(separator: " "))
                table.add("e-mail", person.email)
                table.add("occupation", label(person.occupation))
                table.add("in", person.organisations.joined(separator: ", "))
                return table
            }
        }
    }

    struct Memberships: ServiceCommand {
        static let configuration = CommandConfiguration(
            abstract: "The teams a person is in.",
            discussion: "Example: cdt people memberships people/0190… --past")

        @Argument(help: "people/{id}.")
        var person: String
        @Option(help: "The day, YYYY-MM-DD; default: today.")
        var date = ""
        @Flag(help: "All that ever were.")
        var past = false
        @OptionGroup var connection: ConnectionOptions

        func run(_ suite: Connections, _ output: Output) async throws {
            var request = Cdt_Registry_V1_ListMembershipsRequest()
            request.parent = person
            request.date = date
            request.includePast = past
            var answer = Cdt_Registry_V1_ListMembershipsResponse()
            answer.memberships = try await allPages { token, size in
                request.pageToken = token
                request.pageSize = size
                let page = try await suite.registry.listMemberships(request, options: suite.call)
                return (page.memberships, page.nextPageToken)
            }
            try output.show(answer) {
                var table = Table("ROLE", "TIME", "TEAM", "MEMBERSHIP")
                for membership in answer.memberships {
                    table.add(
                        label(membership.role), shownInterval(membership.from, membership.to), membership.team,
                        membership.name)
                }
                return table
            }
        }
    }
}
