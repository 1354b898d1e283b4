import FundingPolicy
import RPC
import ServiceKit
import Shared
import SwiftProtobuf
import TestSupport
import Testing

/// "A grant on one province cannot read, list, stream, import or export another's; a test tries every RPC."
@Suite(.onBothEngines) struct FundingAccessMatrixTests {
    @Test func everyMethodHasARow() {
        let methods =
            Cdt_Funding_V1_FundingPolicyService.methods + Cdt_Funding_V1_LedgerService.methods
            + Cdt_Funding_V1_ClaimService.methods + Cdt_Funding_V1_PaymentService.methods
        #expect(Set(Self.rows.map(\.method.method)) == Set(methods.map(\.method)))
        #expect(Self.rows.count == methods.count)
    }

    @Test func eachCallNeedsItsVerbWhereItsSubjectIs() async throws {
        try await withTwoProvinces { funding, home, elsewhere in
            for row in Self.rows {
                let name = row.method.method
                let nobody = await row.outcome(funding, home, .init(timeout: .seconds(120)))
                #expect(nobody.error?.reason == "TOKEN_MISSING", "\(name): \(nobody)")
                for verb in FundingVerb.allCases {
                    let province = try funding.as("somebody", [verb.name], at: home.unit)
                    let own = await row.outcome(funding, home, province)
                    let isEnough = verb == row.verb && row.reach != .nation
                    #expect(own.isLetIn == isEnough, "\(verb) for \(name): \(own)")
                    if !isEnough { #expect(own.error?.reason == "PERMISSION_DENIED", "\(verb) for \(name)") }
                    if row.reach == .home {
                        let other = await row.outcome(funding, elsewhere, province)
                        #expect(
                            !other.isLetIn && other.error?.reason == "PERMISSION_DENIED", "\(verb), \(name): \(other)")
                    }
                    let nation = await row.outcome(funding, elsewhere, try funding.as("somebody", [verb.name]))
                    #expect(nation.isLetIn == (verb == row.verb), "\(verb) in the nation for \(name): \(nation)")
                }
            }
        }
    }

    @Test func theFeedIsForWhoReadsEverywhere() async throws {
        try await withTwoProvinces { funding, home, _ in
            for (verb, unit) in [("funding.read", home.unit), ("funding.write", ""), ("registry.read", "")] {
                let error = await #expect(throws: RPCError.self) {
                    let feed = try await funding.feed.follow(
                        .with { $0.topic = RunWorker.topic }, options: funding.as("somebody", [verb], at: unit))
                    for try await _ in feed.responses {}
                }
                #expect(error?.code == .permissionDenied)
            }
        }
    }

    /// Two provinces with a run that is computed, a claim that waits and a batch that is reserved, each; in 2024,
    /// before anything was merged.
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
