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
    ///
    /// With TLS the answer is that of `/readyz` on the admin port: a probe has neither the certificate's name nor,
    /// where callers must show one, a certificate.
    package static func problem(with definition: any ServiceDefinition.Type, settings: Settings) async -> String? {
        let options = CommonOptions(definition)
        do {
            if try options.tls(settings) != nil {
                let status = try await AdminProbe.status(of: "/readyz", at: local(try settings[options.adminListen]))
                return status == 200 ? nil : "not ready: /readyz answers \(status)"
            }
            let endpoint = local(try settings[options.listen])
            let client = try RPCClient(host: endpoint.host, port: endpoint.port)
            let reply = await Result {
                try await Grpc_Health_V1_Health.Client(client).check(.init(), options: .init(timeout: patience))
            }
            await client.close(grace: .zero)
            return try reply.get().status == .serving ? nil : "not serving"
        } catch { return "\(error)" }
    }

    /// Listening on every address includes the loopback one.
    private static func local(_ endpoint: Endpoint) -> Endpoint {
        switch endpoint.host {
        case "0.0.0.0": Endpoint(host: "127.0.0.1", port: endpoint.port)
        case "::": Endpoint(host: "::1", port: endpoint.port)
        default: endpoint
        }
    }
}

extension Result where Failure == any Error, Success: Sendable {
    fileprivate init(_ body: () async throws -> Success) async {
        do {
            self = .success(try await body())
        } catch { self = .failure(error) }
    }
}
