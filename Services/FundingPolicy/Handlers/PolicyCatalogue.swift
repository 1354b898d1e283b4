import RPC
import ServiceKit
import Shared
import Storage
import SwiftProtobuf

extension Cdt_Funding_V1_ListPoliciesRequest: PagedRequest {}
extension Cdt_Funding_V1_ListEnrolmentListsRequest: PagedRequest {}
extension Cdt_Funding_V1_ListRunsRequest: PagedRequest {}
extension Cdt_Funding_V1_ListRunLinesRequest: PagedRequest {}

/// Policies and their enrolment lists.
package struct PolicyCatalogue: Sendable {
    typealias Method = Cdt_Funding_V1_FundingPolicyService.Method

    /// Teams on one list at most, so that a request stays within the usual message size.
    package static let largestList = 20_000

    let database: Database
    let pageTokens: PageTokens
    let clock: Clock

    package init(database: Database, pageTokens: PageTokens, clock: Clock) {
        self.database = database
        self.pageTokens = pageTokens
        self.clock = clock
    }

    package func list(_ request: Cdt_Funding_V1_ListPoliciesRequest) async throws -> Cdt_Funding_V1_ListPoliciesResponse
    {
        var check = Violations()
        var filter = PolicyStore.Filter()
        filter.validOn = check.date(request.validOn, "valid_on", required: false)
        filter.jurisdictionCode = request.jurisdictionCode
        filter.includeDrafts = request.includeDrafts
        try check.refuse()
        let page = try pageTokens.page(of: request, Method.listPolicies, size: 100)
        let position = page.position.flatMap { values in
            values.count == 2 ? Int(values[1]).map { (name: values[0], version: $0) } : nil
        }
        let found = try await database.readPooled { [filter] transaction in
            let reader = FactsReader(transaction)
            return try PolicyStore.list(filter, after: position, limit: page.size + 1, transaction).map {
                try $0.message(reader)
            }
        }
        let (rows, next) = try pageTokens.cut(found, to: page, of: request, Method.listPolicies) {
            [$0.name, String($0.version)]
        }
        return .with {
            $0.policies = rows
            $0.nextPageToken = next
        }
    }

    package func get(_ request: Cdt_Funding_V1_GetPolicyRequest) throws -> Cdt_Funding_V1_GetPolicyResponse {
        var check = Violations()
        _ = check.name(request.name, of: "policies", "name")
        check.require(request.version >= 0, "version", "must not be negative", vi: "không được âm")
        try check.refuse()
        return try database.read { transaction in
            guard let stored = try PolicyStore.get(request.name, version: Int(request.version), transaction) else {
                throw FundingErrors.policyNotFound(request.name, version: Int(request.version))
            }
            return try .with { $0.policy = try stored.message(FactsReader(transaction)) }
        }
    }

    package func create(_ request: Cdt_Funding_V1_CreatePolicyRequest, key: RequestIDs.Key?) async throws
        -> Cdt_Funding_V1_CreatePolicyResponse
    {
        var check = Violations()
        check.require(request.hasPolicy, "policy", reason: "REQUIRED", "is required", vi: "là bắt buộc")
        if !request.policy.name.isEmpty { _ = check.name(request.policy.name, of: "policies", "policy.name") }
        let sent = PolicyMessages.policy(request.policy, &check)
        if !check.isEmpty { throw FundingErrors.invalidPolicy(.invalidArgument, check.all) }
        let now = clock.now
        let fresh = "policies/\(UUIDv7.next(at: now))"
        return try await database.write { transaction in
            try RequestIDs.once(key, in: transaction, now: now) {
                var policy = sent
                policy.state = .draft
                policy.version = 1
                if policy.name.isEmpty {
                    policy.name = fresh
                } else {
                    guard let last = try PolicyStore.versions(of: policy.name, transaction).last else {
                        return .failure(FundingErrors.policyNotFound(policy.name))
                    }
                    policy.version = last.policy.version + 1
                }
                let stored = StoredPolicy(
                    policy: policy, contentHash: try PolicyMessages.contentHash(policy), createdAt: now)
                try PolicyStore.insert(stored, transaction)
                let violations = try PolicyCatalogue.violations(of: policy, transaction)
                return .success(
                    try .with {
                        $0.policy = try stored.message(FactsReader(transaction))
                        $0.problems = violations.map { violation in
                            .with {
                                $0.reason = violation.reason
                                $0.field = violation.field
                                $0.description_p = violation.description
                                $0.descriptionVi = violation.descriptionVi
                            }
                        }
                    })
            }
        }.get()
    }

    package func activate(_ request: Cdt_Funding_V1_ActivatePolicyRequest, key: RequestIDs.Key?) async throws
        -> Cdt_Funding_V1_ActivatePolicyResponse
    {
        var check = Violations()
        _ = check.name(request.name, of: "policies", "name")
        check.require(
            request.version > 0, "version", reason: "REQUIRED", "say which version, from 1", vi: "cần phiên bản, từ 1")
        try check.refuse()
        let now = clock.now
        return try await database.write { transaction in
            try RequestIDs.once(key, in: transaction, now: now) {
                guard var stored = try PolicyStore.get(request.name, version: Int(request.version), transaction) else {
                    return .failure(FundingErrors.policyNotFound(request.name, version: Int(request.version)))
                }
                if !request.etag.isEmpty, request.etag != stored.etag {
                    return .failure(FundingErrors.etagMismatch(request.name, etag: stored.etag))
                }
                if stored.policy.state == .draft {
                    let violations = try PolicyCatalogue.violations(of: stored.policy, transaction)
                    if !violations.isEmpty {
                        return .failure(FundingErrors.invalidPolicy(.failedPrecondition, violations))
                    }
                    try PolicyStore.activate(request.name, version: Int(request.version), at: now, transaction)
                    stored.policy.state = .active
                    stored.activatedAt = now
                }
                return .success(try .with { $0.policy = try stored.message(FactsReader(transaction)) })
            }
        }.get()
    }

    private static func violations(of policy: Policy, _ transaction: ReadTransaction) throws -> [PolicyViolation] {
        PolicyValidation.violations(
            of: policy, otherVersions: try PolicyStore.versions(of: policy.name, transaction).map(\.policy),
            jurisdictionKnown: try PolicyStore.jurisdiction(of: policy, FactsReader(transaction)) != nil)
    }

    // MARK: Enrolment lists

    package func record(_ request: Cdt_Funding_V1_RecordEnrolmentListRequest, key: RequestIDs.Key?) async throws
        -> Cdt_Funding_V1_RecordEnrolmentListResponse
    {
        let list = request.enrolmentList
        var check = Violations()
        _ = check.name(list.policy, of: "policies", "enrolment_list.policy")
        let decision = PolicyMessages.legalDocument(list.decision, "enrolment_list.decision", &check)
        let days = check.range(
            list.from, "enrolment_list.from", list.to, "enrolment_list.to", fromRequired: true)
        check.require(
            !list.teams.isEmpty, "enrolment_list.teams", reason: "REQUIRED", "name at least one team",
            vi: "cần ít nhất một tổ")
        check.require(
            list.teams.count <= PolicyCatalogue.largestList, "enrolment_list.teams", reason: "TOO_MANY",
            "holds more than \(PolicyCatalogue.largestList) teams; record several lists",
            vi: "có hơn \(PolicyCatalogue.largestList) tổ; hãy chia thành nhiều danh sách")
        for (index, team) in list.teams.enumerated().prefix(PolicyCatalogue.largestList) {
            _ = check.name(team, of: "teams", "enrolment_list.teams[\(index)]")
        }
        try check.refuse()
        let teams = Array(Set(list.teams)).sorted()
        let now = clock.now
        let stored = StoredEnrolmentList(
            name: "enrolmentLists/\(UUIDv7.next(at: now))", policy: list.policy, decision: decision, days: days,
            teamCount: teams.count, createdAt: now)
        return try await database.write { transaction in
            try RequestIDs.once(key, in: transaction, now: now) {
                guard let policy = try PolicyStore.get(stored.policy, version: 0, transaction)?.policy else {
                    return .failure(FundingErrors.policyNotFound(stored.policy))
                }
                guard policy.requiresEnrolment else { return .failure(FundingErrors.enrolmentNotUsed(policy.name)) }
                let known = try FactsReader(transaction).knownTeams(teams)
                let unknown = teams.filter { !known.contains($0) }
                if !unknown.isEmpty { return .failure(FundingErrors.unknownTeams(unknown)) }
                try EnrolmentStore.insert(stored, teams: teams, transaction)
                return .success(.with { $0.enrolmentList = stored.message })
            }
        }.get()
    }

    package func listEnrolments(_ request: Cdt_Funding_V1_ListEnrolmentListsRequest) async throws
        -> Cdt_Funding_V1_ListEnrolmentListsResponse
    {
        var check = Violations()
        _ = check.name(request.policy, of: "policies", "policy", required: false)
        try check.refuse()
        let page = try pageTokens.page(of: request, Method.listEnrolmentLists, size: 100)
        let found = try await database.readPooled {
            try EnrolmentStore.list(
                policy: request.policy, after: page.position?.first ?? "", limit: page.size + 1, $0)
        }
        let (rows, next) = try pageTokens.cut(found, to: page, of: request, Method.listEnrolmentLists) {
            [$0.message.name]
        }
        return .with {
            $0.enrolmentLists = rows.map(\.message)
            $0.nextPageToken = next
        }
    }
}
