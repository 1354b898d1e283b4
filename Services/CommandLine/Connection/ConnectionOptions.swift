import ArgumentParser
import Foundation
import HTTP2
import RPC

/// Options of every command that calls a service.
struct ConnectionOptions: ParsableArguments {
    @Option(help: "Registry, host:port (environment: CDT_REGISTRY).")
    var registry = ServiceKind.registry.defaultEndpoint

    @Option(help: "Activity reporting, host:port (environment: CDT_ACTIVITY).")
    var activity = ServiceKind.activity.defaultEndpoint

    @Option(help: "Funding policy, host:port (environment: CDT_FUNDING).")
    var funding = ServiceKind.funding.defaultEndpoint

    @Option(help: "Notification, host:port (environment: CDT_NOTIFICATION).")
    var notification = ServiceKind.notification.defaultEndpoint

    @Option(
        help: "File of the token that says who is calling; read anew for each call (environment: CDT_TOKEN_FILE).")
    var tokenFile: String?

    @Option(
        help: """
            PEM file of the authorities that sign the services' certificates; without it they are called in plaintext \
            (environment: CDT_AUTHORITIES).
            """)
    var authorities: String?

    @Option(
        help: """
            PEM file of a certificate to show to services that ask for one (environment: CDT_CERTIFICATE).
            """)
    var certificate: String?

    @Option(help: "PEM file of the key of --certificate (environment: CDT_CERTIFICATE_KEY).")
    var certificateKey: String?

    @Option(
        help: """
            Collector of traces to send a span of the command and of each of its calls to, by OTLP/gRPC: host:port, \
            http://host:port, or https://host:port with --authorities (environment: OTEL_EXPORTER_OTLP_ENDPOINT).
            """)
    var otlpEndpoint: String?

    @Option(help: "Seconds a call may take; streams have no limit.")
    var timeout: Double = 30

    @Option(name: .shortAndLong, help: "How to print: table or json.")
    var output: OutputFormat = .table

    func validate() throws {
        guard timeout > 0, timeout <= 86_400 else {
            throw ValidationError("--timeout must be above 0 and at most 86400.")
        }
        if let path = Self.given(tokenFile, "CDT_TOKEN_FILE"), Self.token(in: path) == nil {
            throw ValidationError("--token-file: \(path) holds no token.")
        }
        for (name, file) in [
            ("authorities", Self.given(authorities, "CDT_AUTHORITIES")),
            ("certificate", Self.given(certificate, "CDT_CERTIFICATE")),
            ("certificate-key", Self.given(certificateKey, "CDT_CERTIFICATE_KEY")),
        ] {
            guard let file, !FileManager.default.isReadableFile(atPath: file) else { continue }
            throw ValidationError("--\(name): \(file) cannot be read.")
        }
        if let address = otlpAddress {
            guard let collector = TraceCollector(address) else {
                throw ValidationError("--otlp-endpoint: \(address) is not an address; write http://host:4317.")
            }
            guard tls != nil || !collector.isSecure else {
                throw ValidationError("--otlp-endpoint: https needs --authorities as well.")
            }
        }
        if let tls, (tls.certificateChainFile == nil) != (tls.privateKeyFile == nil) {
            throw ValidationError("--certificate and --certificate-key go together.")
        }
    }

    /// Shows the token of the file with every call; nil: there is none to show.
    var credentials: BearerTokenInterceptor? {
        Self.given(tokenFile, "CDT_TOKEN_FILE").map { path in BearerTokenInterceptor { Self.token(in: path) } }
    }

    private var otlpAddress: String? { Self.given(otlpEndpoint, "OTEL_EXPORTER_OTLP_ENDPOINT") }

    /// Where spans go; nil: nowhere.
    var traceCollector: TraceCollector? { otlpAddress.flatMap { TraceCollector($0) } }

    /// Nil: plaintext.
    var tls: TLS? {
        Self.given(authorities, "CDT_AUTHORITIES").map { file in
            TLS(
                certificateChainFile: Self.given(certificate, "CDT_CERTIFICATE"),
                privateKeyFile: Self.given(certificateKey, "CDT_CERTIFICATE_KEY"), trustedAuthoritiesFile: file)
        }
    }

    /// An option, else what the environment says; an empty variable says nothing.
    private static func given(_ option: String?, _ variable: String) -> String? {
        option ?? ProcessInfo.processInfo.environment[variable].flatMap { $0.isEmpty ? nil : $0 }
    }

    private static func token(in path: String) -> String? {
        guard let text = try? String(contentsOfFile: path, encoding: .utf8) else { return nil }
        let token = text.trimmingCharacters(in: .whitespacesAndNewlines)
        return !token.isEmpty && token.utf8.allSatisfy { (0x21...0x7e).contains($0) } ? token : nil
    }

    func endpoint(of kind: ServiceKind) -> RPCClient.Target {
        switch kind {
        case .registry: registry
        case .activity: activity
        case .funding: funding
        case .notification: notification
        }
    }
}

/// A command that calls services: opens what it uses, closes it at the end, and turns failed calls into messages.
protocol ServiceCommand: AsyncParsableCommand {
    var connection: ConnectionOptions { get }
    func run(_ suite: Connections, _ output: Output) async throws
}

extension ServiceCommand {
    func run() async throws {
        let trace = try CommandTrace(of: Self.self, connection)
        let suite = Connections(options: connection, tracer: trace.tracer)
        do {
            try await trace.context.run { try await run(suite, Output(format: connection.output)) }
        } catch {
            await suite.close()
            await trace.end(hasFailed: true)
            guard let error = error as? RPCError else { throw error }
            throw CallFailure(error, called: suite.opened.map { ($0, connection.endpoint(of: $0)) })
        }
        await suite.close()
        await trace.end(hasFailed: false)
    }
}
