import ServiceKit

/// The reorganisations that the shipped files tell of, read out of the units they led to: that of 1/7/2025 and the
/// reclassifications of 2026. Days on which only some of what happened was published as successions (1/1/2025) are
/// none.
package enum ShippedReorganisations {
    package struct Shipped: Sendable {
        package var reorganisation: Reorganisation
        package var script: ReorganisationScript
        package var change: UnitChange
    }

    package static func read(_ data: UnitData, now: Instant) -> [Shipped] {
        let published = data.successions.filter { $0.relation != .continued }
        let days = Set(published.map(\.effectiveOn)).sorted()
        return days.compactMap { day in read(day, published.filter { $0.effectiveOn == day }, data, now: now) }
    }

    private static func read(_ day: LocalDate, _ lines: [UnitSuccession], _ data: UnitData, now: Instant) -> Shipped? {
        let targets = Set(lines.map(\.target))
        let created = data.units.indices.filter { data.units[$0].validity.from == day && !data.units[$0].isVoid }
        guard created.allSatisfy(targets.contains) else { return nil }
        var parents: [UnitRank: UnitRank] = [:]
        for line in data.parents where line.range.from == day { parents[line.unit] = line.parent }
        let createdSet = Set(created)

        var script = ReorganisationScript(effectiveOn: day, newUnits: [], lines: [])
        var change = UnitChange(on: day)
        for rank in created {
            guard let parent = parents[rank] else { return nil }
            var unit = data.units[rank]
            script.newUnits.append(
                NewUnit(
                    key: key(unit), id: unit.id, level: unit.level, code: unit.code, name: unit.name, kind: unit.kind,
                    parent: createdSet.contains(parent)
                        ? .key(key(data.units[parent])) : .unit(data.units[parent].id)))
            // As it was on its first day, whatever has become of it since.
            unit.validity.to = nil
            change.created.append(.init(rank: rank, unit: unit, parent: parent))
        }
        let sources = Set(lines.map(\.source))
        let withoutSuccessor = data.units.indices.filter {
            data.units[$0].validity.to == day.previous && !sources.contains($0)
        }
        script.lines =
            lines.map { line in
                ReorganisationLine(
                    kind: kind(line), source: data.units[line.source].id, target: .key(key(data.units[line.target])),
                    isDefault: line.isDefault)
            }
            + withoutSuccessor.map {
                ReorganisationLine(kind: .abolish, source: data.units[$0].id, target: .none)
            }
        change.ended = sources.sorted() + withoutSuccessor
        change.moved = parents.filter { !createdSet.contains($0.key) }.sorted { $0.key < $1.key }
            .map { UnitChange.Moved(unit: $0.key, parent: $0.value) }
        change.successions = lines
        return Shipped(reorganisation: reorganisation(day, now: now), script: script, change: change)
    }

    private static func key(_ unit: Unit) -> String { "\(unit.level)-\(unit.code)" }

    private static func kind(_ line: UnitSuccession) -> ReorganisationKind {
        if line.isPart { return .split }
        switch line.relation {
        case .merged, .split: return .merge
        case .renamed: return .rename
        case .reclassified: return .upgrade
        case .unchanged, .continued: return .transfer
        }
    }

    private static func reorganisation(_ day: LocalDate, now: Instant) -> Reorganisation {
        var document: Document?
        if day == LocalDate(year: 2025, month: 7, day: 1) {
            document = Document(
                number: "202/2025/QH15", title: "Nghị quyết về việc sắp xếp đơn vị hành chính cấp tỉnh",
                issuer: "Quốc hội")
        }
        return Reorganisation(
            id: UUIDv8.named(day.description, in: "cdt.vn/reorganisations"),
            title: "Sắp xếp đơn vị hành chính ngày \(day.day)/\(day.month)/\(day.year)", effectiveOn: day,
            document: document, state: .applied, createdAt: now, updatedAt: now)
    }
}
