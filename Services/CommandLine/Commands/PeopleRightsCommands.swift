import ArgumentParser
import Foundation
import Shared

struct DuplicatesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "duplicates", abstract: "People who may be one: the queue, merging, and taking it back.",
        subcommands: [List.self, Scan.self, Dismiss.self, Merge.self, Unmerge.self])

    struct List: ServiceCommand {
        static let configuration = CommandConfiguration(abstract: "The queue, the likeliest first.")

        @Option(help: "Only pairs with this person, people/{id}.")
        var person = ""
        @Option(help: "At most so many.")
        var limit = 50
        @OptionGroup var connection: ConnectionOptions

        func run(_ suite: Connections, _ output: Output) async throws {
            var request = Cdt_Registry_V1_ListDuplicatesRequest()
            request.person = person
            var answer = Cdt_Registry_V1_ListDuplicatesResponse()
            answer.duplicates = try await allPages(limit: limit) { token, size in
                request.pageToken = token
                request.pageSize = size
                let page = try await suite.people.listDuplicates(request, options: suite.call)
                return (page.duplicates, page.nextPageToken)
            }
            try output.show(answer) {
                var table = Table(">SCORE", "IN COMMON", "FIRST", "SECOND", "PAIR")
                for pair in answer.duplicates {
                    table.add(
                        "\(pair.score)", pair.reasons.joined(separator: ", "), pair.firstPerson, pair.secondPerson,
                        pair.name)
                }
                return table
            }
        }
    }

    struct Scan: ServiceCommand {
        static let configuration = CommandConfiguration(abstract: "Look for new pairs now.")

        @Flag(help: "Compare everybody again.")
        var all = false
        @OptionGroup var connection: ConnectionOptions

        func run(_ suite: Connections, _ output: Output) async throws {
            var request = Cdt_Registry_V1_ScanDuplicatesRequest()
            request.all = all
            let answer = try await suite.people.scanDuplicates(request, options: suite.call)
            try output.show(answer) { "\(grouped(answer.people)) people compared, \(grouped(answer.found)) new pairs" }
        }
    }

    struct Dismiss: ServiceCommand {
        static let configuration = CommandConfiguration(abstract: "Say that two people are not the same.")

        @Argument(help: "duplicates/{id}.")
        var pair: String
        @OptionGroup var connection: ConnectionOptions

        func run(_ suite: Connections, _ output: Output) async throws {
            var request = Cdt_Registry_V1_DismissDuplicateRequest()
            request.name = pair
            request.requestID = UUID().uuidString
            let answer = try await suite.people.dismissDuplicate(request, options: suite.call)
            try output.show(answer) { "\(answer.duplicate.name) dismissed" }
        }
    }

    struct Merge: ServiceCommand {
        static let configuration = CommandConfiguration(abstract: "Make two people one; it can be taken back.")

        @Argument(help: "Who stays, people/{id}.")
        var survivor: String
        @Argument(help: "Who is merged into the other, people/{id}.")
        var merged: String
        @Option(help: "Why.")
        var reason = ""
        @OptionGroup var connection: ConnectionOptions

        func run(_ suite: Connections, _ output: Output) async throws {
            var request = Cdt_Registry_V1_MergePeopleRequest()
            request.survivor = survivor
            request.merged = merged
            request.reason = reason
            request.requestID = UUID().uuidString
            let answer = try await suite.people.mergePeople(request, options: suite.call)
            try output.show(answer) {
                (["\(answer.merge.name): \(answer.merge.memberships.count) memberships moved"]
                    + answer.warnings.map { "\($0.reason): \($0.description_p)" }).joined(separator: "\n")
            }
        }
    }

    struct Unmerge: ServiceCommand {
        static let configuration = CommandConfiguration(abstract: "Take a merge back.")

        @Argument(help: "personMerges/{id}.")
        var merge: String
        @OptionGroup var connection: ConnectionOptions

        func run(_ suite: Connections, _ output: Output) async throws {
            var request = Cdt_Registry_V1_UnmergePeopleRequest()
            request.name = merge
            request.requestID = UUID().uuidString
            let answer = try await suite.people.unmergePeople(request, options: suite.call)
            try output.show(answer) { "\(answer.merge.name) taken back" }
        }
    }
}

extension PeopleCommand {
    struct Data: ServiceCommand {
        static let configuration = CommandConfiguration(
            commandName: "data", abstract: "Everything held of a person, as JSON. The read is audited.")

        @Argument(help: "people/{id}.")
        var person: String
        @OptionGroup var connection: ConnectionOptions

        func run(_ suite: Connections, _ output: Output) async throws {
            var request = Cdt_Registry_V1_ExportPersonDataRequest()
            request.name = person
            let answer = try await suite.people.exportPersonData(request, options: suite.call)
            try Output(format: .json).show(answer) { "" }
        }
    }

    struct Erase: ServiceCommand {
        static let configuration = CommandConfiguration(
            abstract: "Erase a person's data for good; memberships stay under the id.")

        @Argument(help: "people/{id}.")
        var person: String
        @Option(help: "Why.")
        var reason = ""
        @OptionGroup var connection: ConnectionOptions

        func run(_ suite: Connections, _ output: Output) async throws {
            var request = Cdt_Registry_V1_ErasePersonRequest()
            request.name = person
            request.reason = reason
            request.requestID = UUID().uuidString
            let answer = try await suite.people.erasePerson(request, options: suite.call)
            try output.show(answer) { "\(answer.person.name) erased" }
        }
    }
}
