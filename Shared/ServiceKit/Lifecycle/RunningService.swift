import ChangeFeed
import HTTP2
import Logging
import RPC
import Shared
import Storage
import Telemetry

/// A service of this process between start and stop.
///
/// Start: settings, database with migrations under a lock, domain and feeds, calls, then ready. Stop: NOT_SERVING, end
/// of endless streams, drain, tasks, database, spans. (DESIGN D9 in code.)
package final class RunningService: Sendable {
    package let identity: ServiceIdentity
    /// Where calls are taken, with the port that was bound.
    package let endpoint: Endpoint
    package let adminEndpoint: Endpoint
    package let context: ServiceContext

    private let server: RPCServer
    private let admin: AdminServer
    private let readiness: Readiness
    private let health: HealthStatuses
    private let tasks: Task<Void, Never>
    private let grace: Duration
    private let log: LogWriter

    /// Starts a service from checked settings.
    package static func start(
        _ definition: any ServiceDefinition.Type, settings: Settings, log: LogWriter, logger: Logger
    ) async throws -> RunningService {
        let options = CommonOptions(definition)
        try options.checkExposure(settings)
        let tls = try options.tls(settings)
        let authenticator = try await options.authenticator(
            settings, service: definition.identity.name, logger: logger)
        let metrics = MetricsRegistry()
        ProcessMetrics.register(in: metrics)
        metrics.counter(
            "log_lines_dropped_total", help: "Lines of the log that were lost because its reader was too slow."
        ) { Double(log.droppedLines) }
        let readiness = Readiness()
        let admin = AdminServer(readiness: readiness, metrics: metrics)
        // First, so that a probe can tell a long migration from a dead process.
        let adminEndpoint = try settings[options.adminListen]
        let adminPort = try await bind("admin-listen", adminEndpoint) { try await admin.start(adminEndpoint) }
        var tracing: Tracing?
        var opened: ServiceContext?
        var begun: Task<Void, Never>?
        do {
            tracing = try Tracing(options, settings, of: definition.identity, metrics: metrics, logger: logger)
            let context = try await makeContext(definition, options, settings, metrics, logger, tracing?.tracer)
            opened = context
            // The service may connect to others as soon as it is made.
            let peerWatch = context.clients.watch(of: options.peerAuthorities.name, logger: logger)
            let parts = try await definition.make(context)
            readiness.add(parts.checks)
            StorageMetrics.register(context.database, in: metrics)
            parts.register(in: metrics)

            let (services, health) = try assemble(parts, options, settings)
            var router = ServiceRouter()
            for service in services { service.register(in: &router) }
            let level = Logger.Level(rawValue: try settings[options.logLevel]) ?? .info
            let limits = try settings[options.limits]
            let interceptor = ServiceInterceptor(
                service: definition.identity.name, errorDomain: definition.identity.errorDomain,
                methods: router.methods, metrics: metrics, log: log, logLevel: level, logger: logger,
                authenticator: authenticator, gate: definition.gate,
                rates: CallerRates(limits.callers, metrics: metrics), slowCall: try settings[options.slowCall],
                drain: context.drain, tracer: context.tracer)
            let endpoint = try settings[options.listen]
            var configuration = RPCServer.Configuration(
                host: endpoint.host, port: endpoint.port, tls: tls, limits: limits.wire, isTracing: true,
                sampling: context.tracer?.sampling ?? .never)
            configuration.turns = ReadTurns()
            let server = RPCServer(configuration: configuration, services: services, interceptors: [interceptor])
            let ownWatch = tls.map { tls in
                CertificateWatch(tls.files, of: options.tlsCertificate.name, logger: logger) {
                    try server.reloadCertificates()
                }
            }
            let watches = [ownWatch, peerWatch, tracing?.watch].compactMap(\.self)
            let work =
                parts.allTasks(clock: context.clock, tracer: context.tracer) + [purge(context)] + watches.map(\.task)
            let tasks = Task { await RunningService.run(work, logger: logger) }
            begun = tasks
            let port = try await bind("listen", endpoint) { try await server.start() }
            health.setAll(.serving)
            readiness.phase = .ready
            return RunningService(
                identity: definition.identity, endpoint: Endpoint(host: endpoint.host, port: port),
                adminEndpoint: Endpoint(host: adminEndpoint.host, port: adminPort), context: context, server: server,
                admin: admin, readiness: readiness, health: health, tasks: tasks,
                grace: .seconds(try settings[options.grace]), log: log)
        } catch {
            begun?.cancel()
            await begun?.value
            await opened?.clients.close()
            await opened?.database.close()
            await tracing?.tracer.close(within: .zero)
            await admin.stop()
            throw error
        }
    }

    private init(
        identity: ServiceIdentity, endpoint: Endpoint, adminEndpoint: Endpoint, context: ServiceContext,
        server: RPCServer, admin: AdminServer, readiness: Readiness, health: HealthStatuses, tasks: Task<Void, Never>,
        grace: Duration, log: LogWriter
    ) {
        self.identity = identity
        self.endpoint = endpoint
        self.adminEndpoint = adminEndpoint
        self.context = context
        self.server = server
        self.admin = admin
        self.readiness = readiness
        self.health = health
        self.tasks = tasks
        self.grace = grace
        self.log = log
    }

    /// Stops in the order that loses nothing. Calls that outlast the grace time are cut off.
    package func stop() async {
        let end = ContinuousClock.now + grace
        readiness.phase = .stopping
        health.setAll(.notServing)
        health.close()
        context.drain.drain()
        await server.shutdown(grace: grace)
        tasks.cancel()
        await tasks.value
        await context.clients.close()
        await context.database.close()
        // Last, so that they tell of the stop too; within the time the drain has left, and a moment where it has left
        // none.
        await context.tracer?.close(within: max(end - ContinuousClock.now, .seconds(1)))
        await admin.stop()
        log.flush()
    }

    private static func makeContext(
        _ definition: any ServiceDefinition.Type, _ options: CommonOptions, _ settings: Settings,
        _ metrics: MetricsRegistry, _ logger: Logger, _ tracer: Tracer?
    ) async throws -> ServiceContext {
        let place = try options.place(settings, of: definition.identity)
        let waits = StorageWaits(for: place.database, tracer: tracer)
        let database: Database
        do {
            database = try await Database.open(
                place.database, migrations: definition.allMigrations, waited: { waits.ended($0, nanoseconds: $1) })
        } catch let error as StorageError {
            throw ConfigurationError("the database \(place.name) cannot be opened: \(error)")
        }
        let endpoints = try options.peers.map { try settings[$0] } ?? [:]
        return ServiceContext(
            identity: definition.identity, settings: settings, database: database, clock: try options.clock(settings),
            logger: logger, metrics: metrics, pageTokens: try await PageTokens.load(from: database),
            isLocal: try settings[options.listen].isLoopback, drain: DrainSignal(),
            tracer: tracer,
            clients: PeerClients(
                endpoints: endpoints, tls: try options.peerTLS(settings),
                token: try options.peerToken(settings, logger: logger), tracer: tracer))
    }

    /// The service's own methods, then health and reflection.
    private static func assemble(
        _ parts: ServiceParts, _ options: CommonOptions, _ settings: Settings
    ) throws -> (services: [any RegistrableService], health: HealthStatuses) {
        var router = ServiceRouter()
        for service in parts.allServices { service.register(in: &router) }
        let names = Set(router.methods.map(\.service)).sorted()
        let health = HealthStatuses(services: names)
        var services = parts.allServices + [HealthService(statuses: health)]
        if try settings[options.reflection] == "on" {
            services += Reflection.services(listing: names + [Grpc_Health_V1_Health.name])
        }
        return (services, health)
    }

    private static func purge(_ context: ServiceContext) -> BackgroundTask {
        .every(.seconds(600), "purge of request ids") {
            while try await RequestIDs.purge(context.database, now: context.clock.now) > 0 {}
        }
    }

    private static func run(_ tasks: [BackgroundTask], logger: Logger) async {
        await withTaskGroup(of: Void.self) { group in
            for task in tasks { group.addTask { await task.supervise(logger: logger) } }
        }
    }

    private static func bind(_ option: String, _ endpoint: Endpoint, _ start: () async throws -> Int) async throws
        -> Int
    {
        do {
            return try await start()
        } catch {
            throw ConfigurationError(
                "--\(option) \(endpoint): cannot listen there (\(error)); is another process using the port?")
        }
    }
}

/// Calls that came together read in one view of the database: their requests had all arrived before it began.
private struct ReadTurns: LoopTurns {
    func begin() { ReadTurn.begin() }
    func end() { ReadTurn.end() }
}
