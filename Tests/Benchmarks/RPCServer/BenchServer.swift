import ArgumentParser
import Foundation
import HTTP2
import Logging
import NIOPosix
import RPC
import ServiceKit

/// Our side of `./dev bench rpc`: the measured methods on one event loop, bare or behind the interceptors of a service.
@main struct BenchServer: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench-rpc-server", abstract: "Serve the measured methods on 127.0.0.1.")

    @Argument(help: "TCP port.") var port: Int
    @ArgumentParser.Option(
        help: """
            JWKS file of the callers' tokens; with it the handlers are surrounded with what surrounds those of a service, \
            and log lines go to standard error.
            """)
    var jwks: String?
    @ArgumentParser.Option(help: "PEM file of the certificate chain; TLS is on with it.") var tlsCertificate: String?
    @ArgumentParser.Option(help: "PEM file of the certificate's key.") var tlsKey: String?

    func run() async throws {
        let services: [any RegistrableService] = [BareService(), MessageService()]
        var limits = Limits()
        // All of the load comes from this machine.
        limits.connectionsPerAddress = limits.connections
        var interceptor: ServiceInterceptor?
        if let jwks { interceptor = try await self.interceptor(services, jwks: jwks) }
        let server = RPCServer(
            configuration: .init(
                port: port, tls: tlsCertificate.map { TLS(certificateChainFile: $0, privateKeyFile: tlsKey) },
                limits: limits, isTracing: interceptor != nil,
                eventLoops: MultiThreadedEventLoopGroup(numberOfThreads: 1)),
            services: services, interceptors: interceptor.map { [$0] } ?? [])
        try await server.start()
        // Until a signal ends the process.
        while true { try await Task.sleep(for: .seconds(3600)) }
    }

    /// As `RunningService` makes them.
    private func interceptor(_ services: [any RegistrableService], jwks: String) async throws -> ServiceInterceptor {
        var router = ServiceRouter()
        for service in services { service.register(in: &router) }
        let log = LogWriter()
        let logger = Logger(label: "bench") { JSONLogHandler(label: $0, writer: log) }
        return try await ServiceInterceptor(
            service: "bench", errorDomain: "bench.cdt.vn", methods: router.methods, metrics: MetricsRegistry(),
            log: log, logLevel: .info, logger: logger,
            authenticator: TokenAuthenticator(
                jwks: jwks, rules: TokenRules(issuer: "cdt", audiences: ["cdt"]), logger: logger), gate: .anyVerb,
            drain: DrainSignal())
    }
}
