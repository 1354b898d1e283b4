import ArgumentParser
import Foundation
import RPC

/// The two ends of `./dev bench registry` that are not the Registry: who calls it, and who answers from memory.
@main struct BenchRegistry: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench-registry", subcommands: [Names.self, Memory.self, Call.self, Follow.self])
}

extension RPCClient {
    /// - Parameter address: HOST:PORT.
    static func to(_ address: String) throws -> RPCClient {
        guard let target = RPCClient.Target(address) else { throw ValidationError("\(address) is not HOST:PORT") }
        return try RPCClient(targets: [target], options: .init(defaultTimeout: .seconds(300)))
    }
}

/// A line of `key value` for the script.
func tell(_ values: KeyValuePairs<String, Double>) {
    print(values.map { "\($0.key) \($0.value)" }.joined(separator: "\n"))
}
