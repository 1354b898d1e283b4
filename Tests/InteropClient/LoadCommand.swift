import ArgumentParser
import Foundation
import InteropService
import RPC

/// Load on several servers through one round-robin client, for the rolling restart of `./dev drain-test`.
struct LoadCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "load", abstract: "Call servers without a pause until a line comes on standard input.",
        discussion:
            "Prints `using ID…` a few times a second: the servers that have answered. Ends with 1 when a call failed.")

    @Option(help: "Address of a server, HOST:PORT; may be repeated.") var target: [String]
    @Option(help: "Calls at once.") var workers = 32

    func run() async throws {
        let targets = try target.map { text in
            guard let target = RPCClient.Target(text) else { throw ValidationError("\(text) is not HOST:PORT") }
            return target
        }
        let rpc = try RPCClient(
            targets: targets,
            options: .init(connectBackoff: Backoff(initial: .milliseconds(100), maximum: .seconds(1))))
        let load = Load(rpc)
        let telling = Task {
            while true {
                try await Task.sleep(for: .milliseconds(200))
                InteropClient.say("using \(load.takeServers().sorted().joined(separator: " "))")
            }
        }
        let running = Task { await load.run(workers: workers) }
        await withCheckedContinuation { continuation in
            Thread.detachNewThread {
                _ = readLine()
                continuation.resume()
            }
        }
        load.stop()
        await running.value
        telling.cancel()
        await rpc.close()
        let report = load.report
        for failure in report.failures.prefix(20) { InteropClient.say("failed \(failure)") }
        InteropClient.say("calls \(report.succeeded) failed \(report.failures.count)")
        if !report.failures.isEmpty { throw ExitCode.failure }
    }
}
