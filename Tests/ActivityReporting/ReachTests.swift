import RPC
import ServiceKit
import Testing

@testable import ActivityReporting

@Suite("Where a grant reaches")
struct ReachTests {
    static func reach(_ verbs: [String], _ unit: String, today: String) -> Reach {
        Reach(
            identity: Identity(
                subject: "s", grants: [.init(verbs: Set(verbs), unit: unit.isEmpty ? "" : "units/\(unit)")]),
            map: PlaceMap(tree: UnitTree(SmallWorld.units), places: []), today: day(today))
    }

    @Test(
        "The subtree of today, and the past of all territory now in it; an abolished unit's past to read only",
        arguments: [
            ("A", "read", "2024-11-04", "a1", "2024-10-31", true),
            ("A", "read", "2024-11-04", "dA", "2024-10-31", true),
            ("A", "submit", "2024-11-04", "a2", "2024-11-04", true),
            ("A", "read", "2024-11-04", "B", "2024-10-31", false),
            ("A", "read", "2024-11-04", "vn", "2024-10-31", false),
            ("dA", "read", "2024-11-04", "A", "2024-10-31", false),
            // After 1/7/2025 AB has all of A and B, and b1 is split between x and y.
            ("AB", "read", "2025-08-01", "A", "2024-10-31", true),
            ("AB", "approve", "2025-08-01", "b1", "2024-10-31", true),
            ("x", "read", "2025-08-01", "a1", "2024-10-31", true),
            ("x", "read", "2025-08-01", "b1", "2024-10-31", false),
            ("x", "read", "2025-08-01", "A", "2024-10-31", false),
            ("C", "read", "2025-08-01", "AB", "2025-08-01", false),
            // What was abolished stays readable as it was, and nothing more.
            ("A", "read", "2025-08-01", "a1", "2024-10-31", true),
            ("A", "read", "2025-08-01", "x", "2025-08-01", false),
            ("A", "submit", "2025-08-01", "a1", "2024-10-31", false),
            ("", "accept", "2025-08-01", "vn", "2025-08-01", true),
        ])
    func covers(_ grant: String, _ verb: String, _ today: String, _ unit: String, _ date: String, _ allowed: Bool)
        throws
    {
        let asked = try #require(ActivityVerb(rawValue: verb))
        let reach = Self.reach([asked.name], grant, today: today)
        #expect(reach.allows(asked, unit: unit, on: day(date), of: day(date)) == allowed)
    }

    @Test("By the tree of its time, an abolished unit's grant does not read what is said of its territory since")
    func pastIsNotNow() {
        let reach = Self.reach(["activity.read"], "A", today: "2025-08-01")
        #expect(reach.allows(.read, unit: "A", on: day("2024-10-31"), of: day("2024-10-31")))
        #expect(!reach.allows(.read, unit: "A", on: day("2024-10-31"), of: day("2025-07-31")))
    }

    @Test(
        "A province that has given a commune away does not read its own past of that time: it would pass for the rest")
    func communeThatLeft() {
        let units =
            SmallWorld.units + [
                UnitRecord(
                    id: "c2", level: .commune, code: "c2", name: "C2",
                    parents: [
                        .init(unit: "C", days: range(nil, "2024-12-31")),
                        .init(unit: "AB", days: range("2025-01-01", nil)),
                    ])
            ]
        let reach = Reach(
            identity: Identity(subject: "s", grants: [.init(verbs: ["activity.read"], unit: "units/C")]),
            map: PlaceMap(tree: UnitTree(units), places: []), today: day("2025-08-01"))
        #expect(reach.allows(.read, unit: "C", on: day("2025-08-01"), of: day("2024-10-31")))
        #expect(!reach.allows(.read, unit: "C", on: day("2024-10-31"), of: day("2024-10-31")))
        #expect(reach.allows(.read, unit: "c1", on: day("2024-10-31"), of: day("2024-10-31")))
        #expect(!reach.allows(.read, unit: "c2", on: day("2024-10-31"), of: day("2024-10-31")))
    }

    @Test("Of an abolished district the communes count, each where it went")
    func abolishedLevel() {
        #expect(
            Self.reach(["activity.read"], "x", today: "2025-08-01").allows(
                .read, unit: "dA", on: day("2024-10-31"), of: day("2024-10-31")))
        #expect(
            !Self.reach(["activity.read"], "x", today: "2025-08-01").allows(
                .read, unit: "dB", on: day("2024-10-31"), of: day("2024-10-31")))
        #expect(
            Self.reach(["activity.read"], "AB", today: "2025-08-01").allows(
                .read, unit: "dB", on: day("2024-10-31"), of: day("2024-10-31")))
    }

    @Test("A team or hamlet that has moved is its new place's; where it was then may be read there")
    func moved() {
        let path = PlacePath([
            .init(unit: "a1", days: range(nil, "2024-09-30")), .init(unit: "c1", days: range("2024-10-01", nil)),
        ])
        let (old, new) = (
            Self.reach(["activity.*"], "A", today: "2024-11-04"), Self.reach(["activity.*"], "C", today: "2024-11-04")
        )
        #expect(old.allows(.read, along: path, on: day("2024-08-31")))
        #expect(!old.allows(.read, along: path, on: day("2024-10-31")))
        #expect(!old.allows(.submit, along: path, on: day("2024-08-31")))
        #expect(
            new.allows(.read, along: path, on: day("2024-08-31"))
                && new.allows(.submit, along: path, on: day("2024-10-31")))
        #expect(old.mayHaveSeen("a1") && !old.mayHaveSeen("c1"))
    }

    @Test("A grant whose unit is no name of one opens nothing", arguments: ["20", "vn", "units/", "units", "teams/A"])
    func malformed(unit: String) {
        let identity = Identity(subject: "s", grants: [.init(verbs: ["*"], unit: unit)])
        #expect(!identity.hasNation(.read) && identity.units(for: .read) == [])
    }

    @Test("Each verb is covered by its own name, by all of the service, and the writing ones by activity.write")
    func verbs() {
        for verb in ActivityVerb.allCases {
            #expect(verb.isCovered(by: [verb.name]) && verb.isCovered(by: ["activity.*"]) && verb.isCovered(by: ["*"]))
            #expect(verb.isCovered(by: ["activity.write"]) == (verb != .read))
            #expect(!verb.isCovered(by: ["registry.*", "activity.other"]))
        }
    }
}
