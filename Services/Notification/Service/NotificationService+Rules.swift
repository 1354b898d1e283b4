import RPC
import ServiceKit
import Shared
import Storage
import SwiftProtobuf

extension NotificationService {
    func createRule(_ request: Cdt_Notification_V1_CreateRuleRequest, context: ServerContext) async throws
        -> Cdt_Notification_V1_CreateRuleResponse
    {
        try admit(.administer, atName: request.rule.unit, context)
        let now = clock.now
        let rule = try checked(request.rule, now: now)
        return try await once(request.requestID, of: request, context, now: now) { transaction in
            guard try RuleStore.get(rule.id, transaction) == nil else {
                return .failure(
                    .alreadyExists(
                        type: Names.rule, name: "rules/\(rule.id)", reason: "RULE_EXISTS",
                        "rules/\(rule.id) exists; take another name, or change it with UpdateRule",
                        vi: "rules/\(rule.id) đã có; hãy chọn tên khác, hoặc sửa bằng UpdateRule"))
            }
            try RuleStore.insert(rule, transaction)
            return .success(.with { $0.rule = rule.shown })
        }
    }

    func updateRule(_ request: Cdt_Notification_V1_UpdateRuleRequest, context: ServerContext) async throws
        -> Cdt_Notification_V1_UpdateRuleResponse
    {
        try admit(.administer, atName: request.rule.unit, context)
        let (now, etag) = (clock.now, request.rule.etag)
        let rule = try checked(request.rule, now: now)
        try admit(.administer, atUnitOfKept: database.read { try RuleStore.get(rule.id, $0)?.unit }, context)
        return try await once(request.requestID, of: request, context, now: now) { transaction in
            let name = "rules/\(rule.id)"
            guard let current = try RuleStore.get(rule.id, transaction) else {
                return .failure(
                    .notFound(type: Names.rule, name: name, reason: "RULE_NOT_FOUND", listedBy: "ListRules"))
            }
            if let refusal = Etag.refusal(etag, version: Int64(current.revision), name: name) {
                return .failure(refusal)
            }
            guard current.kind == rule.kind, current.unit == rule.unit else {
                return .failure(
                    .invalid(
                        "rule.kind", reason: "IMMUTABLE", "kind and unit stay; make another rule",
                        vi: "loại và đơn vị không đổi được; hãy tạo quy tắc khác"))
            }
            var updated = rule
            updated.revision = current.revision + 1
            updated.createdAt = current.createdAt
            updated.hasRun = current.hasRun
            // What happened while it was off is not told.
            updated.lookedAt = current.isEnabled ? current.lookedAt : now
            try RuleStore.update(updated, transaction)
            let shown = updated.shown
            return .success(.with { $0.rule = shown })
        }
    }

    func listRules(_ request: Cdt_Notification_V1_ListRulesRequest, context: ServerContext) async throws
        -> Cdt_Notification_V1_ListRulesResponse
    {
        try admitSomewhere(.read, context)
        let page = try await page(
            of: request, Method.listRules, read: { try RuleStore.page(after: $0?.first ?? "", limit: $1, $2) },
            position: { [$0.id] })
        let rules = try await visible(page.rows, context) { $0.unit }.map(\.shown)
        return .with { ($0.rules, $0.nextPageToken) = (rules, page.next) }
    }

    func deleteRule(_ request: Cdt_Notification_V1_DeleteRuleRequest, context: ServerContext) async throws
        -> Cdt_Notification_V1_DeleteRuleResponse
    {
        guard let id = ResourceName.id(request.name, in: "rules") else {
            throw ServiceError.invalid("name", "write it as `rules/{id}`", vi: "hãy viết dạng `rules/{id}`")
        }
        try admit(.administer, atUnitOfKept: database.read { try RuleStore.get(id, $0)?.unit }, context)
        let name = request.name
        return try await once(request.requestID, of: request, context, now: clock.now) { transaction in
            guard try RuleStore.delete(id, transaction) else {
                return .failure(
                    .notFound(type: Names.rule, name: name, reason: "RULE_NOT_FOUND", listedBy: "ListRules"))
            }
            return .success(.init())
        }
    }

    private func checked(_ message: Cdt_Notification_V1_Rule, now: Instant) throws -> Rule {
        let rule = try refusing("INVALID_RULE") { Rule.reading(message, now: now) }
        _ = try checked(rule.sample)
        return rule
    }
}
