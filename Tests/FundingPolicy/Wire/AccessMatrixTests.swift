import FundingPolicy
import RPC
import ServiceKit
import Shared
import SwiftProtobuf
import TestSupport
import Testing

/// "A grant on one province cannot read, list, stream, import or export another's; a test tries every RPC."
@Suite(.onBothEngines) struct FundingAccessMatrixTests {
    /// One of everything, in one province.
    private struct Place: Sendable {
        var unit: String
        var code: String
        var team: String
        var policy: String
        var run = ""
        var claim = ""
        var batch = ""
        var account = ""
    }

    private struct Row: Sendable {
        /// nil: whoever has the verb anywhere.
        enum Reach: Sendable { case home, nation, anywhere }
        var method: MethodDescriptor
        var verb: FundingVerb
        var reach = Reach.home
        var call: @Sendable (GuardedFunding, Place, CallOptions) async throws -> Void
    }

    private typealias Policies = Cdt_Funding_V1_FundingPolicyService.Method
    private typealias Ledger = Cdt_Funding_V1_LedgerService.Method
    private typealias Claims = Cdt_Funding_V1_ClaimService.Method
    private typealias Payments = Cdt_Funding_V1_PaymentService.Method

    private static func all<Responses: AsyncSequence>(_ responses: Responses) async throws {
        for try await _ in responses {}
    }

    /// Calls name what they are about and no more: who is let in may be refused for what is missing.
    private static let rows: [Row] = policyRows + runRows + ledgerRows + claimRows + paymentRows

    private static let policyRows: [Row] = [
        Row(method: Policies.listPolicies, verb: .read, reach: .anywhere) {
            _ = try await $0.policies.listPolicies(.init(), options: $2)
        },
        Row(method: Policies.getPolicy, verb: .read, reach: .anywhere) { funding, place, options in
            _ = try await funding.policies.getPolicy(.with { $0.name = place.policy }, options: options)
        },
        Row(method: Policies.createPolicy, verb: .administer) { funding, place, options in
            _ = try await funding.policies.createPolicy(
                .with {
                    $0.policy.jurisdictionCode = place.code
                    $0.policy.validFrom = "2024-01-01"
                }, options: options)
        },
        Row(method: Policies.activatePolicy, verb: .administer) { funding, place, options in
            _ = try await funding.policies.activatePolicy(
                .with {
                    $0.name = place.policy
                    $0.version = 99
                }, options: options)
        },
        Row(method: Policies.recordEnrolmentList, verb: .administer) { funding, place, options in
            _ = try await funding.policies.recordEnrolmentList(
                .with { $0.enrolmentList.policy = place.policy }, options: options)
        },
        Row(method: Policies.listEnrolmentLists, verb: .read, reach: .anywhere) {
            _ = try await $0.policies.listEnrolmentLists(.init(), options: $2)
        },
        Row(method: Policies.getTeamEntitlement, verb: .read) { funding, place, options in
            _ = try await funding.policies.getTeamEntitlement(
                .with {
                    $0.team = place.team
                    $0.fromMonth = "2024-10"
                }, options: options)
        },
        Row(method: Policies.computeEntitlements, verb: .read) { funding, place, options in
            try await all(
                funding.policies.computeEntitlements(
                    .with {
                        $0.unit = place.unit
                        $0.fromMonth = "2024-10"
                    }, options: options
                ).responses)
        },
        Row(method: Policies.simulatePolicies, verb: .read) { funding, place, options in
            try await all(
                funding.policies.simulatePolicies(
                    .with {
                        $0.unit = place.unit
                        $0.fromMonth = "2024-10"
                    }, options: options
                ).responses)
        },
    ]

    private static let runRows: [Row] = [
        Row(method: Policies.startRun, verb: .prepare) { funding, place, options in
            _ = try await funding.policies.startRun(.with { $0.unit = place.unit }, options: options)
        },
        Row(method: Policies.getRun, verb: .read) { funding, place, options in
            _ = try await funding.policies.getRun(.with { $0.name = place.run }, options: options)
        },
        Row(method: Policies.watchRun, verb: .read) { funding, place, options in
            try await all(funding.policies.watchRun(.with { $0.name = place.run }, options: options).responses)
        },
        Row(method: Policies.listRuns, verb: .read) { funding, place, options in
            _ = try await funding.policies.listRuns(.with { $0.unit = place.unit }, options: options)
        },
        Row(method: Policies.listRunLines, verb: .read) { funding, place, options in
            _ = try await funding.policies.listRunLines(.with { $0.run = place.run }, options: options)
        },
        Row(method: Policies.approveRun, verb: .approve) { funding, place, options in
            _ = try await funding.policies.approveRun(
                .with {
                    $0.name = place.run
                    $0.etag = "\"stale\""
                }, options: options)
        },
        Row(method: Policies.rejectRun, verb: .approve) { funding, place, options in
            _ = try await funding.policies.rejectRun(.with { $0.name = place.run }, options: options)
        },
        Row(method: Policies.postRun, verb: .pay) { funding, place, options in
            _ = try await funding.policies.postRun(
                .with {
                    $0.name = place.run
                    $0.etag = "\"stale\""
                }, options: options)
        },
    ]

    private static let ledgerRows: [Row] = [
        Row(method: Ledger.recordAppropriation, verb: .administer) { funding, place, options in
            _ = try await funding.ledger.recordAppropriation(.with { $0.policy = place.policy }, options: options)
        },
        Row(method: Ledger.setOverdraft, verb: .administer) { funding, place, options in
            _ = try await funding.ledger.setOverdraft(.with { $0.account = place.account }, options: options)
        },
        Row(method: Ledger.listAccounts, verb: .read) { funding, place, options in
            _ = try await funding.ledger.listAccounts(.with { $0.policy = place.policy }, options: options)
        },
        Row(method: Ledger.getTrialBalance, verb: .read) { funding, place, options in
            _ = try await funding.ledger.getTrialBalance(.with { $0.policy = place.policy }, options: options)
        },
        Row(method: Ledger.listJournals, verb: .read) { funding, place, options in
            for reference in [place.policy, place.run, place.claim, place.batch, place.account] {
                _ = try await funding.ledger.listJournals(.with { $0.reference = reference }, options: options)
            }
        },
        Row(method: Ledger.listJournalEntries, verb: .read) { funding, place, options in
            _ = try await funding.ledger.listJournalEntries(.with { $0.team = place.team }, options: options)
        },
        Row(method: Ledger.verifyLedger, verb: .read, reach: .nation) {
            try await all($0.ledger.verifyLedger(.init(), options: $2).responses)
        },
    ]

    private static let claimRows: [Row] = [
        Row(method: Claims.submitClaim, verb: .prepare) { funding, place, options in
            _ = try await funding.claims.submitClaim(.with { $0.claim.team = place.team }, options: options)
        },
        Row(method: Claims.getClaim, verb: .read) { funding, place, options in
            _ = try await funding.claims.getClaim(.with { $0.name = place.claim }, options: options)
        },
        Row(method: Claims.listClaims, verb: .read) { funding, place, options in
            _ = try await funding.claims.listClaims(.with { $0.team = place.team }, options: options)
            _ = try await funding.claims.listClaims(.with { $0.policy = place.policy }, options: options)
        },
        Row(method: Claims.approveClaim, verb: .approve) { funding, place, options in
            _ = try await funding.claims.approveClaim(.with { $0.name = place.claim }, options: options)
        },
        Row(method: Claims.rejectClaim, verb: .approve) { funding, place, options in
            _ = try await funding.claims.rejectClaim(.with { $0.name = place.claim }, options: options)
        },
        Row(method: Claims.reverseClaim, verb: .approve) { funding, place, options in
            _ = try await funding.claims.reverseClaim(.with { $0.name = place.claim }, options: options)
        },
        Row(method: Claims.getTeamCeilings, verb: .read) { funding, place, options in
            _ = try await funding.claims.getTeamCeilings(
                .with {
                    $0.team = place.team
                    $0.policy = place.policy
                    $0.year = 2024
                }, options: options)
        },
    ]

    private static let paymentRows: [Row] = [
        Row(method: Payments.createPaymentBatch, verb: .prepare) { funding, place, options in
            _ = try await funding.payments.createPaymentBatch(.with { $0.policy = place.policy }, options: options)
        },
        Row(method: Payments.getPaymentBatch, verb: .read) { funding, place, options in
            _ = try await funding.payments.getPaymentBatch(.with { $0.name = place.batch }, options: options)
        },
        Row(method: Payments.listPaymentBatches, verb: .read) { funding, place, options in
            _ = try await funding.payments.listPaymentBatches(.with { $0.policy = place.policy }, options: options)
        },
        Row(method: Payments.listPaymentInstructions, verb: .read) { funding, place, options in
            _ = try await funding.payments.listPaymentInstructions(.with { $0.batch = place.batch }, options: options)
        },
        Row(method: Payments.approvePaymentBatch, verb: .approve) { funding, place, options in
            _ = try await funding.payments.approvePaymentBatch(
                .with {
                    $0.name = place.batch
                    $0.etag = "\"stale\""
                }, options: options)
        },
        Row(method: Payments.voidPaymentBatch, verb: .prepare) { funding, place, options in
            _ = try await funding.payments.voidPaymentBatch(.with { $0.name = place.batch }, options: options)
        },
        Row(method: Payments.exportPaymentBatch, verb: .pay) { funding, place, options in
            try await all(
                funding.payments.exportPaymentBatch(.with { $0.name = place.batch }, options: options).responses)
        },
        Row(method: Payments.recordPaymentResults, verb: .pay) { funding, place, options in
            _ = try await funding.payments.recordPaymentResults(.with { $0.batch = place.batch }, options: options)
        },
        Row(method: Payments.reopenReturnedPayments, verb: .pay) { funding, place, options in
            _ = try await funding.payments.reopenReturnedPayments(.with { $0.batch = place.batch }, options: options)
        },
    ]

    @Test func everyMethodHasARow() {
        let methods =
            Cdt_Funding_V1_FundingPolicyService.methods + Cdt_Funding_V1_LedgerService.methods
            + Cdt_Funding_V1_ClaimService.methods + Cdt_Funding_V1_PaymentService.methods
        #expect(Set(Self.rows.map(\.method.method)) == Set(methods.map(\.method)))
        #expect(Self.rows.count == methods.count)
    }

    /// Whether a call was let in, whatever became of it then; and the reason where it was not.
    private func outcome(_ row: Row, _ funding: GuardedFunding, _ place: Place, _ options: CallOptions) async
        -> (isLetIn: Bool, reason: String)
    {
        do {
            try await row.call(funding, place, options)
            return (true, "")
        } catch let error as RPCError {
            let refused = [.permissionDenied, .unauthenticated, .internal, .unknown].contains(error.code)
            return (!refused, error.reason ?? "\(error)")
        } catch {
            return (false, "\(error)")
        }
    }

    @Test func eachCallNeedsItsVerbWhereItsSubjectIs() async throws {
        try await withTwoProvinces { funding, home, elsewhere in
            for row in Self.rows {
                let name = row.method.method
                let nobody = await outcome(row, funding, home, .init(timeout: .seconds(120)))
                #expect(nobody.reason == "TOKEN_MISSING", "\(name): \(nobody)")
                for verb in FundingVerb.allCases {
                    let province = try funding.as("somebody", [verb.name], at: home.unit)
                    let own = await outcome(row, funding, home, province)
                    let isEnough = verb == row.verb && row.reach != .nation
                    #expect(own.isLetIn == isEnough, "\(verb) for \(name): \(own)")
                    if !isEnough { #expect(own.reason == "PERMISSION_DENIED", "\(verb) for \(name)") }
                    if row.reach == .home {
                        let other = await outcome(row, funding, elsewhere, province)
                        #expect(!other.isLetIn && other.reason == "PERMISSION_DENIED", "\(verb), \(name): \(other)")
                    }
                    let nation = await outcome(row, funding, elsewhere, try funding.as("somebody", [verb.name]))
                    #expect(nation.isLetIn == (verb == row.verb), "\(verb) in the nation for \(name): \(nation)")
                }
            }
        }
    }

    @Test func theFeedIsForWhoReadsEverywhere() async throws {
        try await withTwoProvinces { funding, home, _ in
            for (verb, unit) in [("funding.read", home.unit), ("funding.write", ""), ("registry.read", "")] {
                let error = await #expect(throws: RPCError.self) {
                    try await Self.all(
                        funding.feed.follow(
                            .with { $0.topic = RunWorker.topic }, options: funding.as("somebody", [verb], at: unit)
                        ).responses)
                }
                #expect(error?.code == .permissionDenied)
            }
        }
    }

    /// Two provinces with a run that is computed, a claim that waits and a batch that is reserved, each; in 2024, before
    /// anything was merged.
    private func withTwoProvinces(_ body: (GuardedFunding, Place, Place) async throws -> Void) async throws {
        let facts: [any Message] = [
            Fixture.team("a", in: "dn-old"), Fixture.team("b", in: "bd"), Fixture.member("p", of: "b"),
        ]
        try await GuardedFunding.with(today: "2024-12-20", facts) { funding in
            var places: [Place] = []
            for (place, days) in [
                (Place(unit: "units/dn-old", code: "48", team: "teams/a", policy: Fixture.daNang), []),
                (
                    Place(unit: "units/bd", code: "74", team: "teams/b", policy: Fixture.binhDuong),
                    [("p", "2024-10-15"), ("p", "2024-10-16")]
                ),
            ] as [(Place, [(String, String)])] {
                var place = place
                let team = String(place.team.dropFirst("teams/".count))
                try await funding.appropriate(place.policy, 2024, 10_000_000)
                func claim(_ days: [(String, String)]) async throws -> Cdt_Funding_V1_Claim {
                    try await funding.submitted(
                        "2024-10-20", days.isEmpty ? 100_000 : 0, policy: place.policy, team: team, days: days)
                }
                #expect(try await funding.approved(claim(Array(days.prefix(1)))).dueDong > 0)
                place.claim = try await claim(Array(days.suffix(1))).name
                place.run = try await funding.run(
                    .with {
                        $0.unit = place.unit
                        $0.fromMonth = "2024-10"
                    }
                ).name
                place.batch = try await funding.payments.createPaymentBatch(
                    .with {
                        $0.policy = place.policy
                        $0.year = 2024
                    }, options: funding.as("clerk", ["funding.prepare"], at: place.unit)
                ).paymentBatch.name
                place.account = "accounts/\(place.policy.dropFirst("policies/".count)).2024.state.appropriated"
                places.append(place)
            }
            try await body(funding, places[0], places[1])
        }
    }

    /// "Segregation of duties enforced by identity": whoever may do everything still cannot do both halves.
    @Test func whoMayDoEverythingCannotCheckOrPayTheirOwn() async throws {
        try await GuardedFunding.with(
            today: "2024-12-20", [Fixture.team("a", in: "dn-old"), Fixture.team("h", in: "ht")]
        ) {
            funding in
            func samePerson(_ what: String, _ call: () async throws -> Void) async {
                let error = await #expect(throws: RPCError.self, "\(what)") { try await call() }
                #expect(error?.code == .permissionDenied && error?.reason == "SAME_PERSON", "\(what): \(error as Any)")
            }
            let maker = try funding.as("maker")
            let checker = try funding.as("checker")
            try await funding.appropriate(Fixture.daNang, 2024, 10_000_000)
            try await funding.appropriate(Fixture.haTinh, 2024, 10_000_000)
            let claim = try await funding.submitted("2024-10-15", 100_000, team: "a").name
            await samePerson("approve a claim") {
                _ = try await funding.claims.approveClaim(.with { $0.name = claim }, options: maker)
            }
            await samePerson("reject a claim") {
                _ = try await funding.claims.rejectClaim(
                    .with {
                        $0.name = claim
                        $0.note = "x"
                    }, options: maker)
            }
            _ = try await funding.claims.approveClaim(.with { $0.name = claim }, options: checker)
            await samePerson("reverse a claim") {
                _ = try await funding.claims.reverseClaim(
                    .with {
                        $0.name = claim
                        $0.note = "x"
                    }, options: maker)
            }
            let run = try await funding.run(
                .with {
                    $0.unit = "units/ht"
                    $0.fromMonth = "2024-10"
                }
            ).name
            await samePerson("approve a run") {
                _ = try await funding.policies.approveRun(.with { $0.name = run }, options: maker)
            }
            let batch = try await funding.payments.createPaymentBatch(
                .with {
                    $0.policy = Fixture.daNang
                    $0.year = 2024
                }, options: funding.as("clerk")
            ).paymentBatch.name
            await samePerson("approve a batch") {
                _ = try await funding.payments.approvePaymentBatch(
                    .with { $0.name = batch }, options: funding.as("clerk"))
            }
            _ = try await funding.payments.approvePaymentBatch(.with { $0.name = batch }, options: funding.as("chief"))
            let instruction = try await funding.payments.listPaymentInstructions(
                .with { $0.batch = batch }, options: funding.as("clerk")
            ).paymentInstructions[0].name
            func pay(_ subject: String) async throws -> Cdt_Funding_V1_RecordPaymentResultsResponse {
                try await funding.payments.recordPaymentResults(
                    .with {
                        $0.batch = batch
                        $0.results = [
                            .with {
                                $0.instruction = instruction
                                $0.state = .paid
                            }
                        ]
                    }, options: funding.as(subject))
            }
            for subject in ["maker", "checker", "clerk", "chief"] {
                await samePerson("\(subject) pays") { _ = try await pay(subject) }
            }
            #expect(try await pay("payer").verdicts.map(\.accepted) == [true])
            try await funding.expectSoundBooks()
        }
    }
}
