import ServiceKit
import Shared
import Storage
import SwiftProtobuf

/// The calls about capacity policies (R3).
struct CapacityCalls: Sendable {
    let core: RegistryCore

    func create(_ request: Cdt_Registry_V1_CreateCapacityPolicyRequest, by caller: Caller) async throws
        -> Cdt_Registry_V1_CreateCapacityPolicyResponse
    {
        var reader = RequestReader(core)
        let message = request.policy
        let unit = message.unit.isEmpty ? nil : reader.coded(message.unit, "policy.unit")
        if message.unit.isEmpty { reader.fields.add(Problem(.fieldMissing, "policy.unit")) }
        let level = reader.level(message.level, "policy.level")
        let mode = reader.value(message.mode.rawValue, CapacityMode.self, "policy.mode")
        if !(1...1000).contains(message.limit) {
            reader.fields.add(
                Problem(
                    .numberOutOfRange, "policy.limit", ["value": String(message.limit), "low": "1", "high": "1000"]))
        }
        if message.minimum < 0 || message.minimum > max(message.limit, 0) {
            reader.fields.add(
                Problem(
                    .numberOutOfRange, "policy.minimum",
                    ["value": String(message.minimum), "low": "0", "high": String(message.limit)]))
        }
        let from = reader.fields.date(message.from, "policy.from", required: true)
        let to = reader.fields.date(message.to, "policy.to")
        if let from, let to, to < from {
            reader.fields.add(Problem(.datesReversed, "policy.to", ["from": from.description, "to": to.description]))
        }
        let document =
            message.hasDocument ? DocumentFields.read(message.document, "policy.document", &reader.fields) : nil
        try reader.refuse()
        guard let unit, let level, let mode, let from else { throw Refusal(.fieldMissing, "policy").error }
        let policy = CapacityPolicy(
            id: UUIDv7.next(at: core.clock.now), unit: core.units[unit].id, level: level, limit: Int(message.limit),
            minimum: Int(message.minimum), mode: mode, range: DateRange(from: from, to: to), document: document)
        return try await core.write(request.requestID, of: request, by: caller) { [core] tx, author in
            let clash = try CapacityStore.all(level: level, unit: policy.unit, in: tx).first {
                $0.range.overlaps(policy.range)
            }
            if let clash {
                return .failure(
                    Refusal(
                        .policyOverlaps, "policy.from",
                        ["from": clash.range.from?.description, "to": clash.range.to?.description]
                    ).error)
            }
            try core.recorder.insert(policy, as: policy.message, by: author, in: tx)
            return .success(.with { $0.policy = policy.message })
        }
    }

    func list(_ request: Cdt_Registry_V1_ListCapacityPoliciesRequest, by caller: Caller) async throws
        -> Cdt_Registry_V1_ListCapacityPoliciesResponse
    {
        var reader = RequestReader(core)
        let unit = request.unit.isEmpty ? nil : reader.coded(request.unit, "unit")
        try reader.refuse()
        let page = try core.page(request, caller)
        let all = try await core.database.readPooled { [core] tx in
            try CapacityStore.all(unit: unit.map { core.units[$0].id }, in: tx)
        }
        let start =
            page.position?.first.flatMap { last in all.firstIndex { $0.id.description == last } }.map { $0 + 1 } ?? 0
        let part = all[start...].prefix(page.size)
        return try .with {
            $0.policies = part.map(\.message)
            if let last = part.last, part.endIndex < all.endIndex {
                $0.nextPageToken = try core.tokens.token(after: [last.id.description], of: request, caller.method)
            }
        }
    }
}

extension CapacityPolicy {
    var message: Cdt_Registry_V1_CapacityPolicy {
        .with {
            $0.name = "capacityPolicies/\(id)"
            $0.unit = unit.unitName
            $0.level = .init(rawValue: level.rawValue) ?? .unspecified
            $0.limit = Int32(limit)
            $0.minimum = Int32(minimum)
            $0.mode = .init(rawValue: mode.rawValue) ?? .unspecified
            $0.from = range.from.text
            $0.to = range.to.text
            if let document { $0.document = document.message }
        }
    }
}
