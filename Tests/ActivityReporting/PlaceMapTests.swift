import ServiceKit
import Testing

@testable import ActivityReporting

/// Two provinces of two communes each, merged on 1/7/2025: A and B become AB; a1 and a2 become x, b1 is split into y
/// (default) and x, b2 ended in 2024 without a recorded successor.
enum SmallWorld {
    static let reform = day("2025-07-01")
    static let last = day("2025-06-30")

    static func unit(
        _ id: String, _ level: UnitLevel, in parent: String?, from: String? = nil, to: String? = nil,
        successors: [String] = []
    ) -> UnitRecord {
        UnitRecord(
            id: id, level: level, code: id, name: id.uppercased(), validity: range(from, to),
            parents: parent.map { [.init(unit: $0, days: range(from, to))] } ?? [], successors: successors)
    }

    static let units = [
        unit("vn", .nation, in: nil),
        unit("A", .province, in: "vn", to: "2025-06-30", successors: ["AB"]),
        unit("B", .province, in: "vn", to: "2025-06-30", successors: ["AB"]),
        unit("C", .province, in: "vn"),
        unit("AB", .province, in: "vn", from: "2025-07-01"),
        unit("dA", .district, in: "A", to: "2025-06-30"),
        unit("dB", .district, in: "B", to: "2025-06-30"),
        unit("a1", .commune, in: "dA", to: "2025-06-30", successors: ["x"]),
        unit("a2", .commune, in: "dA", to: "2025-06-30", successors: ["x"]),
        unit("b1", .commune, in: "dB", to: "2025-06-30", successors: ["y", "x"]),
        unit("b2", .commune, in: "dB", to: "2024-10-31"),
        unit("c1", .commune, in: "C"),
        unit("x", .commune, in: "AB", from: "2025-07-01"),
        unit("y", .commune, in: "AB", from: "2025-07-01"),
    ]
    static let tree = UnitTree(units)
}

@Suite("Units over time")
struct UnitTreeTests {
    @Test(
        "The chain above a commune in the tree of a date",
        arguments: [
            ("a1", "2024-10-31", ["a1", "dA", "A", "vn"]), ("a1", "2025-07-01", ["x", "AB", "vn"]),
            ("b1", "2026-10-01", ["y", "AB", "vn"]), ("b2", "2024-12-01", ["dB", "B", "vn"]),
            ("b2", "2026-01-01", ["AB", "vn"]), ("c1", "2026-01-01", ["c1", "C", "vn"]),
            ("x", "2024-10-31", ["vn"]),
        ])
    func chain(_ unit: String, _ date: String, _ expected: [String]) {
        let chain = SmallWorld.tree.chain(of: unit, on: day(date)).map(\.id)
        #expect(chain == expected)
    }

    @Test("Those of a level below a unit are those in force on the date under it, however often they are asked for")
    func below() {
        let map = PlaceMap(tree: SmallWorld.tree, places: [])
        let rows: [(UnitLevel, String, String, [String])] = [
            (.commune, "A", "2024-10-01", ["a1", "a2"]),
            (.commune, "vn", "2024-10-01", ["a1", "a2", "b1", "b2", "c1"]),
            (.commune, "vn", "2024-11-01", ["a1", "a2", "b1", "c1"]), (.commune, "vn", "2025-07-01", ["c1", "x", "y"]),
            (.commune, "AB", "2025-07-01", ["x", "y"]), (.province, "vn", "2025-07-01", ["AB", "C"]),
            (.province, "A", "2024-10-01", []), (.district, "vn", "2025-07-01", []),
        ]
        for (level, unit, date, expected) in rows + rows.reversed() {
            #expect(
                map.units(of: level, below: unit, on: day(date)).map(\.id) == expected, "\(level), \(unit), \(date)")
        }
    }

    @Test("Children are those in force on the date")
    func children() {
        #expect(SmallWorld.tree.children(of: "vn", on: day("2025-06-30")).map(\.id) == ["A", "B", "C"])
        #expect(SmallWorld.tree.children(of: "vn", on: day("2025-07-01")).map(\.id) == ["AB", "C"])
        #expect(SmallWorld.tree.children(of: "AB", on: day("2025-07-01")).map(\.id) == ["x", "y"])
    }
}

@Suite("Paths of teams")
struct PlacePathTests {
    @Test("A path reads back as written")
    func roundTrip() {
        let path = PlacePath([
            .init(unit: "units/a", days: range("2022-05-01", "2025-06-30")),
            .init(unit: "units/x", days: range("2025-07-01", nil)),
        ])
        #expect(path.text == "units/a 2025-07-01 units/x")
        #expect(PlacePath(text: path.text) == path)
        #expect(path.unit(on: day("2020-01-01")) == "units/a")
        #expect(path.unit(on: day("2025-06-30")) == "units/a")
        #expect(path.unit(on: day("2025-07-01")) == "units/x")
    }

    @Test("Teams set up on different days in one commune share a path")
    func shared() {
        let a = PlacePath([.init(unit: "units/a", days: range("2022-05-01", nil))])
        let b = PlacePath([.init(unit: "units/a", days: range("2024-01-01", nil))])
        #expect(a == b)
    }

    @Test("A hamlet team's path goes through the communes of its hamlet")
    func hamlet() {
        let path = PlacePath.of(placements: [.init(unit: "h", days: range("2023-01-01", nil))]) { unit in
            unit == "h"
                ? [.init(unit: "a1", days: range(nil, "2025-06-30")), .init(unit: "x", days: range("2025-07-01", nil))]
                : nil
        }
        #expect(path.text == "a1 2025-07-01 x")
    }
}

@Suite("Sums that make up a unit")
struct PlaceCoverTests {
    /// Three communes of A share bucket 1, b1 and b2 bucket 2, c1 bucket 3.
    let map = PlaceMap(
        tree: SmallWorld.tree,
        places: [("a1", 1), ("a2", 1), ("a1 2025-07-01 c1", 1), ("b1", 2), ("b2", 2), ("c1", 3)].enumerated().map {
            Place(id: $0 + 1, path: PlacePath(text: $1.0), bucket: $1.1)
        })

    @Test("Whole buckets where no place is cut off")
    func whole() {
        #expect(map.cover(of: "vn", on: day("2024-10-31")) == PlaceCover(buckets: [1, 2, 3]))
        #expect(map.cover(of: "A", on: day("2024-10-31")) == PlaceCover(buckets: [1]))
        #expect(map.cover(of: "vn", on: day("2026-10-31")) == PlaceCover(buckets: [1, 2, 3]))
    }

    @Test("Places that left are taken away, places that came are added")
    func cut() {
        #expect(map.cover(of: "AB", on: day("2026-10-31")) == PlaceCover(buckets: [1, 2], minus: [3]))
        #expect(map.cover(of: "C", on: day("2026-10-31")) == PlaceCover(buckets: [3], plus: [3]))
        #expect(map.cover(of: "x", on: day("2026-10-31")) == PlaceCover(buckets: [1], minus: [3]))
        #expect(map.cover(of: "y", on: day("2026-10-31")) == PlaceCover(plus: [4]))
        #expect(map.cover(of: "a1", on: day("2024-10-31")) == PlaceCover(buckets: [1], minus: [2]))
    }

    @Test(
        "Every place is counted once below the nation, in every tree",
        arguments: ["2024-10-31", "2025-06-30", "2025-07-01"])
    func partition(_ date: String) {
        let children = SmallWorld.tree.children(of: "vn", on: day(date))
        let counted = children.flatMap { map.places(under: $0.id, on: day(date)).map(\.id) }.sorted()
        #expect(counted == [1, 2, 3, 4, 5, 6])
    }
}
