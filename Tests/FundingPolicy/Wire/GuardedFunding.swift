import ChangeFeed
import FundingPolicy
import RPC
import ServiceKit
import Shared
import Storage
import SwiftProtobuf
import TestSupport
import Testing

/// A Registry that tells the facts it is told.
struct ToldRegistry: Sendable {
    private let database: Database
    private let outbox: Outbox
    private let server: RPCServer
    let address: String

    static func with(_ facts: [any Message] = [], _ body: (ToldRegistry) async throws -> Void) async throws {
        let database = try await TestDatabase.open([Outbox.migrations])
        let outbox = try await Outbox.open([RegistryCopy.topic], in: database)
        let server = RPCServer(configuration: .init(), services: [FeedServer(database: database, outbox: outbox)])
        let registry = ToldRegistry(
            database: database, outbox: outbox, server: server, address: "127.0.0.1:\(try await server.start())")
        do {
            try await registry.tell(facts)
            try await body(registry)
        } catch {
            await registry.stop()
            throw error
        }
        await registry.stop()
    }

    private func stop() async {
        await server.shutdown(grace: .zero)
        await database.close()
    }

    func tell(_ facts: [any Message]) async throws {
        try await database.write { transaction in
            for fact in facts {
                try outbox.append(
                    topic: RegistryCopy.topic, aggregate: "facts/\(UUIDv7.next())", version: 1, payload: fact, at: 0,
                    in: transaction)
            }
        }
    }
}

/// The whole service on a free port, which knows its callers by their tokens, and follows a Registry.
struct GuardedFunding: Sendable {
    /// Where one keeps its data, to be started there again.
    struct Place: Sendable {
        let folder: ScratchFolder
        let issuer = TokenIssuer()
        let arguments: [String]

        init() throws {
            folder = try ScratchFolder()
            try issuer.write(folder.path("jwks.json"))
            arguments =
                try ["--data", folder.path, "--jwks", folder.path("jwks.json")] + TestDatabase.serviceArguments()
        }
    }

    let policies: Cdt_Funding_V1_FundingPolicyService.Client
    let ledger: Cdt_Funding_V1_LedgerService.Client
    let claims: Cdt_Funding_V1_ClaimService.Client
    let payments: Cdt_Funding_V1_PaymentService.Client
    let feed: Cdt_Feed_V1_FeedService.Client
    let issuer: TokenIssuer
    let registry: ToldRegistry

    init(_ wire: RPCClient, issuer: TokenIssuer, registry: ToldRegistry) {
        policies = .init(wire)
        ledger = .init(wire)
        claims = .init(wire)
        payments = .init(wire)
        feed = .init(wire)
        self.issuer = issuer
        self.registry = registry
    }

    /// On a day, in a country of some teams and members.
    static func with(
        today: String, _ facts: [any Message], _ body: (GuardedFunding) async throws -> Void
    ) async throws {
        let place = try Place()
        defer { place.folder.remove() }
        try await ToldRegistry.with(Fixture.country + facts) { registry in
            try await with(today: today, at: place, registry, body)
        }
    }

    /// Where one was before, perhaps on another day.
    static func with(
        today: String, at place: Place, _ registry: ToldRegistry, _ body: (GuardedFunding) async throws -> Void
    ) async throws {
        let service = try await ServiceHost.start(
            FundingPolicyDefinition.self,
            arguments: place.arguments + [
                "--today", today, "--peer", "registry=\(registry.address)", "--peer", "activity=127.0.0.1:1",
                "--log-level", "critical",
            ])
        let wire = try RPCClient(host: "127.0.0.1", port: service.endpoint.port)
        do {
            let guarded = GuardedFunding(wire, issuer: place.issuer, registry: registry)
            try await guarded.tell([])
            try await body(guarded)
        } catch {
            await wire.close()
            await service.stop()
            throw error
        }
        await wire.close()
        await service.stop()
    }

    /// Tells the Registry's facts, and waits until they have come.
    func tell(_ facts: [any Message]) async throws {
        let marker = "marker-\(UUIDv7.next())"
        try await registry.tell(facts + [Fixture.team(marker, in: "nowhere")])
        try await eventually("the facts have come") { (try? await entitlement(marker, "2024-01")) != nil }
    }

    /// Calls as somebody who may do some things, in the nation or under a unit.
    func `as`(_ subject: String, _ verbs: [String] = ["*"], at unit: String = "") throws -> CallOptions {
        let token = try issuer.token(TokenIssuer.claims(subject, grants: [(verbs, unit)]))
        return .init(timeout: .seconds(120), metadata: ["authorization": "Bearer \(token)"])
    }

    // MARK: What many tests do

    func entitlement(
        _ team: String, _ from: String, _ to: String = "", policy: String = "",
        rule: Cdt_Funding_V1_PartMonthRule = .unspecified
    ) async throws -> Cdt_Funding_V1_GetTeamEntitlementResponse {
        try await policies.getTeamEntitlement(
            .with {
                $0.team = "teams/\(team)"
                $0.fromMonth = from
                $0.toMonth = to
                $0.policy = policy
                $0.rule = rule
            }, options: `as`("reader", ["funding.read"]))
    }

    func appropriate(_ policy: String, _ year: Int, _ amount: Int64) async throws {
        _ = try await ledger.recordAppropriation(
            .with {
                $0.policy = policy
                $0.year = Int32(year)
                $0.amountDong = amount
                $0.document.number = "1/QĐ-STC"
            }, options: `as`("treasurer", ["funding.administer"]))
    }

    /// Started, and watched until it is computed.
    func run(_ request: Cdt_Funding_V1_StartRunRequest, by subject: String = "maker") async throws
        -> Cdt_Funding_V1_Run
    {
        let started = try await policies.startRun(request, options: `as`(subject, ["funding.prepare"])).run
        return try await watched(started)
    }

    func posted(_ request: Cdt_Funding_V1_StartRunRequest) async throws -> Cdt_Funding_V1_Run {
        let run = try await run(request)
        _ = try await policies.approveRun(
            .with { $0.name = run.name }, options: `as`("checker", ["funding.approve"]))
        let posting = try await policies.postRun(
            .with { $0.name = run.name }, options: `as`("payer", ["funding.pay"])
        ).run
        return try await watched(posting)
    }

    private func watched(_ run: Cdt_Funding_V1_Run) async throws -> Cdt_Funding_V1_Run {
        var last = run
        let watch = try await policies.watchRun(
            .with { $0.name = run.name }, options: `as`("reader", ["funding.read"]))
        for try await response in watch.responses { last = response.run }
        return last
    }

    func submitted(
        _ date: String, _ amount: Int64, policy: String = Fixture.daNang, team: String, days: [(String, String)] = []
    ) async throws -> Cdt_Funding_V1_Claim {
        try await claims.submitClaim(
            .with {
                $0.claim.team = "teams/\(team)"
                $0.claim.policy = policy
                $0.claim.items = [
                    .with {
                        $0.date = days.isEmpty ? date : ""
                        $0.amountDong = amount
                        $0.workedDays = days.map { person, day in
                            .with {
                                $0.person = "people/\(person)"
                                $0.date = day
                            }
                        }
                        if !days.isEmpty {
                            $0.evidence = [
                                .with {
                                    $0.kind = .daySheet
                                    $0.confirmedBy = "Chủ tịch UBND xã"
                                    $0.confirmedOn = date
                                }
                            ]
                        }
                    }
                ]
            }, options: `as`("maker", ["funding.prepare"])
        ).claim
    }

    func approved(_ claim: Cdt_Funding_V1_Claim) async throws -> Cdt_Funding_V1_Claim {
        try await claims.approveClaim(
            .with { $0.name = claim.name }, options: `as`("checker", ["funding.approve"])
        ).claim
    }

    /// Debits and credits are equal, no account stands below what it may, and the chain is whole.
    func expectSoundBooks(_ location: SourceLocation = #_sourceLocation) async throws {
        let reader = try `as`("reader", ["funding.read"])
        let trial = try await ledger.getTrialBalance(.init(), options: reader)
        #expect(trial.debitDong == trial.creditDong && trial.debitDong > 0, sourceLocation: location)
        #expect(trial.accounts.reduce(0) { $0 + $1.balanceDong } == 0, sourceLocation: location)
        #expect(trial.accounts.allSatisfy { $0.mayOverdraw || $0.balanceDong >= 0 }, sourceLocation: location)
        var last = Cdt_Funding_V1_VerifyLedgerResponse()
        for try await response in try await ledger.verifyLedger(.init(), options: reader).responses { last = response }
        #expect(last.complete && last.intact, "\(last.finding)", sourceLocation: location)
    }
}
