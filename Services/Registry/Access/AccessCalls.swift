import ServiceKit
import Shared
import Storage
import SwiftProtobuf

/// The calls about grants.
struct AccessCalls: Sendable {
    let core: RegistryCore

    func create(_ request: Cdt_Registry_V1_CreateGrantRequest, by caller: Caller) async throws
        -> Cdt_Registry_V1_CreateGrantResponse
    {
        var reader = RequestReader(core)
        let message = request.grant
        let subject = reader.fields.line(message.subject, "grant.subject", limit: 200)
        let note = reader.fields.line(message.note, "grant.note", limit: 300, required: false)
        let unit = reader.coded(message.unit, "grant.unit")
        var verbs: Set<AccessVerb> = []
        for (index, verb) in message.verbs.enumerated() {
            if let verb = reader.value(verb.rawValue, AccessVerb.self, "grant.verbs[\(index)]") { verbs.insert(verb) }
        }
        let role =
            message.role == .unspecified ? nil : reader.value(message.role.rawValue, AccessRole.self, "grant.role")
        if message.verbs.isEmpty, message.role == .unspecified {
            reader.fields.add(Problem(.fieldMissing, "grant.verbs"))
        }
        try reader.refuse()
        guard let subject, let note, let unit else { throw Refusal(.fieldMissing, "grant").error }
        let now = core.clock.now
        let grant = Grant(
            id: UUIDv7.next(at: now), subject: subject, unit: core.units[unit].id, verbs: verbs, role: role,
            note: note, createdAt: now)
        let today = core.clock.today
        return try await core.write(request.requestID, of: request, by: caller) { [core] tx, author in
            let same = try GrantStore.list(
                subject: subject, unit: grant.unit, revoked: false, after: nil, limit: .max, in: tx
            ).first { $0.allVerbs == grant.allVerbs }
            if let same { return .failure(Refusal(.grantExists, "grant", ["grant": same.name]).error) }
            let message = grant.message(core.units, today: today)
            try GrantStore.insert(grant, in: tx)
            tx.afterCommit { core.grants.forget(subject) }
            try core.recorder.audit(grant.name, before: nil, after: message, by: author, in: tx)
            return .success(
                .with {
                    $0.grant = message
                    if message.pastOnly {
                        $0.warnings = [
                            Problem(.grantPastOnly, "grant.unit", core.units.validity(of: unit, on: today)).message
                        ]
                    }
                })
        }
    }

    func revoke(_ request: Cdt_Registry_V1_RevokeGrantRequest, by caller: Caller) async throws
        -> Cdt_Registry_V1_RevokeGrantResponse
    {
        var reader = RequestReader(core)
        let id = reader.id(request.name, of: "grants", "name")
        try reader.refuse()
        guard let id else { throw Refusal(.fieldMissing, "name").error }
        let today = core.clock.today
        return try await core.write(request.requestID, of: request, by: caller) { [core] tx, author in
            guard var grant = try GrantStore.grant(id, in: tx) else {
                return .failure(Refusal(.grantNotFound, "name", ["value": "grants/\(id)"]).error)
            }
            guard grant.revokedAt == nil else { return .failure(Refusal(.grantRevoked, "name").error) }
            let before = grant.message(core.units, today: today)
            grant.revokedAt = author.now
            let message = grant.message(core.units, today: today)
            try GrantStore.revoke(grant, in: tx)
            tx.afterCommit { [subject = grant.subject] in core.grants.forget(subject) }
            try core.recorder.audit(grant.name, before: before, after: message, by: author, in: tx)
            return .success(.with { $0.grant = message })
        }
    }

    func list(_ request: Cdt_Registry_V1_ListGrantsRequest, by caller: Caller) async throws
        -> Cdt_Registry_V1_ListGrantsResponse
    {
        var reader = RequestReader(core)
        let unit = request.unit.isEmpty ? nil : reader.coded(request.unit, "unit")
        try reader.refuse()
        let page = try core.page(request, caller)
        var after: (subject: String, id: UniqueID)?
        if let position = page.position, position.count == 2, let id = UniqueID(position[1]) {
            after = (position[0], id)
        }
        let units = core.units
        let today = core.clock.today
        let rows = try await core.database.readPooled { [after] tx in
            try GrantStore.list(
                subject: request.subject, unit: unit.map { units[$0].id }, revoked: request.includeRevoked,
                after: after, limit: page.size + 1, in: tx)
        }
        let (shown, next) = try core.tokens.cut(rows, to: page, of: request, caller.method) {
            [$0.subject, $0.id.description]
        }
        return .with {
            $0.grants = shown.map { $0.message(units, today: today) }
            $0.nextPageToken = next
        }
    }

    func check(_ request: Cdt_Registry_V1_CheckAccessRequest) async throws -> Cdt_Registry_V1_CheckAccessResponse {
        var reader = RequestReader(core)
        let day = reader.day(request.date)
        let subject = reader.fields.line(request.subject, "subject", limit: 200)
        let verb = reader.value(request.verb.rawValue, AccessVerb.self, "verb")
        let unit = reader.coded(request.unit, "unit")
        try reader.refuse()
        guard let subject, let verb, let unit else { throw Refusal(.fieldMissing, "subject").error }
        let units = core.units
        let today = core.clock.today
        let grants = try await core.database.readPooled {
            try GrantStore.list(subject: subject, unit: nil, revoked: false, after: nil, limit: .max, in: $0)
        }
        let allowing = grants.first {
            AccessRules.allows($0, verb, on: unit, date: day.date, today: today, units: units)
        }
        return .with {
            $0.allowed = allowing != nil
            $0.grant = allowing?.name ?? ""
            $0.date = day.text
            $0.dateDefaulted = day.isDefault
        }
    }
}

extension Grant {
    func message(_ units: UnitIndex, today: LocalDate) -> Cdt_Registry_V1_Grant {
        .with {
            $0.name = name
            $0.subject = subject
            $0.unit = unit == Unit.nationID ? "" : unit.unitName
            $0.verbs = verbs.map(\.rawValue).sorted().compactMap { .init(rawValue: $0) }
            $0.role = role.flatMap { .init(rawValue: $0.rawValue) } ?? .unspecified
            $0.note = note
            $0.revoked = revokedAt != nil
            $0.pastOnly = units.rank(of: unit).map { units[$0].validity.lastDay < today } ?? true
            $0.createTime = createdAt.timestamp
            if let revokedAt { $0.revokeTime = revokedAt.timestamp }
        }
    }
}
