import Foundation
import HTTP2
import RPC
import Shared

/// `--health-probe`: asks a running service about its health, for container health checks: no other program is needed.
extension ServiceHost {
    /// How long a probe may take in all.
    private static let patience: Duration = .seconds(3)

    static func probe(_ definition: any ServiceDefinition.Type, arguments: [String]) async -> Never {
        do {
            let settings = try settings(of: definition, arguments: arguments)
            if let problem = await problem(with: definition, settings: settings) {
                Terminal.complain("\(definition.identity.name): \(problem)\n")
                exit(1)
            }
            Terminal.say("serving\n")
            exit(0)
        } catch {
            Terminal.complain("\(definition.identity.name): \(error)\n")
            exit(2)
        }
    }

    /// What keeps the service at `--listen` from serving; nil: it serves.
    package static func problem(with definition: any ServiceDefinition.Type, settings: Settings) async -> String? {
        let options = CommonOptions(definition)
        do {
            var endpoint = try settings[options.listen]
            // Listening on every address includes the loopback one.
            if endpoint.host == "0.0.0.0" { endpoint.host = "127.0.0.1" }
            if endpoint.host == "::" { endpoint.host = "::1" }
            // The certificate itself is the authority to trust here: it is this machine's own file.
            let tls = try options.tls(settings).map { TLS(trustedAuthoritiesFile: $0.certificateChainFile) }
            let client = try RPCClient(
                targets: [.init(host: endpoint.host, port: endpoint.port)], options: .init(tls: tls))
            defer { Task { await client.close(grace: .zero) } }
            let reply = try await Grpc_Health_V1_Health.Client(client)
                .check(.init(), options: .init(timeout: patience))
            return reply.status == .serving ? nil : "not serving"
        } catch { return "\(error)" }
    }
}
