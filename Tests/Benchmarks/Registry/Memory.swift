import ArgumentParser
import Foundation
import Logging
import NIOPosix
import RPC
import ServiceKit
import Shared
import SwiftProtobuf

/// All teams of a Registry on a day.
func forEachTeam(
    of client: RPCClient, on date: String, _ body: (Cdt_Registry_V1_Team) throws -> Void
) async throws {
    let registry = Cdt_Registry_V1_RegistryService.Client(client)
    var request = Cdt_Registry_V1_ListTeamsRequest.with {
        $0.date = date
        $0.pageSize = 1000
    }
    repeat {
        let page = try await registry.listTeams(request)
        for team in page.teams { try body(team) }
        request.pageToken = page.nextPageToken
    } while !request.pageToken.isEmpty
}

struct Names: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Write the names of all teams to a file.")

    @Argument(help: "The Registry, HOST:PORT.") var registry: String
    @Argument(help: "The file.") var file: String
    @ArgumentParser.Option(help: "The day.") var date: String

    func run() async throws {
        let client = try RPCClient.to(registry)
        var names: [String] = []
        try await forEachTeam(of: client, on: date) { names.append($0.name) }
        await client.close()
        try names.joined(separator: "\n").write(toFile: file, atomically: true, encoding: .utf8)
        tell(["teams": Double(names.count)])
    }
}

/// `GetTeam` as the Registry answers it, with everything that surrounds its handlers, but from a dictionary.
struct Memory: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Answer GetTeam from memory until a signal comes.")

    @Argument(help: "The Registry whose teams are taken, HOST:PORT.") var registry: String
    @Argument(help: "TCP port.") var port: Int
    @ArgumentParser.Option(help: "The day.") var date: String

    func run() async throws {
        let client = try RPCClient.to(registry)
        var teams: [String: Cdt_Registry_V1_GetTeamResponse] = [:]
        try await forEachTeam(of: client, on: date) { team in
            teams[team.name] = .with {
                $0.team = team
                $0.date = date
            }
        }
        await client.close()
        let service = TeamsInMemory(teams: teams)
        var router = ServiceRouter()
        service.register(in: &router)
        let log = LogWriter()
        // As the Registry runs in this comparison: log lines of errors alone.
        let interceptor = ServiceInterceptor(
            service: "registry", errorDomain: "registry.cdt.vn", methods: router.methods, metrics: MetricsRegistry(),
            log: log, logLevel: .error, logger: Logger(label: "memory") { JSONLogHandler(label: $0, writer: log) },
            authenticator: LocalAuthenticator(), gate: .open, drain: DrainSignal())
        let server = RPCServer(
            configuration: .init(port: port, isTracing: true), services: [service], interceptors: [interceptor])
        try await server.start()
        while true { try await Task.sleep(for: .seconds(3600)) }
    }
}

private struct TeamsInMemory: RegistrableService {
    let teams: [String: Cdt_Registry_V1_GetTeamResponse]

    func register(in router: inout ServiceRouter) {
        router.unary(
            Cdt_Registry_V1_RegistryService.Method.getTeam,
            decode: { try Cdt_Registry_V1_GetTeamRequest(serializedBytes: $0) },
            encode: { (message: Cdt_Registry_V1_GetTeamResponse) in try message.serializedBytes() },
            handler: { request, _ in
                guard let found = teams[request.name] else {
                    throw RPCError(code: .notFound, message: "no team \(request.name)")
                }
                return found
            })
    }
}
