import ServiceKit

/// Works out what a script does to the units in force, or everything that is wrong with it. Over values alone.
package struct ReorganisationRules {
    private let script: ReorganisationScript
    private let units: UnitIndex
    private let newByKey: [String: Int]
    private var problems: [Problem] = []
    private var lines: [UnitRank: [Line]] = [:]
    /// Sources in the order of the script.
    private var order: [UnitRank] = []
    private var sourcesOfNew: [Int: [UnitRank]] = [:]
    private var ranks: [UnitRank] = []

    private struct Line {
        var kind: ReorganisationKind
        var new: Int?
        var parent: UnitRank?
        var isDefault: Bool
        var field: String
    }

    /// The change, or every reason why there is none.
    package static func change(of script: ReorganisationScript, units: UnitIndex) -> Result<UnitChange, Refusal> {
        var rules = ReorganisationRules(script, units)
        let change = rules.work()
        return rules.problems.isEmpty ? .success(change) : .failure(Refusal(rules.problems))
    }

    private init(_ script: ReorganisationScript, _ units: UnitIndex) {
        self.script = script
        self.units = units
        newByKey = Dictionary(
            script.newUnits.enumerated().map { ($1.key, $0) }, uniquingKeysWith: { first, _ in first })
    }

    private mutating func work() -> UnitChange {
        // A unit that a revert took back comes again at its rank; others follow the last one.
        var next = units.all.count
        for new in script.newUnits {
            if let known = units.rank(of: new.id) {
                ranks.append(known)
            } else {
                ranks.append(next)
                next += 1
            }
        }
        checkNewUnits()
        for (index, line) in script.lines.enumerated() { read(line, "lines[\(index)]") }
        for source in order { checkSource(source) }
        for (index, new) in script.newUnits.enumerated() where sourcesOfNew[index] == nil {
            problems.append(Problem(.newUnitWithoutSource, "new_units[\(index)]", ["value": new.key]))
        }
        var change = UnitChange(on: script.effectiveOn)
        guard problems.isEmpty else { return change }
        change.ended = order.filter { !isTransfer($0) }
        let ended = change.endedSet
        for source in order where isTransfer(source) {
            guard let line = lines[source]?.first, let parent = parent(of: line) else { continue }
            change.moved.append(.init(unit: source, parent: parent))
        }
        followParents(&change, ended: ended)
        create(&change, ended: ended)
        checkCodes(ended: ended)
        for source in change.ended {
            for line in lines[source] ?? [] {
                guard let new = line.new else { continue }
                change.successions.append(
                    UnitSuccession(
                        source: source, target: ranks[new], effectiveOn: script.effectiveOn,
                        relation: Self.relation(line.kind), isPart: line.kind == .split,
                        isDefault: line.kind == .split ? line.isDefault : true))
            }
        }
        return change
    }

    // MARK: Lines

    private mutating func read(_ line: ReorganisationLine, _ field: String) {
        guard let source = units.rank(of: line.source) else {
            problems.append(Problem(.unitNotFound, "\(field).source", ["value": line.source.unitName]))
            return
        }
        // Nothing may have happened to it yet from the day on: reorganisations follow each other.
        guard units[source].validity.contains(script.effectiveOn.previous), units[source].validity.to == nil,
            !units[source].isVoid, source != UnitIndex.nation
        else {
            problems.append(
                Problem(
                    .sourceNotOpen, "\(field).source", units.validity(of: source, on: script.effectiveOn.previous)))
            return
        }
        var read = Line(kind: line.kind, isDefault: line.isDefault, field: field)
        switch (line.kind, line.target) {
        case (.abolish, .none): break
        case (.abolish, _): problems.append(Problem(.lineTarget, "\(field).target", ["expected": "none"]))
        case (_, .key(let key)):
            guard let new = newByKey[key] else {
                problems.append(Problem(.newUnitUnknown, "\(field).target", ["value": PersonFields.shown(key)]))
                return
            }
            read.new = new
            let levels = (units[source].level, script.newUnits[new].level)
            if line.kind == .transfer, levels.1 < levels.0 {
                // The new unit is the parent, not the next version.
                read.new = nil
                read.parent = ranks[new]
            } else if levels.0 != levels.1, levels != (.district, .commune) {
                problems.append(
                    Problem(
                        .wrongUnitLevel, "\(field).target",
                        ["unit": script.newUnits[new].name, "expected": "\(levels.0)", "expectedVi": "\(levels.0)"]))
            }
        case (.transfer, .unit(let id)):
            guard let parent = units.rank(of: id), units[parent].validity.contains(script.effectiveOn),
                units[parent].level < units[source].level
            else {
                problems.append(Problem(.unitNotFound, "\(field).target", ["value": id.unitName]))
                return
            }
            read.parent = parent
        default: problems.append(Problem(.lineTarget, "\(field).target", ["expected": "a key of new_units"]))
        }
        if lines[source] == nil { order.append(source) }
        lines[source, default: []].append(read)
        if let new = read.new { sourcesOfNew[new, default: []].append(source) }
    }

    /// A unit goes one way as a whole, or in parts of which one is the default.
    private mutating func checkSource(_ source: UnitRank) {
        guard let own = lines[source], let first = own.first else { return }
        let values = ["unit": units[source].name]
        if own.count == 1, first.kind != .split {
            let isOneToOne = [.rename, .recode, .upgrade].contains(first.kind) || first.kind == .transfer
            if isOneToOne, let new = first.new, sourcesOfNew[new]?.count != 1 {
                problems.append(
                    Problem(.notOneToOne, "\(first.field).target", ["value": script.newUnits[new].key]))
            }
            return
        }
        guard own.allSatisfy({ $0.kind == .split }), own.count > 1, Set(own.map(\.new)).count == own.count else {
            problems.append(Problem(.linesContradict, "\(first.field).source", values))
            return
        }
        if own.count(where: \.isDefault) != 1 {
            problems.append(Problem(.defaultMissing, "\(first.field).is_default", values))
        }
    }

    private func isTransfer(_ source: UnitRank) -> Bool {
        lines[source]?.first.map { $0.kind == .transfer && $0.new == nil } ?? false
    }

    private func parent(of line: Line) -> UnitRank? { line.parent }

    /// What an ended unit became as a whole.
    private func whole(_ rank: UnitRank) -> Int? {
        guard let own = lines[rank], own.count == 1, let line = own.first, line.kind != .split else { return nil }
        return line.new
    }

    private static func relation(_ kind: ReorganisationKind) -> SuccessionRelation {
        switch kind {
        case .merge: .merged
        case .split: .split
        case .rename: .renamed
        case .upgrade: .reclassified
        case .transfer, .recode, .abolish: .unchanged
        }
    }

    // MARK: Parents

    /// Units that go on under a parent that ends follow it where it goes as a whole.
    private mutating func followParents(_ change: inout UnitChange, ended: Set<UnitRank>) {
        let told = Set(change.moved.map(\.unit))
        for parent in change.ended {
            for child in units.children(of: parent, on: script.effectiveOn.previous)
            where !ended.contains(child) && !told.contains(child)
                && units.parent(of: child, on: script.effectiveOn) == parent
            {
                if let new = whole(parent), script.newUnits[new].level == units[parent].level {
                    change.moved.append(.init(unit: child, parent: ranks[new]))
                } else {
                    problems.append(
                        Problem(
                            .childWithoutParent, lines[parent]?.first?.field ?? "lines",
                            ["unit": units[child].name, "parent": units[parent].name]))
                }
            }
        }
    }

    private mutating func create(_ change: inout UnitChange, ended: Set<UnitRank>) {
        for (index, new) in script.newUnits.enumerated() {
            guard let parent = parent(of: index, ended: ended) else { continue }
            let unit = Unit(
                id: new.id, level: new.level, code: new.code, name: new.name, kind: new.kind,
                validity: DateRange(from: script.effectiveOn, to: nil),
                aliases: units.rank(of: new.id).map { units[$0].aliases } ?? [])
            change.created.append(.init(rank: ranks[index], unit: unit, parent: parent))
        }
    }

    private mutating func parent(of index: Int, ended: Set<UnitRank>) -> UnitRank? {
        let new = script.newUnits[index]
        let field = "new_units[\(index)].parent"
        switch new.parent {
        case .key(let key):
            guard let other = newByKey[key], script.newUnits[other].level < new.level else {
                problems.append(Problem(.newUnitUnknown, field, ["value": PersonFields.shown(key)]))
                return nil
            }
            return ranks[other]
        case .unit(let id):
            guard let rank = units.rank(of: id), units[rank].level < new.level,
                units[rank].validity.contains(script.effectiveOn), !ended.contains(rank)
            else {
                problems.append(Problem(.unitNotFound, field, ["value": id.unitName]))
                return nil
            }
            return rank
        case .inherited:
            let parents = Set(
                (sourcesOfNew[index] ?? []).compactMap { source -> UnitRank? in
                    guard let parent = units.parent(of: source, on: script.effectiveOn.previous) else { return nil }
                    return ended.contains(parent) ? whole(parent).map { ranks[$0] } : parent
                })
            guard parents.count == 1, let parent = parents.first else {
                problems.append(Problem(.parentUnclear, field, ["value": new.key]))
                return nil
            }
            return parent
        }
    }

    // MARK: New units

    private mutating func checkNewUnits() {
        let digits: [UnitLevel: Int] = [.province: 2, .district: 3, .commune: 5]
        var seen: Set<String> = []
        for (index, new) in script.newUnits.enumerated() {
            let field = "new_units[\(index)]"
            if !seen.insert(new.key).inserted {
                problems.append(Problem(.keyRepeated, "\(field).key", ["value": PersonFields.shown(new.key)]))
            }
            guard let count = digits[new.level] else {
                problems.append(
                    Problem(
                        .wrongUnitLevel, "\(field).level",
                        ["unit": new.name, "expected": "province or commune", "expectedVi": "tỉnh hoặc xã"]))
                continue
            }
            if new.code.utf8.count != count || !new.code.utf8.allSatisfy({ (0x30...0x39).contains($0) }) {
                problems.append(Problem(.invalidCode, "\(field).code", ["value": PersonFields.shown(new.code)]))
            }
        }
    }

    /// "At any date a code is unique."
    private mutating func checkCodes(ended: Set<UnitRank>) {
        var taken: [String: String] = [:]
        for (index, new) in script.newUnits.enumerated() {
            var other = taken[new.code]
            if case .unit(let rank) = units.resolve(code: new.code, on: script.effectiveOn), !ended.contains(rank) {
                other = units[rank].name
            }
            if let other {
                problems.append(
                    Problem(.codeTaken, "new_units[\(index)].code", ["value": new.code, "unit": other]))
            }
            taken[new.code] = new.name
        }
    }
}
