import Foundation
import RPC
import Shared
import Synchronization
import TestSupport
import Testing

/// The four programs, as they are built.
enum Program: String, CaseIterable {
    case registry
    case activity = "activity-reporting"
    case funding = "funding-policy"
    case notification

    /// As `cdt` and the other services name it.
    var shortName: String {
        switch self {
        case .registry: "registry"
        case .activity: "activity"
        case .funding: "funding"
        case .notification: "notification"
        }
    }

    /// Where its sources and its guide are.
    var folder: String {
        switch self {
        case .registry: "Registry"
        case .activity: "ActivityReporting"
        case .funding: "FundingPolicy"
        case .notification: "Notification"
        }
    }

    /// Services whose feeds it follows.
    var peers: [Program] {
        switch self {
        case .registry: []
        case .activity: [.registry]
        case .funding: [.registry, .activity]
        case .notification: [.registry, .activity, .funding]
        }
    }
}

/// The four services as child processes on free ports, with their data in a scratch folder, and a mail catcher.
final class RunningSuite: Sendable {
    struct NotReady: Error, CustomStringConvertible {
        let description: String
    }

    let scratch: ScratchFolder
    private let ports: [Program: Int]
    private let adminPorts: [Program: Int]
    private let processes = Mutex<[Program: ServiceProcess]>([:])
    private let catcher: BackgroundProcess?
    private let smtp: String
    /// Given to every service besides.
    private let arguments: [String]
    /// Given to one of them.
    private let own: [Program: [String]]

    var mailFolder: String { scratch.path("mail") }

    /// Starts everything, runs the test, and stops everything, whatever happens.
    static func run(
        _ programs: [Program] = Program.allCases, arguments: [String] = [], own: [Program: [String]] = [:],
        _ body: (RunningSuite) async throws -> Void
    ) async throws {
        let scratch = try ScratchFolder()
        defer { scratch.remove() }
        let suite = try await RunningSuite(programs, scratch, arguments, own)
        do {
            for program in programs { try suite.start(program) }
            for program in programs { try await suite.untilServing(program) }
            try await body(suite)
        } catch {
            await suite.stop()
            throw error
        }
        // A service that is asked to stop ends by itself, with 0.
        for program in programs.reversed() {
            let status = await suite.process(program)?.terminate()
            #expect(status == 0, "\(program) ended with \(status.map(String.init) ?? "nothing: it went on")")
        }
        await suite.stop()
    }

    private init(
        _ programs: [Program], _ scratch: ScratchFolder, _ arguments: [String], _ own: [Program: [String]]
    ) async throws {
        self.scratch = scratch
        self.arguments = arguments
        self.own = own
        // Fixed, because a service that comes back must be where the others look for it.
        var free: Set<Int> = []
        while free.count < 2 * Program.allCases.count { free.insert(try FreePort.find()) }
        ports = Dictionary(uniqueKeysWithValues: zip(Program.allCases, free))
        adminPorts = Dictionary(uniqueKeysWithValues: zip(Program.allCases, free.dropFirst(Program.allCases.count)))
        guard programs.contains(.notification) else {
            (catcher, smtp) = (nil, "")
            return
        }
        let catcher = try BackgroundProcess(["tools/mail-catcher", scratch.path("mail"), "0"])
        self.catcher = catcher
        // The first start may have to make the Python environment.
        smtp = try await catcher.line(after: "listening on ", within: .seconds(120))
    }

    func address(_ program: Program) -> String { "127.0.0.1:\(ports[program] ?? 0)" }

    /// Where its metrics are.
    func adminAddress(_ program: Program) -> String { "127.0.0.1:\(adminPorts[program] ?? 0)" }

    func process(_ program: Program) -> ServiceProcess? { processes.withLock { $0[program] } }

    func start(_ program: Program, _ more: [String] = []) throws {
        var command = [
            "\(PackageFolder.products)/\(program.rawValue)", "--listen", address(program), "--admin-listen",
            adminAddress(program), "--data", scratch.path(program.shortName), "--grace", "5",
        ]
        for peer in program.peers { command += ["--peer", "\(peer.shortName)=\(address(peer))"] }
        if program == .notification {
            command += [
                "--smtp-url", "smtp://\(smtp)", "--smtp-from", "Nhắc việc <nhac-viec@cdt.example>",
                "--smtp-rate", "500",
            ]
        }
        let process = try ServiceProcess(
            command + arguments + (own[program] ?? []) + more, log: scratch.path("\(program.shortName).log"),
            limit: .seconds(900))
        processes.withLock { $0[program] = process }
    }

    func untilServing(_ program: Program) async throws {
        let client = try RPCClient(targets: [#require(RPCClient.Target(address(program)))])
        let health = Grpc_Health_V1_Health.Client(client)
        try await eventually("\(program) serves", within: .seconds(120)) {
            if let process = process(program), !process.isRunning {
                throw NotReady(description: "\(program) ended: \(process.lastLines())")
            }
            let answer = try? await health.check(.init(), options: .init(timeout: .seconds(2)))
            return answer?.status == .serving
        }
        await client.close(grace: .zero)
    }

    /// SIGKILL, as when the machine's memory runs out.
    func crash(_ program: Program) async { await process(program)?.crash() }

    func restart(_ program: Program, _ more: String...) async throws {
        try start(program, more)
        try await untilServing(program)
    }

    private func stop() async {
        for process in processes.withLock({ Array($0.values) }) { await process.crash() }
        _ = await catcher?.stop()
    }

    /// Runs cdt against these services.
    func cdt(_ arguments: String...) async throws -> ChildProcess.Outcome { try await cdt(arguments) }

    func cdt(_ arguments: [String], limit: Duration = .seconds(300)) async throws -> ChildProcess.Outcome {
        let environment = Dictionary(
            uniqueKeysWithValues: Program.allCases.map { ("CDT_\($0.shortName.uppercased())", address($0)) })
        return try await ChildProcess.run(
            ["\(PackageFolder.products)/cdt"] + arguments, environment: environment, limit: limit)
    }
}
