import RPC
import Shared
import Telemetry

/// The clients a command uses, opened when first asked for.
final class Connections {
    private let options: ConnectionOptions
    private let interceptors: [any ClientInterceptor]
    private var clients: [ServiceKind: RPCClient] = [:]
    /// In the order of their first use.
    private(set) var opened: [ServiceKind] = []

    init(options: ConnectionOptions, tracer: Tracer? = nil) {
        self.options = options
        let spans: [any ClientInterceptor] = tracer.map { [$0.calls] } ?? []
        interceptors = spans + (options.credentials.map { [$0] } ?? [])
    }

    func client(_ kind: ServiceKind) throws -> RPCClient {
        if let client = clients[kind] { return client }
        let client = try RPCClient(
            targets: [options.endpoint(of: kind)],
            options: .init(tls: options.tls, interceptors: interceptors))
        clients[kind] = client
        opened.append(kind)
        return client
    }

    var registry: Cdt_Registry_V1_RegistryService.Client { get throws { try .init(client(.registry)) } }
    var imports: Cdt_Registry_V1_ImportService.Client { get throws { try .init(client(.registry)) } }
    var reorganisations: Cdt_Registry_V1_ReorganisationService.Client { get throws { try .init(client(.registry)) } }
    var people: Cdt_Registry_V1_PeopleService.Client { get throws { try .init(client(.registry)) } }
    var access: Cdt_Registry_V1_AccessService.Client { get throws { try .init(client(.registry)) } }
    var programme: Cdt_Registry_V1_ProgrammeService.Client { get throws { try .init(client(.registry)) } }
    var audit: Cdt_Registry_V1_AuditService.Client { get throws { try .init(client(.registry)) } }
    var activity: Cdt_Activity_V1_ActivityReportingService.Client { get throws { try .init(client(.activity)) } }
    var achievements: Cdt_Activity_V1_AchievementService.Client { get throws { try .init(client(.activity)) } }
    var difficulties: Cdt_Activity_V1_DifficultyService.Client { get throws { try .init(client(.activity)) } }
    var targets: Cdt_Activity_V1_TargetService.Client { get throws { try .init(client(.activity)) } }
    var platforms: Cdt_Activity_V1_PlatformService.Client { get throws { try .init(client(.activity)) } }
    var training: Cdt_Activity_V1_TrainingService.Client { get throws { try .init(client(.activity)) } }
    var funding: Cdt_Funding_V1_FundingPolicyService.Client { get throws { try .init(client(.funding)) } }
    var ledger: Cdt_Funding_V1_LedgerService.Client { get throws { try .init(client(.funding)) } }
    var claims: Cdt_Funding_V1_ClaimService.Client { get throws { try .init(client(.funding)) } }
    var payments: Cdt_Funding_V1_PaymentService.Client { get throws { try .init(client(.funding)) } }
    var notification: Cdt_Notification_V1_NotificationService.Client { get throws { try .init(client(.notification)) } }

    /// Options of one unary call.
    var call: CallOptions { CallOptions(timeout: .milliseconds(Int(options.timeout * 1000))) }
    /// Options of a stream, which lasts as long as it has something to say.
    var stream: CallOptions { CallOptions() }

    func close() async {
        for client in clients.values { await client.close() }
        clients = [:]
    }
}
