import ServiceKit
import Shared
import Storage
import SwiftProtobuf

/// `SearchUnits`: units with codes from the index, hamlets, when asked for, from the database behind them.
struct UnitSearchCall: Sendable {
    let core: RegistryCore
    private var units: UnitIndex { core.units }

    func search(_ request: Cdt_Registry_V1_SearchUnitsRequest, by caller: Caller) async throws
        -> Cdt_Registry_V1_SearchUnitsResponse
    {
        var reader = RequestReader(core)
        let day = reader.day(request.date)
        let parent = reader.coded(request.parent, "parent")
        let query = reader.fields.line(request.query, "query", limit: 200)
        let folded = TextFolding.fold(request.query)
        if query != nil, folded.isEmpty {
            reader.fields.add(Problem(.textNotAllowed, "query", ["detail": "no letter or digit"]))
        }
        var levels: Set<UnitLevel> = []
        for (index, level) in request.levels.enumerated() {
            if let level = reader.value(level.rawValue, UnitLevel.self, "levels[\(index)]") { levels.insert(level) }
        }
        if request.levels.isEmpty { levels = [.province, .district, .commune] }
        try reader.refuse()
        let page = try core.page(request, caller)
        guard let parent, let query else { return .init() }
        return try await core.database.readPooled { [self, levels] tx in
            try answer(
                request, query: query, folded: folded, parent: parent, levels: levels, day: day, page: page, tx, caller)
        }
    }

    private func answer(
        _ request: Cdt_Registry_V1_SearchUnitsRequest, query: String, folded: String, parent: UnitRank,
        levels: Set<UnitLevel>, day: AskedDay, page: PageTokens.Page, _ tx: ReadTransaction, _ caller: Caller
    ) throws -> Cdt_Registry_V1_SearchUnitsResponse {
        let hits = units.search(query, under: parent, levels: levels, on: day.date)
        let runs = units.communeRuns(under: parent, on: day.date)
        let withHamlets = levels.contains(.hamlet)
        // A position is a number of units with codes, or the last hamlet.
        var skip = hits.count
        var hamletAfter: (commune: UnitRank, id: UniqueID)?
        switch page.position {
        case nil: skip = 0
        case let position? where position.count == 1: skip = Int(position[0]) ?? hits.count
        case let position?:
            if position.count == 2, let commune = UnitRank(position[0]), let id = UniqueID(position[1]) {
                hamletAfter = (commune, id)
            }
        }
        let part = hits.dropFirst(skip).prefix(page.size)
        var response = Cdt_Registry_V1_SearchUnitsResponse()
        response.hits = part.map { message($0, on: day.date) }
        response.date = day.text
        response.dateDefaulted = day.isDefault
        response.totalSize = Int64(hits.count)
        if withHamlets {
            response.totalSize += Int64(
                try HamletStore.count(runs: runs, on: day.date, folded: folded, in: tx).values.reduce(0, +))
        }
        if part.endIndex < hits.endIndex {
            response.nextPageToken = try core.tokens.token(after: [String(part.endIndex)], of: request, caller.method)
            return response
        }
        guard withHamlets else { return response }
        let room = page.size - part.count
        let hamlets = try HamletStore.list(
            runs: runs, on: day.date, folded: folded, after: hamletAfter, limit: room + 1, in: tx)
        response.hits += hamlets.prefix(room).map { message($0, query: query, on: day.date) }
        if hamlets.count > room {
            let position =
                room > 0
                ? [String(hamlets[room - 1].commune), hamlets[room - 1].hamlet.id.description] : [String(hits.count)]
            response.nextPageToken = try core.tokens.token(after: position, of: request, caller.method)
        }
        return response
    }

    private func message(_ hit: UnitHit, on date: LocalDate) -> Cdt_Registry_V1_UnitHit {
        .with {
            $0.unit = units.message(hit.unit, on: date)
            $0.matched = hit.matched
            $0.path = units.path(of: hit.unit, on: date)
            $0.exact = hit.isExact
        }
    }

    private func message(_ listed: HamletStore.Listed, query: String, on date: LocalDate) -> Cdt_Registry_V1_UnitHit {
        let commune = units[listed.commune].name
        let above = units.path(of: listed.commune, on: date)
        return .with {
            $0.unit = units.message(listed.hamlet, on: date)
            $0.matched = listed.hamlet.name
            $0.path = above.isEmpty ? commune : "\(commune), \(above)"
            $0.exact =
                listed.hamlet.nameKey == UnitIndex.exact(query)
                || listed.hamlet.nameKey == listed.hamlet.kind + " " + UnitIndex.exact(query)
        }
    }
}
