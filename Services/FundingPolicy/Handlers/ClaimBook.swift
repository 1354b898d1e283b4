import RPC
import ServiceKit
import Shared
import Storage
import SwiftProtobuf

extension Cdt_Funding_V1_ListClaimsRequest: PagedRequest {}

/// Claims: submitted, looked at, listed. Decisions are in an extension.
package struct ClaimBook: Sendable {
    typealias Method = Cdt_Funding_V1_ClaimService.Method
    typealias Claim = Cdt_Funding_V1_Claim

    let database: Database
    let pageTokens: PageTokens
    let clock: Clock

    package init(database: Database, pageTokens: PageTokens, clock: Clock) {
        self.database = database
        self.pageTokens = pageTokens
        self.clock = clock
    }

    package func submit(_ request: Cdt_Funding_V1_SubmitClaimRequest, caller: String, key: RequestIDs.Key?) async throws
        -> Cdt_Funding_V1_SubmitClaimResponse
    {
        var check = Violations()
        check.require(request.hasClaim, "claim", reason: "REQUIRED", "is required", vi: "là bắt buộc")
        var claim = ClaimMessages.accepted(request.claim, &check)
        try check.refuse()
        let now = clock.now
        claim.name = "claims/\(UUIDv7.next(at: now))"
        claim.state = .submitted
        claim.submittedBy = caller
        claim.submitTime = now.timestamp
        claim.submittedOn = now.localDate.description
        if request.validateOnly {
            var examined = try await database.readPooled { [claim] in try ClaimBook.examined(claim, $0) }.get()
            examined.name = ""
            return .with { $0.claim = examined }
        }
        return try await database.write { [claim] transaction in
            try RequestIDs.once(key, in: transaction, now: now) {
                switch try ClaimBook.examined(claim, transaction) {
                case .failure(let error): return .failure(error)
                case .success(let examined):
                    try ClaimStore.insert(examined, transaction)
                    let stored = try ClaimStore.get(examined.name, transaction)?.claim ?? examined
                    return .success(.with { $0.claim = stored })
                }
            }
        }.get()
    }

    /// The claim with its component found, and with what approval would give as things stand.
    private static func examined(_ claim: Claim, _ transaction: ReadTransaction) throws -> Result<Claim, ServiceError> {
        let versions = try PolicyStore.versions(of: claim.policy, transaction)
        if versions.isEmpty { return .failure(FundingErrors.policyNotFound(claim.policy)) }
        let active = versions.filter { $0.policy.state == .active }
        if active.isEmpty { return .failure(FundingErrors.policyNotActive(claim.policy)) }
        let claimable = Set(active.flatMap { $0.policy.components.filter { !$0.kind.isMonthly }.map(\.id) }).sorted()
        var claim = claim
        if claim.component.isEmpty, claimable.count == 1 { claim.component = claimable[0] }
        guard claimable.contains(claim.component),
            let component = active.lazy.flatMap(\.policy.components).first(where: { $0.id == claim.component })
        else { return .failure(FundingErrors.notClaimable(claim, claimable: claimable)) }
        let check = ClaimMessages.check(
            claim, for: component.kind, submittedOn: LocalDate(claim.submittedOn) ?? .distantFuture)
        if !check.isEmpty { return .failure(.invalid(check.all)) }
        guard try FactsReader(transaction).team(claim.team) != nil else {
            return .failure(FundingErrors.teamNotFound(claim.team))
        }
        if let refusal = try ClaimBook.doubleFunding(claim, transaction) { return .failure(refusal) }
        return .success(try FundingErrors.catchingOverflow { try ClaimBook.decided(claim, transaction).claim })
    }

    /// A claim's items as they are decided now.
    struct Decided {
        var claim: Claim
        var decisions: [ClaimRules.Decision]
        var policies: [Policy]
        /// Person-days with what this claim takes from their ceiling.
        var days: [(day: WorkDay, amount: Int64)]
    }

    static func decided(_ claim: Claim, _ transaction: ReadTransaction) throws -> Decided {
        let facts = try ClaimFacts.load(claim, transaction)
        var rules = try ClaimRules(facts: facts.rules, component: claim.component)
        var claim = claim
        claim.claimedDong = 0
        claim.dueDong = 0
        var decisions: [ClaimRules.Decision] = []
        for (index, item) in try ClaimMessages.items(of: claim).enumerated() {
            guard let decision = try rules.decide(item) else {
                throw StorageError.misuse("\(claim.policy) has no component \(claim.component)")
            }
            let policy = facts.rules.versions[decision.version].policy
            let explainer = ClaimExplainer(policy: policy, item: item, decision: decision, team: facts.rules.team)
            var message = claim.items[index]
            message.amountDong = decision.claimed
            message.dueDong = decision.due
            message.refusals = explainer.refusals()
            message.cutByDayDong = decision.cutByDay
            message.cutByTeamDong = decision.cutByTeam
            message.paidDays = Int32(decision.paidDays.count)
            message.policyVersion = Int32(policy.version)
            message.explanation = explainer.explanation(facts.evidence[decision.version])
            claim.items[index] = message
            claim.claimedDong = try Money.add(claim.claimedDong, decision.claimed)
            claim.dueDong = try Money.add(claim.dueDong, decision.due)
            decisions.append(decision)
        }
        let before = facts.rules.usedByDay
        let days = rules.usedByDay.compactMap { day, used in
            used > before[day, default: 0] ? (day: day, amount: used - before[day, default: 0]) : nil
        }.sorted { $0.day < $1.day }
        return Decided(claim: claim, decisions: decisions, policies: facts.rules.versions.map(\.policy), days: days)
    }

    package func get(_ request: Cdt_Funding_V1_GetClaimRequest) async throws -> Cdt_Funding_V1_GetClaimResponse {
        var check = Violations()
        _ = check.name(request.name, of: "claims", "name")
        try check.refuse()
        return try await database.readPooled { transaction in
            guard let found = try ClaimStore.get(request.name, transaction)?.claim else {
                throw FundingErrors.claimNotFound(request.name)
            }
            guard found.state == .submitted else { return .with { $0.claim = found } }
            let current = try FundingErrors.catchingOverflow { try ClaimBook.decided(found, transaction).claim }
            return .with { $0.claim = current }
        }
    }

    package func list(_ request: Cdt_Funding_V1_ListClaimsRequest) async throws -> Cdt_Funding_V1_ListClaimsResponse {
        var check = Violations()
        _ = check.name(request.team, of: "teams", "team", required: false)
        _ = check.name(request.policy, of: "policies", "policy", required: false)
        try check.refuse()
        let page = try pageTokens.page(of: request, Method.listClaims, size: 100)
        var filter = ClaimStore.Filter()
        filter.team = request.team
        filter.policy = request.policy
        filter.state = request.state == .unspecified ? nil : request.state.rawValue
        let before = page.position?.first.flatMap { Int64($0) }
        let found = try await database.readPooled { [filter] in
            try ClaimStore.list(filter, before: before, limit: page.size + 1, $0)
        }
        let (rows, next) = try pageTokens.cut(found, to: page, of: request, Method.listClaims) { [String($0.number)] }
        return .with {
            $0.claims = rows.map(\.claim)
            $0.nextPageToken = next
        }
    }

    /// What a team's ceilings hold.
    package func ceilings(_ request: Cdt_Funding_V1_GetTeamCeilingsRequest) async throws
        -> Cdt_Funding_V1_GetTeamCeilingsResponse
    {
        var check = Violations()
        _ = check.name(request.team, of: "teams", "team")
        _ = check.name(request.policy, of: "policies", "policy")
        let year = LedgerBook.year(request.year, "year", &check)
        try check.refuse()
        let deadline = ExpenseRules.claimDeadline(forYear: year)
        let lapsed = clock.today > deadline
        return try await database.readPooled { transaction in
            let versions = try PolicyStore.versions(of: request.policy, transaction).map(\.policy)
            if versions.isEmpty { throw FundingErrors.policyNotFound(request.policy) }
            let active = versions.filter { $0.state == .active }
            if active.isEmpty { throw FundingErrors.policyNotActive(request.policy) }
            let reader = FactsReader(transaction)
            if try reader.team(request.team) == nil { throw FundingErrors.teamNotFound(request.team) }
            var use = CeilingUse()
            for line in try reader.recordedLines(of: [request.team])[request.team]?.lines ?? [] {
                try use.use(line, policies: active)
            }
            var lines: [Cdt_Funding_V1_CeilingLine] = []
            guard let january = Month(year: year, month: 1) else { return .init() }
            let days = DateRange(from: january.firstDay, to: january.adding(months: 11).lastDay)
            for policy in active where policy.validity.overlaps(days) {
                for cap in policy.caps where cap.kind == .teamYear || cap.kind == .teamLife {
                    // Months are posted whenever they are computed; only what is claimed lapses.
                    let isClaimed = policy.components.filter { cap.cuts($0.id) }.allSatisfy { !$0.kind.isMonthly }
                    let hasLapsed = lapsed && isClaimed && cap.kind == .teamYear
                    let ceiling = try cap.ceiling(in: year, validity: policy.validity)
                    let used = use.used(cap, policy: policy, year: year)
                    lines.append(
                        .with {
                            $0.policy = policy.name
                            $0.kind = .init(rawValue: cap.kind.rawValue) ?? .unspecified
                            $0.year = cap.kind == .teamYear ? Int32(year) : 0
                            $0.amountDong = ceiling
                            $0.step = CeilingTexts.step(cap, year: year, ceiling: ceiling, validity: policy.validity)
                            $0.usedDong = used
                            $0.leftDong = hasLapsed ? 0 : max(0, ceiling - used)
                            $0.lapsed = hasLapsed
                        })
                }
            }
            let found = lines
            return .with {
                $0.ceilings = found
                $0.claimableUntil = deadline.description
            }
        }
    }
}
