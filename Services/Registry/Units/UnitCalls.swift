import ServiceKit
import Shared
import Storage
import SwiftProtobuf

/// The calls about administrative units.
struct UnitCalls: Sendable {
    let core: RegistryCore
    private var units: UnitIndex { core.units }

    func get(_ request: Cdt_Registry_V1_GetUnitRequest) throws -> Cdt_Registry_V1_GetUnitResponse {
        var reader = RequestReader(core)
        let day = reader.day(request.date)
        let unit = reader.unit(request.name, "name")
        try reader.refuse()
        let message: Cdt_Registry_V1_Unit
        let inForce: Bool
        switch unit {
        case .coded(let rank):
            message = units.message(rank, on: day.date)
            inForce = units[rank].validity.contains(day.date)
        case .hamlet(let id):
            guard let hamlet = try core.database.read({ try HamletStore.hamlet(id, in: $0) }) else {
                throw Refusal(.unitNotFound, "name", ["value": request.name]).error
            }
            message = units.message(hamlet, on: day.date)
            inForce = hamlet.stay(on: day.date) != nil
        case nil: throw Refusal(.unitNotFound, "name", ["value": request.name]).error
        }
        return .with {
            $0.unit = message
            $0.date = day.text
            $0.dateDefaulted = day.isDefault
            $0.inForce = inForce
        }
    }

    func resolve(_ request: Cdt_Registry_V1_ResolveUnitCodeRequest) throws -> Cdt_Registry_V1_ResolveUnitCodeResponse {
        var reader = RequestReader(core)
        let day = reader.day(request.date)
        let code = request.code
        if ![2, 3, 5].contains(code.utf8.count) || !code.utf8.allSatisfy({ (0x30...0x39).contains($0) }) {
            reader.fields.add(Problem(.invalidCode, "code", ["value": PersonFields.shown(code)]))
        }
        try reader.refuse()
        switch units.resolve(code: code, on: day.date) {
        case .unit(let rank):
            return .with {
                $0.unit = units.message(rank, on: day.date)
                $0.date = day.text
                $0.dateDefaulted = day.isDefault
                $0.ancestors = units.ancestors(of: rank, on: day.date).map { units.message($0, on: day.date) }
            }
        case .notInForce(let last):
            var error = Refusal(.codeNotInForce, "code", units.lastValidity(code: code, last, on: day.date)).error
            if day.isDefault {
                error.message += " (no date was given: today)"
                error.messageVi += " (không có ngày: dùng hôm nay)"
            }
            throw error
        case .unknown: throw Refusal(.codeUnknown, "code", ["value": code]).error
        }
    }

    func list(_ request: Cdt_Registry_V1_ListUnitsRequest, by caller: Caller) async throws
        -> Cdt_Registry_V1_ListUnitsResponse
    {
        var reader = RequestReader(core)
        let day = reader.day(request.date)
        let parent = reader.coded(request.parent, "parent")
        if case .UNRECOGNIZED(let raw) = request.level {
            reader.fields.add(Problem(.unknownValue, "level", ["value": String(raw)]))
        }
        try reader.refuse()
        let page = try core.page(request, caller)
        guard let parent else { return .init() }
        let level = UnitLevel(rawValue: request.level.rawValue)
        if level == .hamlet || level == nil && units[parent].level == .commune {
            return try await hamlets(request, under: parent, day: day, page: page, by: caller)
        }
        // Up to ten thousand units are looked at: not on the loop.
        return try await core.database.readPooled { [core, units] _ in
            let all =
                level.map { units.descendants(of: parent, at: $0, on: day.date) }
                ?? units.children(of: parent, on: day.date)
            let start = page.position.flatMap { $0.first }.map { last in
                all.firstIndex { units[$0].code > last } ?? all.count
            }
            let part = all[(start ?? 0)...].prefix(page.size)
            return try .with {
                $0.units = part.map { units.message($0, on: day.date) }
                $0.totalSize = Int64(all.count)
                $0.date = day.text
                $0.dateDefaulted = day.isDefault
                if let last = part.last, part.endIndex < all.endIndex {
                    $0.nextPageToken = try core.tokens.token(after: [units[last].code], of: request, caller.method)
                }
            }
        }
    }

    private func hamlets(
        _ request: Cdt_Registry_V1_ListUnitsRequest, under parent: UnitRank, day: AskedDay, page: PageTokens.Page,
        by caller: Caller
    ) async throws -> Cdt_Registry_V1_ListUnitsResponse {
        let position = hamletPosition(page.position)
        return try await core.database.readPooled { [core, units] tx in
            let runs = units.communeRuns(under: parent, on: day.date)
            let rows = try HamletStore.list(
                runs: runs, on: day.date, folded: nil, after: position, limit: page.size + 1, in: tx)
            let total = try HamletStore.count(runs: runs, on: day.date, folded: nil, in: tx).values.reduce(0, +)
            return try .with {
                $0.units = rows.prefix(page.size).map { units.message($0.hamlet, on: day.date) }
                $0.totalSize = Int64(total)
                $0.date = day.text
                $0.dateDefaulted = day.isDefault
                if rows.count > page.size {
                    let last = rows[page.size - 1]
                    $0.nextPageToken = try core.tokens.token(
                        after: [String(last.commune), last.hamlet.id.description], of: request, caller.method)
                }
            }
        }
    }

    private func hamletPosition(_ position: [String]?) -> (commune: UnitRank, id: UniqueID)? {
        guard let position, position.count == 2, let commune = UnitRank(position[0]), let id = UniqueID(position[1])
        else { return nil }
        return (commune, id)
    }

    func ancestors(_ request: Cdt_Registry_V1_ListUnitAncestorsRequest) throws
        -> Cdt_Registry_V1_ListUnitAncestorsResponse
    {
        var reader = RequestReader(core)
        let day = reader.day(request.date)
        let unit = reader.unit(request.name, "name")
        try reader.refuse()
        let ancestors: [UnitRank]
        switch unit {
        case .coded(let rank): ancestors = units.ancestors(of: rank, on: day.date)
        case .hamlet(let id):
            guard let hamlet = try core.database.read({ try HamletStore.hamlet(id, in: $0) }) else {
                throw Refusal(.unitNotFound, "name", ["value": request.name]).error
            }
            // A commune that is not known here yet is left out.
            let commune = hamlet.stay(on: day.date)?.commune
            ancestors = commune.map { units.knows($0) ? [$0] + units.ancestors(of: $0, on: day.date) : [] } ?? []
        case nil: ancestors = []
        }
        return .with {
            $0.ancestors = ancestors.map { units.message($0, on: day.date) }
            $0.date = day.text
            $0.dateDefaulted = day.isDefault
        }
    }

    func successions(_ request: Cdt_Registry_V1_ListUnitSuccessionsRequest) throws
        -> Cdt_Registry_V1_ListUnitSuccessionsResponse
    {
        var reader = RequestReader(core)
        let unit = reader.unit(request.name, "name")
        try reader.refuse()
        guard case .coded(let rank) = unit else {
            throw Refusal(.unitNotFound, "name", ["value": request.name]).error
        }
        return .with {
            $0.predecessors = units.predecessors(of: rank).map(message)
            $0.successors = units.successors(of: rank).map(message)
        }
    }

    private func message(_ line: UnitSuccession) -> Cdt_Registry_V1_UnitSuccession {
        .with {
            $0.source = units.message(line.source, on: line.effectiveOn.previous)
            $0.target = units.message(line.target, on: line.effectiveOn)
            $0.effectiveOn = line.effectiveOn.description
            $0.relation =
                switch line.relation {
                case .unchanged: .unchanged
                case .renamed: .renamed
                case .merged: .merged
                case .split: .split
                case .reclassified: .reclassified
                case .continued: .continued
                }
            $0.part = line.isPart
            $0.isDefault = line.isDefault
        }
    }

    func createHamlet(_ request: Cdt_Registry_V1_CreateHamletRequest, by caller: Caller) async throws
        -> Cdt_Registry_V1_CreateHamletResponse
    {
        var reader = RequestReader(core)
        let name = reader.fields.line(request.unit.displayName, "unit.display_name", limit: 200)
        let from = reader.fields.date(request.unit.validFrom, "unit.valid_from")
        let parent = request.unit.parent.isEmpty ? nil : reader.unit(request.unit.parent, "unit.parent")
        if request.unit.parent.isEmpty { reader.fields.add(Problem(.fieldMissing, "unit.parent")) }
        try reader.refuse()
        guard let name, case .coded(let commune) = parent else {
            throw Refusal(.unitNotFound, "unit.parent", ["value": request.unit.parent]).error
        }
        let id = UUIDv7.next(at: core.clock.now)
        let today = core.clock.today
        return try await core.write(request.requestID, of: request, by: caller) { [core] tx, author in
            let units = core.units
            let unit = units[commune]
            guard unit.level == .commune else {
                return .failure(
                    Refusal(
                        .wrongUnitLevel, "unit.parent",
                        ["unit": unit.name, "expected": "commune", "expectedVi": "đơn vị cấp xã"]
                    ).error)
            }
            if let from, !unit.validity.contains(from) {
                return .failure(
                    Refusal(.unitNotInForce, "unit.valid_from", units.validity(of: commune, on: from)).error)
            }
            let open = DateRange(from: from, to: nil)
            let stays = units.stays(of: commune).compactMap { stay in
                stay.range.intersection(open).map { CommuneStay(commune: stay.commune, range: $0, basis: stay.basis) }
            }
            let hamlet = Hamlet(id: id, name: name, validFrom: from, stays: stays)
            let same = try HamletStore.hamlets(named: hamlet.nameKey, in: commune, in: tx)
            guard same.isEmpty else {
                return .failure(
                    Refusal(.hamletExists, "unit.display_name", ["commune": unit.name, "value": name]).error)
            }
            try core.recorder.insert(hamlet, by: author, in: tx)
            return .success(.with { $0.unit = units.message(hamlet, on: today) })
        }
    }
}

extension UnitIndex {
    /// What to say of a unit that is not in force.
    func validity(of rank: UnitRank, on date: LocalDate) -> [String: String?] {
        [
            "unit": self[rank].name, "date": date.description,
            "validFrom": self[rank].validity.from?.description,
            "validTo": self[rank].validity.to?.description,
        ]
    }
}
