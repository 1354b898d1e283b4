import FundingPolicy
import ServiceKit
import Testing

/// The tree around Bình Dương before and after 1/7/2025, in small.
private struct Tree: UnitSource {
    var units: [String: UnitFacts]
    init(_ list: [UnitFacts]) { units = Dictionary(uniqueKeysWithValues: list.map { ($0.id, $0) }) }
    func unit(_ id: String) -> UnitFacts? { units[id] }
    func predecessors(of id: String) -> [String] {
        units.values.filter { $0.successors.contains(id) }.map(\.id).sorted()
    }

    static let sample: Tree = {
        let old = days("", "2025-06-30")
        let new = days("2025-07-01")
        return Tree([
            UnitFacts(id: "vn"),
            UnitFacts(
                id: "bd", code: "74", validity: old, parents: [Placement(unit: "vn", days: old)], successors: ["hcm"]),
            UnitFacts(
                id: "hcm-old", code: "79", validity: old, parents: [Placement(unit: "vn", days: old)],
                successors: ["hcm"]),
            UnitFacts(id: "hcm", code: "79", validity: new, parents: [Placement(unit: "vn", days: new)]),
            UnitFacts(id: "bd-district", validity: old, parents: [Placement(unit: "bd", days: old)]),
            UnitFacts(
                id: "bd-1", validity: old, parents: [Placement(unit: "bd-district", days: old)], successors: ["new-1"]),
            UnitFacts(
                id: "bd-2", validity: old, parents: [Placement(unit: "bd-district", days: old)],
                successors: ["new-1", "new-mixed"]),
            UnitFacts(
                id: "hcm-1", validity: old, parents: [Placement(unit: "hcm-old", days: old)], successors: ["new-mixed"]),
            UnitFacts(id: "new-1", validity: new, parents: [Placement(unit: "hcm", days: new)]),
            UnitFacts(id: "new-mixed", validity: new, parents: [Placement(unit: "hcm", days: new)]),
            UnitFacts(
                id: "hamlet", validity: days("2020-01-01"),
                parents: [
                    Placement(unit: "bd-1", days: days("2020-01-01", "2025-06-30")),
                    Placement(unit: "new-1", days: new),
                ]),
            UnitFacts(
                id: "young-hamlet", validity: days("2026-01-01"),
                parents: [Placement(unit: "new-1", days: days("2026-01-01"))]),
        ])
    }()
}

@Suite struct TerritoryTests {
    @Test(arguments: [
        ("bd", TerritoryTracer.Answer.inside), ("bd-1", .inside), ("hamlet", .inside), ("new-1", .inside),
        ("young-hamlet", .inside), ("hcm-1", .outside), ("hcm", .mixed), ("new-mixed", .mixed), ("unknown", .outside),
    ])
    func binhDuongAsAtEnactment(unit: String, expected: TerritoryTracer.Answer) throws {
        var tracer = TerritoryTracer(jurisdiction: "bd", date: day("2024-01-01"))
        #expect(try tracer.answer(for: unit, in: Tree.sample) == expected)
    }

    @Test func theNewProvinceCoversWhatItBecame() throws {
        var tracer = TerritoryTracer(jurisdiction: "hcm", date: day("2026-01-01"))
        for unit in ["new-1", "new-mixed", "hamlet", "young-hamlet", "bd-1", "hcm-1"] {
            #expect(try tracer.answer(for: unit, in: Tree.sample) == .inside, "\(unit)")
        }
    }

    @Test func aTeamKeepsItsTerritoryThroughTheMerger() throws {
        var tracer = TerritoryTracer(jurisdiction: "bd", date: day("2024-01-01"))
        let moved = [
            Placement(unit: "bd-1", days: days("2022-06-01", "2025-06-30")),
            Placement(unit: "new-1", days: days("2025-07-01")),
        ]
        #expect(try tracer.days(of: moved, in: Tree.sample) == [days("2022-06-01")])
    }

    @Test func inAMixedUnitTheTeamsOwnPastDecides() throws {
        var tracer = TerritoryTracer(jurisdiction: "bd", date: day("2024-01-01"))
        let now = Placement(unit: "new-mixed", days: days("2025-07-01"))
        let fromInside = [Placement(unit: "bd-2", days: days("2022-06-01", "2025-06-30")), now]
        let fromOutside = [Placement(unit: "hcm-1", days: days("2022-06-01", "2025-06-30")), now]
        #expect(try tracer.days(of: fromInside, in: Tree.sample) == [days("2022-06-01")])
        #expect(try tracer.days(of: fromOutside, in: Tree.sample).isEmpty)
        #expect(try tracer.days(of: [now], in: Tree.sample).isEmpty)
    }

    @Test func theLastKnownPlaceHoldsUntilTheNextIsRecorded() throws {
        var tracer = TerritoryTracer(jurisdiction: "bd", date: day("2024-01-01"))
        let ended = Placement(unit: "bd-1", days: days("2022-06-01", "2024-03-31"))
        #expect(try tracer.days(of: [ended], in: Tree.sample) == [days("2022-06-01")])
        let later = Placement(unit: "hcm-1", days: days("2024-09-01"))
        #expect(try tracer.days(of: [ended, later], in: Tree.sample) == [days("2022-06-01", "2024-08-31")])
    }

    @Test func aTeamThatMovesOutLosesThePolicyFromThatDay() throws {
        var tracer = TerritoryTracer(jurisdiction: "bd", date: day("2024-01-01"))
        let moved = [
            Placement(unit: "bd-1", days: days("2022-06-01", "2024-03-31")),
            Placement(unit: "hcm-1", days: days("2024-04-01")),
        ]
        #expect(try tracer.days(of: moved, in: Tree.sample) == [days("2022-06-01", "2024-03-31")])
    }
}
