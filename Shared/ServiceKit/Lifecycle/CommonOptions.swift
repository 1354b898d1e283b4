import Foundation
import HTTP2
import Logging
import RPC
import Storage

/// The options every service has.
struct CommonOptions: Sendable {
    let listen: Option<Endpoint>
    let adminListen: Option<Endpoint>
    let data: Option<String>
    let database: Option<DatabaseConfiguration?>
    let peers: Option<[String: [Endpoint]]>?
    let logLevel = Option<String>.choice(
        "log-level", of: Logger.Level.allCases.map(\.rawValue), default: "info", help: "Least serious lines to log.")
    let slowCall = Option<Duration?>(
        "slow-call", valueName: "SECONDS",
        help: "Log a call without streams that takes longer as a warning, with its parts; off: never.", default: "1"
    ) { texts throws(OptionProblem) in
        let text = texts.last ?? "1"
        if text == "off" { return nil }
        // A day is longer than any call.
        guard let seconds = Double(text), seconds > 0, seconds <= 86_400 else {
            throw OptionProblem("a number of seconds, for example 0.5, or off")
        }
        return .nanoseconds(Int64(seconds * 1_000_000_000))
    }
    let grace = Option<Int>.integer(
        "grace", valueName: "SECONDS", in: 0...3600, default: 20,
        help: "How long calls may go on after a request to stop before they are cut off.")
    let tlsCertificate = Option<String?>.text(
        "tls-certificate", valueName: "FILE", help: "PEM file of the certificate chain to serve TLS with, leaf first.")
    let tlsKey = Option<String?>.text("tls-key", valueName: "FILE", help: "PEM file of the certificate's private key.")
    let clientAuthorities = Option<String?>.text(
        "client-authorities", valueName: "FILE",
        help: "PEM file of authorities: a caller must show a certificate that one of them has signed, besides a token "
            + "(mutual TLS). Needs --tls-certificate.")
    let peerAuthorities = Option<String?>.text(
        "peer-authorities", valueName: "FILE",
        help: "PEM file of the authorities that sign the other services' certificates; without it they are called "
            + "in plaintext.")
    let peerCertificate = Option<String?>.text(
        "peer-certificate", valueName: "FILE",
        help: "PEM file of the certificate chain that this service shows to the other services, where they ask for one."
    )
    let peerKey = Option<String?>.text(
        "peer-key", valueName: "FILE", help: "PEM file of the key of --peer-certificate.")
    let jwks = Option<String?>.text(
        "jwks", valueName: "FILE",
        help:
            "JSON Web Key Set with the public keys (Ed25519, P-256) that callers' tokens are signed with; read again when "
            + "it changes. Without it callers are not authenticated and may do everything.")
    let tokenIssuer = Option<String>.text(
        "token-issuer", valueName: "NAME", default: "cdt", help: "Who must have issued callers' tokens (claim iss).")
    let tokenAudience = Option<String>.text(
        "token-audience", valueName: "NAME", default: "cdt",
        help: "The suite's name in callers' tokens (claim aud); a token for this service alone names the service.")
    let peerToken = Option<String?>.text(
        "peer-token-file", valueName: "FILE",
        help: "File of the token that this service shows to the other services; read again when it changes.")
    let insecureListen = Option<Bool>.flag(
        "insecure-listen",
        help:
            "Allow an address other than loopback without both --jwks and --tls-certificate: without the first, whoever "
            + "reaches the port may read and change everything; without the second, whoever listens reads along. Only for "
            + "closed networks.")
    let reflection = Option<String>.choice(
        "reflection", of: ["on", "off"], default: "on", help: "Whether tools may ask the service for its contract.")
    let otlpEndpoint = Option<Endpoint?>(
        "otlp-endpoint", valueName: "HOST:PORT",
        help:
            "Send spans of calls, feeds and deliveries to a collector of traces there, by OTLP/gRPC (usually port 4317)."
    ) { texts throws(OptionProblem) in
        guard let text = texts.last else { return nil }
        guard let endpoint = Endpoint(text), endpoint.port > 0 else { throw OptionProblem(Endpoint.expectation) }
        return endpoint
    }
    let otlpAuthorities = Option<String?>.text(
        "otlp-authorities", valueName: "FILE",
        help: "PEM file of the authorities that sign the collector's certificate; without it spans go in plaintext.")
    let otlpCertificate = Option<String?>.text(
        "otlp-certificate", valueName: "FILE",
        help: "PEM file of the certificate chain to show to the collector, where it asks for one.")
    let otlpKey = Option<String?>.text(
        "otlp-key", valueName: "FILE", help: "PEM file of the key of --otlp-certificate.")
    let traceRatio = Option<Double>(
        "trace-ratio", valueName: "RATIO",
        help: "Share of the traces beginning here that are recorded, from 0 to 1, with --otlp-endpoint. A caller that "
            + "sends a trace has decided already.", default: "1"
    ) { texts throws(OptionProblem) in
        guard let ratio = Double(texts.last ?? "1"), (0...1).contains(ratio) else {
            throw OptionProblem("a number from 0 to 1, for example 0.05")
        }
        return ratio
    }
    let today = Option<LocalDate?>(
        "today", valueName: "YYYY-MM-DD",
        help: "Act as if the service had been started on this day; time goes on from there. For demonstrations and "
            + "tests; only with a loopback address."
    ) { texts throws(OptionProblem) in
        guard let text = texts.last else { return nil }
        guard let date = LocalDate(text) else { throw OptionProblem("a date, for example 2024-11-05") }
        return date
    }

    let limits = Option<ServiceLimits>(
        "limit", valueName: "NAME=VALUE",
        help:
            "Change a bound of what may be asked of the service; may be repeated. THREAT_MODEL.md says what each defends. "
            + "Counts are whole numbers, rates BURST/PER-SECOND, times seconds: "
            + "\(ServiceLimits.names.joined(separator: ", ")).",
        isList: true
    ) { texts throws(OptionProblem) in try ServiceLimits(texts) }

    /// Names of all services and where they listen on a developer's machine.
    static let defaultPorts = [
        "registry": 50_051, "activity": 50_052, "funding": 50_053, "notification": 50_054,
    ]

    init(_ definition: any ServiceDefinition.Type) {
        let identity = definition.identity
        listen = .endpoint(
            "listen", default: Endpoint(host: "127.0.0.1", port: identity.port),
            help: "Where to take calls. Other machines reach it only on another address than 127.0.0.1; that needs "
                + "authentication and TLS, or --insecure-listen. Port 0 takes any free one.")
        adminListen = .endpoint(
            "admin-listen", default: Endpoint(host: "127.0.0.1", port: identity.port + 1000),
            help: "Where to serve /livez, /readyz and /metrics over HTTP. Without authentication: keep it inside.")
        data = .text(
            "data", valueName: "DIRECTORY", default: ".local/\(identity.name)",
            help: "Directory of the database file \(identity.name).db; made when missing.")
        database = Option<DatabaseConfiguration?>(
            "database", valueName: "URL",
            help:
                "postgresql://… of a PostgreSQL database of its own for \(identity.name), instead of the file in --data. "
                + "Several replicas of the service may share it. Keep a password out of the command line: in the "
                + "environment (CDT_DATABASE, PGPASSWORD) or in PGPASSFILE.",
            isSecret: true
        ) { texts throws(OptionProblem) in
            guard let text = texts.last else { return nil }
            guard let server = DatabaseConfiguration.postgres(url: text) else {
                throw OptionProblem(
                    "postgresql://USER@HOST/DATABASE, with %, @, / and : of a password written as %25, %40, %2F and %3A"
                )
            }
            return server
        }
        let known = definition.peers.compactMap { name in
            CommonOptions.defaultPorts[name].map { (name, Endpoint(host: "127.0.0.1", port: $0)) }
        }
        peers =
            known.isEmpty
            ? nil
            : .peers(
                "peer", known: Dictionary(known) { first, _ in first },
                help: "Where another service is. A name given twice has two addresses.")
    }

    var all: [any AnyOption] {
        let first: [any AnyOption] = [listen, adminListen, data, database]
        let last: [any AnyOption] = [
            logLevel, slowCall, grace, tlsCertificate, tlsKey, clientAuthorities, jwks, tokenIssuer, tokenAudience,
            insecureListen,
            reflection, limits, otlpEndpoint, otlpAuthorities, otlpCertificate, otlpKey, traceRatio, today,
        ]
        let calling: [any AnyOption] = [peerToken, peerAuthorities, peerCertificate, peerKey]
        return first + (peers.map { [$0] + calling } ?? []) + last
    }

    /// Where the service's database is, and how errors call it: a URL may hold a password.
    func place(
        _ settings: Settings, of identity: ServiceIdentity
    ) throws -> (database: DatabaseConfiguration, name: String) {
        if let server = try settings[database] { return (server, "given by --\(database.name)") }
        let path = "\(try settings[data])/\(identity.name).db"
        return (.sqlite(path: path), path)
    }

    /// "Without credentials configured, a service listens on loopback only; anything else needs authentication and TLS,
    /// or --insecure-listen."
    func checkExposure(_ settings: Settings) throws {
        let endpoint = try settings[listen]
        guard !endpoint.isLoopback else { return }
        var missing: [String] = []
        if try settings[jwks] == nil { missing.append("callers are not authenticated (--jwks)") }
        if try settings[tlsCertificate] == nil {
            missing.append("the connection is not encrypted (--tls-certificate, --tls-key)")
        }
        guard try missing.isEmpty || settings[insecureListen] else {
            throw ConfigurationError(
                "--listen \(endpoint): \(missing.joined(separator: " and ")), so only a loopback address is allowed; listen "
                    + "on 127.0.0.1:\(endpoint.port), give what is missing, or add --insecure-listen if everybody who "
                    + "reaches the port may do everything")
        }
        guard try settings[today] == nil else {
            throw ConfigurationError("--today is for demonstrations and works with a loopback --listen only")
        }
    }

    /// How callers are known: by tokens when keys for them are given.
    func authenticator(_ settings: Settings, service name: String, logger: Logger) async throws -> any Authenticator {
        guard let path = try settings[jwks] else {
            let endpoint = try settings[listen]
            logger.warning(
                "callers are not authenticated: everyone who reaches the port may do everything; give --jwks to change that",
                metadata: ["listen": "\(endpoint)"])
            return LocalAuthenticator()
        }
        let rules = TokenRules(issuer: try settings[tokenIssuer], audiences: [name, try settings[tokenAudience]])
        do {
            return try await TokenAuthenticator(jwks: path, rules: rules, logger: logger)
        } catch {
            throw ConfigurationError("--\(jwks.name): \(path) cannot be used: \(error)")
        }
    }

    /// What this service shows to its peers; nil: nothing.
    func peerToken(_ settings: Settings, logger: Logger) throws -> PeerToken? {
        guard peers != nil, let path = try settings[peerToken] else { return nil }
        return try PeerToken(file: path, of: peerToken, logger: logger)
    }

    /// The machine's clock, or one that started on `--today` and goes on from the same time of day.
    func clock(_ settings: Settings) throws -> Clock {
        guard let today = try settings[today] else { return .system }
        let real = Instant.system()
        let shift = Int64(real.localDate.days(until: today)) * 86_400
        return Clock { Instant.system().adding(seconds: shift) }
    }
}
