import RPC
import ServiceKit
import Storage

/// Each caller is kept to the subtree granted. Asked before a request is looked at any further, and for every page of a
/// list: a page token grants no rights.
extension NotificationService {
    /// In a unit, bare.
    func admit(_ verb: NotificationVerb, at unit: String, _ context: ServerContext) throws {
        let identity = try caller(context)
        if identity.hasNation(verb) { return }
        let granted = identity.units(for: verb)
        if !granted.isEmpty, try database.read({ try reaches(granted, unit, verb, $0) }) { return }
        throw ServiceError.denied(verb, "in units/\(unit)", vi: "tại units/\(unit)")
    }

    /// In a unit that a request names; the nation when the name is none, which is then refused for what it is.
    func admit(_ verb: NotificationVerb, atName name: String, _ context: ServerContext) throws {
        guard let unit = ResourceName.id(name, in: "units") else { return try admitInNation(verb, context) }
        try admit(verb, at: unit, context)
    }

    /// In the unit of what a request names, whatever unit it names beside it. Nil: that is not there, as whoever has
    /// the verb anywhere may know.
    func admit(_ verb: NotificationVerb, atUnitOfKept unit: String?, _ context: ServerContext) throws {
        if let unit { try admit(verb, at: unit, context) } else { try admitSomewhere(verb, context) }
    }

    /// About a person: in a unit of one of their teams, or of which they are a focal point; of somebody who is in none
    /// that is known here, in the nation. Anywhere when the name is none, which is then refused for what it is.
    func admit(_ verb: NotificationVerb, atPersonName name: String, _ context: ServerContext) throws {
        guard let person = Names.uuid(name, in: "people") else { return try admitSomewhere(verb, context) }
        let identity = try caller(context)
        if identity.hasNation(verb) { return }
        let granted = identity.units(for: verb)
        let isAdmitted = try database.read { transaction in
            if try isNation(among: granted, transaction) { return true }
            return try AudienceStore.units(of: person, on: clock.today, transaction)
                .contains { try reaches(granted, $0, verb, transaction) }
        }
        if isAdmitted { return }
        throw ServiceError.denied(
            verb, "in a unit of a team that \(name) is or was in", vi: "tại đơn vị của một tổ mà \(name) tham gia")
    }

    func admitInNation(_ verb: NotificationVerb, _ context: ServerContext) throws {
        let identity = try caller(context)
        if identity.hasNation(verb) { return }
        let granted = identity.units(for: verb)
        if try database.read({ try isNation(among: granted, $0) }) { return }
        throw ServiceError.denied(verb, "in the whole nation", vi: "trên toàn quốc")
    }

    /// Anywhere at all.
    func admitSomewhere(_ verb: NotificationVerb, _ context: ServerContext) throws {
        let identity = try caller(context)
        if identity.hasNation(verb) || !identity.units(for: verb).isEmpty { return }
        throw ServiceError.denied(verb, "somewhere", vi: "tại ít nhất một đơn vị")
    }

    /// The rows of a list that are of units the caller may see.
    func visible<Row: Sendable>(_ rows: [Row], _ context: ServerContext, unit: @escaping @Sendable (Row) -> String)
        async throws -> [Row]
    {
        let identity = try caller(context)
        if identity.hasNation(.read) { return rows }
        let granted = identity.units(for: .read)
        return try await database.readPooled { transaction in
            try rows.filter { try reaches(granted, unit($0), .read, transaction) }
        }
    }

    private func caller(_ context: ServerContext) throws -> Identity {
        guard let identity = context.identity else {
            throw ServiceError(
                .unauthenticated, reason: "UNAUTHENTICATED", "nobody is known to call",
                vi: "không xác định được người gọi")
        }
        return identity
    }

    /// A grant may name the nation by its id, as that of any other unit.
    private func isNation(among granted: Set<String>, _ transaction: ReadTransaction) throws -> Bool {
        guard !granted.isEmpty, let nation = try AudienceStore.nation(transaction) else { return false }
        return granted.contains(nation)
    }

    /// R8: a grant "covers that unit's subtree today and the past of all territory now in it …; a grant on an abolished
    /// unit stays as read access to its past".
    private func reaches(
        _ granted: Set<String>, _ unit: String, _ verb: NotificationVerb, _ transaction: ReadTransaction
    ) throws -> Bool {
        let today = clock.today
        func lies(_ unit: String, under above: Set<String>, on date: LocalDate) throws -> Bool {
            try AudienceStore.path(ofUnit: unit, on: date, transaction).contains { above.contains($0) }
        }
        // Of a unit that was not told of yet nothing is known but its id.
        guard try AudienceStore.unit(unit, transaction) != nil else { return granted.contains(unit) }
        let ended = try granted.filter { try AudienceStore.lastDay(of: $0, before: today, transaction) != nil }
        let heirs = try AudienceStore.heirs(of: unit, on: today, transaction)
        let inForce = granted.subtracting(ended)
        if !heirs.isEmpty, try heirs.allSatisfy({ try lies($0, under: inForce, on: today) }) { return true }
        guard verb == .read else { return false }
        return try ended.contains { grant in
            guard let last = try AudienceStore.lastDay(of: grant, before: today, transaction) else { return false }
            return try lies(unit, under: [grant], on: last)
        }
    }
}

extension ServiceError {
    static func denied(_ verb: NotificationVerb, _ place: String, vi: String) -> ServiceError {
        var error = ServiceError(
            .permissionDenied, reason: "PERMISSION_DENIED", "this needs a grant of \(verb.name) \(place)",
            vi: "cần quyền \(verb.name) \(vi)")
        error.metadata["verb"] = verb.name
        return error
    }
}
