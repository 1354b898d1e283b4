import ServiceKit
import Shared
import Storage

extension Reporting {
    /// Enters a platform, or changes the one that the unit has entered under the code.
    static func setPlatform(
        _ platform: Cdt_Activity_V1_Platform, id: UniqueID, by caller: String, _ keeper: ObligationKeeper
    ) throws -> Result<Cdt_Activity_V1_Platform, Refusal> {
        let tx = keeper.tx
        var stored = platform
        let unit = ResourceName.lastID(platform.unit)
        if !unit.isEmpty {
            guard let record = try RegistryFactsStore.unit(unit, in: tx) else {
                return .failure(.unitNotFound(platform.unit))
            }
            if record.level == .nation { stored.unit = "" }
        }
        let known = try PlatformStore.get(unit: ResourceName.lastID(stored.unit), code: stored.code, in: tx)
        stored.name = known?.name ?? Names.name("platforms", id.description)
        stored.changeTime = keeper.now.timestamp
        stored.changedBy = caller
        try PlatformStore.put(stored, in: tx)
        return .success(stored)
    }

    func platform(_ id: String) throws -> Cdt_Activity_V1_Platform {
        guard let found = try database.read({ try PlatformStore.get(id, in: $0) }) else {
            throw Refusal.platformNotFound("platforms/\(id)")
        }
        return found
    }

    /// A page of platforms, and where the next one begins; nil at the end.
    ///
    /// - Parameters:
    ///   - unit: where they count; nil: wherever.
    ///   - date: on which they can be used; nil: whenever.
    func platforms(unit: String?, date: LocalDate?, after: (code: String, id: String), limit: Int) async throws
        -> (page: [Cdt_Activity_V1_Platform], next: (code: String, id: String)?)
    {
        let day = date ?? clock.today
        return try await database.readPooled { [maps] tx in
            var chain: Set<String>?
            if let unit { chain = try Reporting.chain(of: unit, on: day, maps.map(in: tx), in: tx).union([""]) }
            let rows = try PlatformStore.list(after: after, limit: limit, in: tx)
            let page = rows.filter { platform in
                (chain?.contains(ResourceName.lastID(platform.unit)) ?? true)
                    && (date.map { DateRange(from: platform.validFrom, to: platform.validTo).contains($0) } ?? true)
            }
            guard rows.count == limit, let last = rows.last else { return (page, nil) }
            return (page, (last.code, ResourceName.lastID(last.name)))
        }
    }

    /// A unit and those above it on a date.
    static func chain(of unit: String, on date: LocalDate, _ map: PlaceMap, in tx: ReadTransaction) throws
        -> Set<String>
    {
        if map.tree[unit] != nil { return Set([unit] + map.tree.chain(of: unit, on: date).map(\.id)) }
        guard let hamlet = try RegistryFactsStore.unit(unit, in: tx) else {
            throw Refusal.unitNotFound(Names.name("units", unit))
        }
        let commune = PlacePath(hamlet.parents).unit(on: date)
        return Set([unit] + (commune.map { map.tree.chain(of: $0, on: date).map(\.id) } ?? []))
    }
}
