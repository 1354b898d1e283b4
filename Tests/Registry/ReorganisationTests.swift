import Foundation
import ServiceKit
import Testing

@testable import Registry

/// What a set of units says, whatever the order in which it was recorded.
struct UnitPicture: Equatable {
    var units: [UniqueID: String] = [:]
    var parents: Set<String> = []
    var successions: Set<UnitSuccession>

    init(_ data: UnitData) {
        for unit in data.units where !unit.isVoid {
            units[unit.id] = "\(unit.level) \(unit.code) \(unit.name) \(unit.kind) \(unit.validity) \(unit.aliases)"
        }
        for line in data.parents {
            parents.insert("\(data.units[line.unit].id) \(data.units[line.parent].id) \(line.range)")
        }
        successions = Set(data.successions)
    }
}

@Suite struct ReorganisationRuleTests {
    static let loaded = Result { try UnitFiles(directory: try UnitDataDirectory.find()).load() }
    let data: UnitData
    let shipped: [ShippedReorganisations.Shipped]

    init() throws {
        data = try Self.loaded.get()
        shipped = ShippedReorganisations.read(data, now: Instant(microseconds: 0))
    }

    @Test func `the files tell of 1/7/2025 and of the reclassifications of 2026`() throws {
        #expect(
            shipped.map(\.reorganisation.effectiveOn.description) == [
                "2025-07-01", "2026-04-30", "2026-09-01", "2026-09-20",
            ])
        let first = try #require(shipped.first)
        let ended = first.change.ended.map { data.units[$0].level }
        let created = first.change.created.map(\.unit.level)
        // 63 to 34 provinces: 52 end, 23 begin; 10,035 to 3,321 communes; 696 districts end.
        #expect(ended.count { $0 == .province } == 52)
        #expect(created.count { $0 == .province } == 23)
        #expect(ended.count { $0 == .commune } == 10_035)
        #expect(created.count { $0 == .commune } == 3_321)
        #expect(ended.count { $0 == .district } == 696)
        #expect(first.script.lines.count { $0.kind == .abolish } == 691)
        #expect(first.script.lines.count { $0.kind == .split } == 972)
    }

    @Test func `reverted one by one and worked out again from their lines, they lead to the same units`() throws {
        var units = data
        for event in shipped.reversed() { units.revert(event.change) }
        let before = UnitIndex(units)
        let day = date("2026-11-21")
        #expect(before.descendants(of: UnitIndex.nation, at: .province, on: day).count == 63)
        #expect(before.descendants(of: UnitIndex.nation, at: .commune, on: day).count == 10_035)
        #expect(before.descendants(of: UnitIndex.nation, at: .district, on: day).count == 696)
        for event in shipped {
            let change = try ReorganisationRules.change(of: event.script, units: UnitIndex(units)).get()
            #expect(Set(change.ended) == Set(event.change.ended))
            #expect(Set(change.moved) == Set(event.change.moved))
            units.apply(change)
        }
        #expect(UnitPicture(units) == UnitPicture(data))
    }

    // MARK: Drafts

    private struct Draft {
        var script: ReorganisationScript
        init(_ day: String, _ new: [NewUnit], _ lines: [ReorganisationLine]) {
            script = ReorganisationScript(effectiveOn: date(day), newUnits: new, lines: lines)
        }
    }

    private func commune(_ key: String, _ code: String, _ name: String, parent: NewUnit.Parent = .inherited) -> NewUnit
    {
        NewUnit(
            key: key, id: UUIDv8.named(key, in: "test"), level: .commune, code: code, name: name, kind: "xã",
            parent: parent)
    }

    private func unit(_ index: UnitIndex, _ code: String, _ day: String) throws -> UniqueID {
        guard case .unit(let rank) = index.resolve(code: code, on: date(day)) else { throw NotInForce() }
        return index[rank].id
    }

    private struct NotInForce: Error {}

    @Test(arguments: [
        ("whole and part", ["LINES_CONTRADICT"]), ("no default", ["DEFAULT_MISSING"]),
        ("two defaults", ["DEFAULT_MISSING"]), ("code in use", ["CODE_TAKEN"]),
        ("nobody's unit", ["NEW_UNIT_WITHOUT_SOURCE"]),
        ("ended source", ["SOURCE_NOT_OPEN", "NEW_UNIT_WITHOUT_SOURCE"]),
        ("rename of two", ["NOT_ONE_TO_ONE", "NOT_ONE_TO_ONE"]),
        ("unknown key", ["NEW_UNIT_UNKNOWN", "NEW_UNIT_WITHOUT_SOURCE"]), ("orphans", ["CHILD_WITHOUT_PARENT"]),
        ("abolished into something", ["LINE_TARGET"]), ("renamed into nothing", ["LINE_TARGET"]),
        ("key of two", ["KEY_REPEATED", "NEW_UNIT_WITHOUT_SOURCE"]), ("of two provinces", ["PARENT_UNCLEAR"]),
        ("merge", []), ("split", []), ("transfer", []),
    ])
    func `a draft is refused for every reason at once`(what: String, reasons: [String]) throws {
        let index = UnitIndex(data)
        let day = "2027-01-01"
        let a = try unit(index, "03160", day)
        let b = try unit(index, "03166", day)
        let province = try unit(index, "11", day)
        let x = commune("x", "99001", "Xã X")
        let y = commune("y", "99002", "Xã Y")
        func line(_ kind: ReorganisationKind, _ source: UniqueID, _ key: String, _ isDefault: Bool = false)
            -> ReorganisationLine
        { ReorganisationLine(kind: kind, source: source, target: .key(key), isDefault: isDefault) }
        let draft: Draft =
            switch what {
            case "whole and part": Draft(day, [x, y], [line(.merge, a, "x"), line(.split, a, "y", true)])
            case "no default": Draft(day, [x, y], [line(.split, a, "x"), line(.split, a, "y")])
            case "two defaults": Draft(day, [x, y], [line(.split, a, "x", true), line(.split, a, "y", true)])
            case "code in use":
                Draft(day, [commune("x", "03172", "Xã X")], [line(.merge, a, "x"), line(.merge, b, "x")])
            case "nobody's unit": Draft(day, [x, y], [line(.rename, a, "x")])
            case "ended source":
                Draft(day, [x], [line(.rename, try unit(index, "00001", "2025-06-30"), "x")])
            case "rename of two": Draft(day, [x], [line(.rename, a, "x"), line(.rename, b, "x")])
            case "unknown key": Draft(day, [x], [line(.rename, a, "z")])
            case "orphans": Draft(day, [], [ReorganisationLine(kind: .abolish, source: province, target: .none)])
            case "abolished into something":
                Draft(day, [], [ReorganisationLine(kind: .abolish, source: a, target: .unit(province))])
            case "renamed into nothing":
                Draft(day, [], [ReorganisationLine(kind: .rename, source: a, target: .none)])
            case "key of two":
                Draft(day, [x, commune("x", "99002", "Xã Y")], [line(.merge, a, "x"), line(.merge, b, "x")])
            case "of two provinces":
                Draft(day, [x], [line(.merge, a, "x"), line(.merge, try unit(index, "00925", day), "x")])
            case "merge": Draft(day, [x], [line(.merge, a, "x"), line(.merge, b, "x")])
            case "split":
                Draft(day, [x, y], [line(.split, a, "x", true), line(.split, a, "y"), line(.merge, b, "y")])
            default:
                Draft(
                    day, [],
                    [
                        ReorganisationLine(
                            kind: .transfer, source: a, target: .unit(try unit(index, "12", day)))
                    ])
            }
        switch ReorganisationRules.change(of: draft.script, units: index) {
        case .failure(let refusal):
            let found = refusal.problems.map(\.reason.rawValue)
            // A province leaves all its communes behind: each is named.
            #expect(what == "orphans" ? Array(Set(found)) == reasons : found == reasons, "\(what)")
        case .success(let change):
            #expect(reasons.isEmpty)
            var units = data
            units.apply(change)
            let after = UnitIndex(units)
            #expect(units.units.count == data.units.count + draft.script.newUnits.count)
            if what == "transfer" {
                let rank = try #require(after.rank(of: a))
                #expect(after.parent(of: rank, on: date("2026-12-31")) == after.rank(of: province))
                #expect(after.parent(of: rank, on: date(day)) != after.rank(of: province))
            }
            if what == "merge" {
                let rank = try #require(after.rank(of: x.id))
                #expect(after.ancestors(of: rank, on: date(day)).first == after.rank(of: province))
                #expect(after.predecessors(of: rank).count == 2)
                #expect(!after[rank].validity.contains(date("2026-12-31")))
            }
            units.revert(change)
            #expect(UnitPicture(units) == UnitPicture(data))
        }
    }

    @Test func `what lay in a divided unit lies at the default part, presumed, until a person says better`() throws {
        let index = UnitIndex(data)
        let day = date("2027-01-01")
        let a = try unit(index, "03160", "2027-01-01")
        let x = commune("x", "99001", "Xã X")
        let y = commune("y", "99002", "Xã Y")
        let script = ReorganisationScript(
            effectiveOn: day, newUnits: [x, y],
            lines: [
                ReorganisationLine(kind: .split, source: a, target: .key("x"), isDefault: true),
                ReorganisationLine(kind: .split, source: a, target: .key("y")),
            ])
        let change = try ReorganisationRules.change(of: script, units: index).get()
        var units = data
        units.apply(change)
        let after = UnitIndex(units)
        let old = try #require(index.rank(of: a))
        let (first, second) = (try #require(after.rank(of: x.id)), try #require(after.rank(of: y.id)))
        let stays = [CommuneStay(commune: old, range: DateRange(from: date("2025-08-01"), to: nil), basis: .stated)]
        let followed = Following.following(stays, ended: change.endedSet, on: day, units: after)
        #expect(followed.map(\.commune) == [old, first])
        #expect(followed.map(\.basis) == [.stated, .presumed])
        #expect(followed[0].range.to == date("2026-12-31"))
        // Something that begins after the day was put on a unit that is gone by then.
        let later = [CommuneStay(commune: old, range: DateRange(from: date("2027-03-01"), to: nil), basis: .stated)]
        #expect(Following.following(later, ended: change.endedSet, on: day, units: after).map(\.commune) == [first])

        let corrected = try PlacementRules.correcting(followed, to: second, units: after).get()
        #expect(corrected.from == day)
        #expect(corrected.stays.map(\.commune) == [old, second])
        #expect(corrected.stays.map(\.basis) == [.stated, .confirmed])
        func reason(_ stays: [CommuneStay], _ commune: UnitRank) -> Reason? {
            if case .failure(let refusal) = PlacementRules.correcting(stays, to: commune, units: after) {
                return refusal.problems.first?.reason
            }
            return nil
        }
        #expect(reason(corrected.stays, first) == .placementKnown)
        let stranger = try #require(after.rank(of: unit(after, "03166", "2027-01-01")))
        #expect(reason(followed, stranger) == .notASuccessor)
        #expect(reason(followed, old) == .unitNotInForce)
    }
}
