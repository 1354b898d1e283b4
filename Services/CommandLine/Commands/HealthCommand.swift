import ArgumentParser
import Foundation
import RPC
import Shared

struct HealthCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "health", abstract: "Whether the four services are reachable and serving.",
        discussion: "Ends with 69 when one of them is not.")

    @OptionGroup var connection: ConnectionOptions

    private struct Line: Encodable {
        let service: String
        let address: String
        let state: String
        let milliseconds: Int64
    }

    func run() async throws {
        let suite = Connections(options: connection)
        var lines: [Line] = []
        for kind in ServiceKind.allCases {
            let begun = ContinuousClock.now
            var state: String
            do {
                let health = try Grpc_Health_V1_Health.Client(suite.client(kind))
                state = label(try await health.check(.init(), options: suite.call).status)
            } catch let error as RPCError {
                state = "\(error.code): \(error.message)"
            }
            lines.append(
                Line(
                    service: kind.rawValue, address: connection.endpoint(of: kind).shown, state: state,
                    milliseconds: Int64(begun.duration(to: .now) / .milliseconds(1))))
        }
        await suite.close()
        try show(lines)
        if lines.contains(where: { $0.state != label(Grpc_Health_V1_HealthCheckResponse.ServingStatus.serving) }) {
            throw ExitCode(ExitCodes.unavailable)
        }
    }

    private func show(_ lines: [Line]) throws {
        switch connection.output {
        case .json: print(String(decoding: try JSONEncoder().encode(lines), as: UTF8.self))
        case .table:
            var table = Table("SERVICE", "ADDRESS", "STATE", ">MS")
            for line in lines { table.add(line.service, line.address, line.state, "\(line.milliseconds)") }
            print(table.text)
        }
    }
}
