import ArgumentParser
import Foundation
import RPC
import Shared
import SwiftProtobuf

/// Calls as fast as they are answered, each of another team or unit.
struct Call: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Call a server for some seconds.")

    enum Kind: String, ExpressibleByArgument, Sendable {
        case getTeam = "get-team"
        case listTeams = "list-teams"
        case coverage
    }

    @Argument(help: "HOST:PORT.") var server: String
    @Argument(help: "What to call.") var kind: Kind
    @ArgumentParser.Option(help: "File with names of teams, for get-team.") var names = ""
    @ArgumentParser.Option(help: "The day.") var date: String
    @ArgumentParser.Option(help: "Seconds.") var seconds = 3.0
    @ArgumentParser.Option(help: "Connections.") var connections = 4
    @ArgumentParser.Option(help: "Calls at once.") var callers = 64

    func run() async throws {
        let clients = try (0..<connections).map { _ in try RPCClient.to(server) }
        let subjects = try await subjects(clients[0])
        let end = ContinuousClock.now + .seconds(seconds)
        let begun = ContinuousClock.now
        let times = try await withThrowingTaskGroup(of: [Int64].self) { group in
            for caller in 0..<callers {
                let registry = Cdt_Registry_V1_RegistryService.Client(clients[caller % connections])
                group.addTask { try await calls(registry, subjects, caller: caller, until: end) }
            }
            return try await group.reduce(into: []) { $0 += $1 }
        }
        let spent = Double((ContinuousClock.now - begun) / .nanoseconds(1)) / 1e9
        for client in clients { await client.close() }
        let sorted = times.sorted()
        func percentile(_ part: Double) -> Double {
            sorted.isEmpty ? 0 : Double(sorted[min(sorted.count - 1, Int(Double(sorted.count) * part))]) / 1e9
        }
        tell([
            "calls": Double(sorted.count), "seconds": spent, "p50": percentile(0.5), "p99": percentile(0.99),
        ])
    }

    /// Names of teams, or of the provinces and the nation.
    private func subjects(_ client: RPCClient) async throws -> [String] {
        if kind == .getTeam {
            return try String(contentsOfFile: names, encoding: .utf8).split(separator: "\n").map(String.init)
        }
        let registry = Cdt_Registry_V1_RegistryService.Client(client)
        let provinces = try await registry.listUnits(
            .with {
                $0.level = .province
                $0.date = date
                $0.pageSize = 100
            })
        // With --quick only a few provinces have teams.
        var inhabited: [String] = []
        for province in provinces.units.map(\.name) {
            let teams = try await registry.listTeams(
                .with {
                    $0.unit = province
                    $0.date = date
                    $0.pageSize = 1
                })
            if !teams.teams.isEmpty { inhabited.append(province) }
        }
        guard !inhabited.isEmpty else { throw ValidationError("no province has teams on \(date)") }
        return inhabited
    }

    private func calls(
        _ registry: Cdt_Registry_V1_RegistryService.Client, _ subjects: [String], caller: Int,
        until end: ContinuousClock.Instant
    ) async throws -> [Int64] {
        var times: [Int64] = []
        // Steps that have no divisor in common with the number of subjects: all over the country, none twice in a row.
        var position = caller &* 1_000_003
        while true {
            let begun = ContinuousClock.now
            guard begun < end else { return times }
            position &+= 7_919
            let subject = subjects[position % subjects.count]
            switch kind {
            case .getTeam:
                let answer = try await registry.getTeam(
                    .with {
                        $0.name = subject
                        $0.date = date
                    })
                guard answer.team.name == subject else { throw ValidationError("another team than \(subject) came") }
            case .listTeams:
                let answer = try await registry.listTeams(
                    .with {
                        $0.unit = subject
                        $0.date = date
                        $0.pageSize = 100
                    })
                guard !answer.teams.isEmpty else { throw ValidationError("no teams under \(subject)") }
            case .coverage:
                let answer = try await registry.getCoverage(
                    .with {
                        $0.unit = subject
                        $0.level = .commune
                        $0.date = date
                    })
                guard answer.coverage.denominator > 0 else { throw ValidationError("no communes under \(subject)") }
            }
            times.append(Int64((ContinuousClock.now - begun) / .nanoseconds(1)))
        }
    }
}

/// Reads a topic of the feed from its beginning to now.
struct Follow: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Read a topic of the feed to its end.")

    @Argument(help: "HOST:PORT.") var server: String
    @Argument(help: "The topic.") var topic: String

    func run() async throws {
        let client = try RPCClient.to(server)
        let begun = ContinuousClock.now
        var events = 0
        let call = try await Cdt_Feed_V1_FeedService.Client(client).follow(
            .with {
                $0.topic = topic
                $0.maxBatch = 1000
            })
        for try await response in call.responses {
            events += response.events.count
            if response.caughtUp { break }
        }
        let spent = Double((ContinuousClock.now - begun) / .nanoseconds(1)) / 1e9
        call.cancel()
        await client.close()
        tell(["events": Double(events), "seconds": spent])
    }
}
