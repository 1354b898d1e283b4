import ChangeFeed
import HTTP2
import Logging
import RPC
import Shared
import Storage
import Synchronization
import Telemetry

/// What a service is called and where it usually listens.
package struct ServiceIdentity: Sendable, Hashable {
    /// `registry`: the executable, the database file, the name peers know it by.
    package var name: String
    /// One line for `--help`.
    package var title: String
    /// Usual port of calls; the admin port is 1000 higher.
    package var port: Int

    package init(name: String, title: String, port: Int) {
        self.name = name
        self.title = title
        self.port = port
    }

    /// ErrorInfo's domain: `registry.cdt.vn`.
    package var errorDomain: String { "\(name).cdt.vn" }
}

/// What a service supplies; everything else is the same for all (`ServiceHost`).
package protocol ServiceDefinition: Sendable {
    static var identity: ServiceIdentity { get }
    /// Peers it calls or follows, by name.
    static var peers: [String] { get }
    /// Options of its own, beside those every service has.
    static var options: [any AnyOption] { get }
    /// Its schema. Those of request ids, page tokens, outbox and feed consumers are added.
    static var migrations: [MigrationSet] { get }
    /// What a caller's grants must say before a handler looks at the call.
    static var gate: CallGate { get }
    /// Builds the service over its open database. Whatever is slow belongs into a task.
    static func make(_ context: ServiceContext) async throws -> ServiceParts
}

extension ServiceDefinition {
    package static var peers: [String] { [] }
    package static var options: [any AnyOption] { [] }
    package static var gate: CallGate { .verbInNation }

    /// Its schema with that of what all services have.
    package static var allMigrations: [MigrationSet] {
        [RequestIDs.migrations, PageTokens.migrations, Outbox.migrations, FeedConsumer.migrations] + migrations
    }
}

/// What a service is made from.
package struct ServiceContext: Sendable {
    package let identity: ServiceIdentity
    package let settings: Settings
    package let database: Database
    package let clock: Clock
    package let logger: Logger
    package let metrics: MetricsRegistry
    package let pageTokens: PageTokens
    /// Only this machine reaches the port of calls.
    package let isLocal: Bool
    /// Streams without an end may wait for it; those named `Watch…` and `Follow…` are ended anyway.
    package let drain: DrainSignal
    /// For spans of what is not a call; nil: nobody asked for them.
    package let tracer: Tracer?
    let clients: PeerClients

    /// Connections to another service, shared by all who ask; nothing is connected before the first call.
    package func peer(_ name: String) throws -> RPCClient { try clients.client(of: name) }

    /// Another service's change feed.
    package func feed(of name: String) throws -> Cdt_Feed_V1_FeedService.Client { .init(try peer(name)) }
}

/// Connections to the services this one depends on.
final class PeerClients: Sendable {
    private let endpoints: [String: [Endpoint]]
    private let tls: TLS?
    private let interceptors: [any ClientInterceptor]
    private let clients = Mutex<[String: RPCClient]>([:])

    init(endpoints: [String: [Endpoint]], tls: TLS?, token: PeerToken?, tracer: Tracer?) {
        self.endpoints = endpoints
        self.tls = tls
        let spans: [any ClientInterceptor] = tracer.map { [$0.calls] } ?? []
        interceptors = spans + (token.map { [$0.interceptor] } ?? [])
    }

    func client(of name: String) throws -> RPCClient {
        guard let targets = endpoints[name], !targets.isEmpty else {
            throw ConfigurationError("no address of \(name) is known: give --peer \(name)=HOST:PORT")
        }
        return try clients.withLock { clients in
            if let known = clients[name] { return known }
            // Where there is a choice, a replica that says that it does not serve is left out (gRFC A17).
            let client = try RPCClient(
                targets: targets.map { .init(host: $0.host, port: $0.port) },
                options: .init(
                    tls: tls, defaultTimeout: .seconds(30), interceptors: interceptors,
                    healthService: targets.count > 1 ? "" : nil))
            clients[name] = client
            return client
        }
    }

    /// Of the files of certificates; nil in plaintext. The first client reads them.
    func watch(of option: String, logger: Logger) -> CertificateWatch? {
        tls.map { tls in
            CertificateWatch(tls.files, of: option, logger: logger) { try self.reloadCertificates() }
        }
    }

    /// Files of certificates have been replaced.
    private func reloadCertificates() throws {
        for client in clients.withLock({ Array($0.values) }) { try client.reloadCertificates() }
    }

    func close() async {
        let all = clients.withLock { clients in
            defer { clients = [:] }
            return Array(clients.values)
        }
        for client in all { await client.close(grace: .zero) }
    }
}
