import FundingPolicy
import RPC
import Shared
import SwiftProtobuf
import TestSupport

/// Every call of the service with the right that it needs.
extension FundingAccessMatrixTests {
    /// One of everything, in one province.
    struct Place: Sendable {
        var unit: String
        var code: String
        var team: String
        var policy: String
        var run = ""
        var claim = ""
        var batch = ""
        var account = ""
    }

    typealias Row = AccessRow<GuardedFunding, Place, FundingVerb>

    private typealias Policies = Cdt_Funding_V1_FundingPolicyService.Method
    private typealias Ledger = Cdt_Funding_V1_LedgerService.Method
    private typealias Claims = Cdt_Funding_V1_ClaimService.Method
    private typealias Payments = Cdt_Funding_V1_PaymentService.Method

    /// Calls name what they are about and no more: who is let in may be refused for what is missing.
    static let rows: [Row] = policyRows + runRows + ledgerRows + claimRows + paymentRows

    private static let policyRows: [Row] = [
        Row(Policies.listPolicies, .read, at: .anywhere, { $0.policies.listPolicies }),
        Row(Policies.getPolicy, .read, at: .anywhere, { $0.policies.getPolicy }, { $0.name = $1.policy }),
        Row(
            Policies.createPolicy, .administer, { $0.policies.createPolicy },
            {
                $0.policy.jurisdictionCode = $1.code
                $0.policy.validFrom = "2024-01-01"
            }),
        Row(
            Policies.activatePolicy, .administer, { $0.policies.activatePolicy },
            {
                $0.name = $1.policy
                $0.version = 99
            }),
        Row(
            Policies.recordEnrolmentList, .administer, { $0.policies.recordEnrolmentList },
            {
                $0.enrolmentList.policy = $1.policy
            }),
        Row(Policies.listEnrolmentLists, .read, at: .anywhere, { $0.policies.listEnrolmentLists }),
        Row(
            Policies.getTeamEntitlement, .read, { $0.policies.getTeamEntitlement },
            {
                $0.team = $1.team
                $0.fromMonth = "2024-10"
            }),
        Row(
            Policies.computeEntitlements, .read, stream: { $0.policies.computeEntitlements },
            {
                $0.unit = $1.unit
                $0.fromMonth = "2024-10"
            }),
        Row(
            Policies.simulatePolicies, .read, stream: { $0.policies.simulatePolicies },
            {
                $0.unit = $1.unit
                $0.fromMonth = "2024-10"
            }),
    ]

    private static let runRows: [Row] = [
        Row(Policies.startRun, .prepare, { $0.policies.startRun }, { $0.unit = $1.unit }),
        Row(Policies.getRun, .read, { $0.policies.getRun }, { $0.name = $1.run }),
        Row(Policies.watchRun, .read, stream: { $0.policies.watchRun }, { $0.name = $1.run }),
        Row(Policies.listRuns, .read, { $0.policies.listRuns }, { $0.unit = $1.unit }),
        Row(Policies.listRunLines, .read, { $0.policies.listRunLines }, { $0.run = $1.run }),
        Row(
            Policies.approveRun, .approve, { $0.policies.approveRun },
            {
                $0.name = $1.run
                $0.etag = "\"stale\""
            }),
        Row(Policies.rejectRun, .approve, { $0.policies.rejectRun }, { $0.name = $1.run }),
        Row(
            Policies.postRun, .pay, { $0.policies.postRun },
            {
                $0.name = $1.run
                $0.etag = "\"stale\""
            }),
    ]

    private static let ledgerRows: [Row] = [
        Row(Ledger.recordAppropriation, .administer, { $0.ledger.recordAppropriation }, { $0.policy = $1.policy }),
        Row(Ledger.setOverdraft, .administer, { $0.ledger.setOverdraft }, { $0.account = $1.account }),
        Row(Ledger.listAccounts, .read, { $0.ledger.listAccounts }, { $0.policy = $1.policy }),
        Row(Ledger.getTrialBalance, .read, { $0.ledger.getTrialBalance }, { $0.policy = $1.policy }),
        Row(Ledger.listJournals, .read) { funding, place, options in
            for reference in [place.policy, place.run, place.claim, place.batch, place.account] {
                _ = try await funding.ledger.listJournals(.with { $0.reference = reference }, options: options)
            }
        },
        Row(Ledger.listJournalEntries, .read, { $0.ledger.listJournalEntries }, { $0.team = $1.team }),
        Row(Ledger.verifyLedger, .read, at: .nation, stream: { $0.ledger.verifyLedger }),
    ]

    private static let claimRows: [Row] = [
        Row(Claims.submitClaim, .prepare, { $0.claims.submitClaim }, { $0.claim.team = $1.team }),
        Row(Claims.getClaim, .read, { $0.claims.getClaim }, { $0.name = $1.claim }),
        Row(Claims.listClaims, .read) { funding, place, options in
            _ = try await funding.claims.listClaims(.with { $0.team = place.team }, options: options)
            _ = try await funding.claims.listClaims(.with { $0.policy = place.policy }, options: options)
        },
        Row(Claims.approveClaim, .approve, { $0.claims.approveClaim }, { $0.name = $1.claim }),
        Row(Claims.rejectClaim, .approve, { $0.claims.rejectClaim }, { $0.name = $1.claim }),
        Row(Claims.reverseClaim, .approve, { $0.claims.reverseClaim }, { $0.name = $1.claim }),
        Row(
            Claims.getTeamCeilings, .read, { $0.claims.getTeamCeilings },
            {
                $0.team = $1.team
                $0.policy = $1.policy
                $0.year = 2024
            }),
    ]

    private static let paymentRows: [Row] = [
        Row(Payments.createPaymentBatch, .prepare, { $0.payments.createPaymentBatch }, { $0.policy = $1.policy }),
        Row(Payments.getPaymentBatch, .read, { $0.payments.getPaymentBatch }, { $0.name = $1.batch }),
        Row(Payments.listPaymentBatches, .read, { $0.payments.listPaymentBatches }, { $0.policy = $1.policy }),
        Row(Payments.listPaymentInstructions, .read, { $0.payments.listPaymentInstructions }, { $0.batch = $1.batch }),
        Row(
            Payments.approvePaymentBatch, .approve, { $0.payments.approvePaymentBatch },
            {
                $0.name = $1.batch
                $0.etag = "\"stale\""
            }),
        Row(Payments.voidPaymentBatch, .prepare, { $0.payments.voidPaymentBatch }, { $0.name = $1.batch }),
        Row(Payments.exportPaymentBatch, .pay, stream: { $0.payments.exportPaymentBatch }, { $0.name = $1.batch }),
        Row(Payments.recordPaymentResults, .pay, { $0.payments.recordPaymentResults }, { $0.batch = $1.batch }),
        Row(Payments.reopenReturnedPayments, .pay, { $0.payments.reopenReturnedPayments }, { $0.batch = $1.batch }),
    ]
}
