import FundingPolicy
import ServiceKit
import Shared
import Storage
import SwiftProtobuf
import Testing

/// Money: appropriated, posted, looked at.
extension Fixture {
    static let binhDuong = "policies/binh-duong-27-2023"
    static let haTinh = "policies/ha-tinh-119-2023"
    static let daNang = "policies/da-nang-36-2024"

    @discardableResult
    func appropriate(_ policy: String, _ year: Int, _ amount: Int64, by caller: String = "treasurer") async throws
        -> Cdt_Funding_V1_RecordAppropriationResponse
    {
        try await ledger.appropriate(
            .with {
                $0.policy = policy
                $0.year = Int32(year)
                $0.amountDong = amount
                $0.document.number = "1/QĐ-STC"
            }, caller: caller, key: nil)
    }

    /// Computes a run, has another person approve it, and posts it; an unchanged run is given back as it is.
    func posted(_ request: Cdt_Funding_V1_StartRunRequest) async throws -> Cdt_Funding_V1_Run {
        let computed = try await run(request)
        if computed.state == .unchanged { return computed }
        return try await post(computed.name)
    }

    func post(_ run: String) async throws -> Cdt_Funding_V1_Run {
        _ = try await runs.approve(.with { $0.name = run }, caller: "checker", key: nil)
        _ = try await runs.post(.with { $0.name = run }, caller: "poster", key: nil)
        await worker.computeAll()
        return try runs.get(.with { $0.name = run }).run
    }

    func trialBalance(_ change: (inout Cdt_Funding_V1_GetTrialBalanceRequest) -> Void = { _ in }) async throws
        -> Cdt_Funding_V1_GetTrialBalanceResponse
    {
        try await ledger.trialBalance(.with(change))
    }

    /// The balance of an account; 0 while it has no movement.
    func balance(_ policy: String, _ year: Int, _ kind: Cdt_Funding_V1_AccountKind) async throws -> Int64 {
        try await trialBalance {
            $0.policy = policy
            $0.year = Int32(year)
        }.accounts.first { $0.kind == kind }?.balanceDong ?? 0
    }

    func verify(_ request: Cdt_Funding_V1_VerifyLedgerRequest = .init()) async throws
        -> Cdt_Funding_V1_VerifyLedgerResponse
    {
        var last = Cdt_Funding_V1_VerifyLedgerResponse()
        try await ledger.verify(request) { last = $0 }
        return last
    }

    /// Debits and credits are equal, and the chain is whole.
    func expectSoundBooks(_ location: SourceLocation = #_sourceLocation) async throws {
        let trial = try await trialBalance()
        #expect(trial.debitDong == trial.creditDong, sourceLocation: location)
        #expect(trial.accounts.reduce(0) { $0 + $1.balanceDong } == 0, sourceLocation: location)
        #expect(
            trial.accounts.allSatisfy { $0.mayOverdraw || $0.balanceDong >= 0 }, sourceLocation: location)
        let verified = try await verify()
        #expect(verified.complete && verified.intact, "\(verified.finding)", sourceLocation: location)
    }

    /// An active policy of Hà Tĩnh besides the shipped ones.
    func activate(_ change: (inout Cdt_Funding_V1_Policy) -> Void) async throws -> String {
        let draft = try await catalogue.create(
            .with {
                $0.policy.title = "Test"
                $0.policy.titleVi = "Thử"
                $0.policy.jurisdictionCode = "42"
                $0.policy.document.number = "1/NQ-HĐND"
                $0.policy.validFrom = "2024-01-01"
                $0.policy.beneficiary = .team
                $0.policy.levels = [.commune, .hamlet]
                $0.policy.stackable = true
                change(&$0.policy)
            }, key: nil)
        #expect(draft.problems.isEmpty, "\(draft.problems)")
        return try await catalogue.activate(
            .with {
                $0.name = draft.policy.name
                $0.version = 1
            }, key: nil
        ).policy.name
    }
}

/// The refusal that a call ends with.
func refusal(_ body: () async throws -> Void) async -> ServiceError? {
    do {
        try await body()
        return nil
    } catch { return error as? ServiceError }
}
