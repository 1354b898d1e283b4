import ServiceKit
import Shared
import Storage
import TestSupport
import Testing

@testable import ActivityReporting

@Suite("Targets", .onBothEngines)
struct TargetTests {
    typealias Target = Cdt_Activity_V1_Target

    @Test("Coverage is reached on the day on which the last commune gets its team, and that day stays")
    func sweep() {
        let communes = [
            CoverageSweep.Commune(
                days: [.always], withTeam: [range("2022-03-01", "2022-08-31"), range("2022-08-01", "2023-12-31")]),
            CoverageSweep.Commune(days: [.always], withTeam: [range("2022-05-20", nil)]),
            CoverageSweep.Commune(days: [range(nil, "2022-05-31")], withTeam: []),
        ]
        func at(_ date: String, _ threshold: Int64 = 10_000) -> [String] {
            let sweep = CoverageSweep(communes, until: day(date), threshold: threshold)
            return ["\(sweep.covered)/\(sweep.all)", sweep.reachedOn?.description ?? ""]
        }
        #expect(at("2022-02-28") == ["0/3", ""])
        #expect(at("2022-05-31") == ["2/3", ""])
        #expect(at("2022-05-31", 6_666) == ["2/3", "2022-05-20"])
        #expect(at("2022-05-31", 6_667) == ["2/3", ""])
        #expect(at("2022-06-01") == ["2/2", "2022-06-01"])
        #expect(at("2024-01-01") == ["1/2", "2022-06-01"])
        #expect(CoverageSweep([], until: day("2024-01-01"), threshold: 1).reachedOn == nil)
    }

    static func create(_ world: World, _ fill: (inout Target) -> Void) async throws -> Target {
        let id = UUIDv7.next(at: world.clock.now)
        var target = Target()
        target.validFrom = "2022-03-01"
        fill(&target)
        return try await world.reporting.keep { [target] in
            try Reporting.createTarget(target, id: id, by: "Bộ TT&TT", $0)
        }.get()
    }

    static func standing(_ world: World, _ target: Target, _ unit: String?, on date: String) async throws
        -> Cdt_Activity_V1_TargetStanding
    {
        try await world.reporting.standing(
            StandingQuery(target: target, unit: unit, date: day(date), field: "unit"))
    }

    /// The ten of 6/2022, with the day on which this test lets their last commune have its team.
    static let complete: KeyValuePairs = [
        "Bắc Giang": "2022-05-31", "Lạng Sơn": "2022-05-12", "Lai Châu": "2022-06-10", "Hậu Giang": "2022-06-15",
        "Hải Dương": "2022-06-01", "Thanh Hóa": "2022-06-20", "Vĩnh Phúc": "2022-06-02", "Hưng Yên": "2022-06-03",
        "Hải Phòng": "2022-06-04", "Thái Nguyên": "2022-04-30",
    ]

    /// The provinces of 6/2022 with three communes each; in the eleventh one commune has no team, the twelfth has none.
    static func june2022() async throws -> World {
        let world = try await World(today: "2022-07-04")
        var units = [SmallWorld.unit("vn", .nation, in: nil)]
        let names = complete.map(\.key) + ["Hà Giang", "Cà Mau"]
        for (i, name) in names.enumerated() {
            units.append(
                UnitRecord(
                    id: "p\(i)", level: .province, code: "\(i + 10)", name: name,
                    parents: [.init(unit: "vn", days: .always)]))
            units.append(SmallWorld.unit("d\(i)", .district, in: "p\(i)"))
            for c in 0..<3 { units.append(SmallWorld.unit("c\(i)-\(c)", .commune, in: "d\(i)")) }
        }
        try await world.units(units)
        for (i, last) in (complete.map(\.value) + ["2022-06-30"]).enumerated() {
            for c in 0..<(i == 10 ? 2 : 3) {
                try await world.team("t\(i)-\(c)", .commune, in: "c\(i)-\(c)", from: c == 0 ? last : "2022-03-15")
            }
        }
        return world
    }

    @Test("June 2022: the list of the ten provinces with a team in all communes comes out, each with its day")
    func tenProvinces() async throws {
        let world = try await Self.june2022()
        let target = try await Self.create(world) {
            $0.displayName = "100% xã có tổ công nghệ số cộng đồng"
            $0.measure = .communesWithTeam
            $0.threshold = 10_000
        }
        let query = StandingQuery(target: target, unit: nil, date: day("2022-06-30"), field: "parent")
        func list(reachedOnly: Bool) async throws -> [Cdt_Activity_V1_TargetStanding] {
            var all: [Cdt_Activity_V1_TargetStanding] = []
            var offset = 0
            while true {
                let found = try await world.reporting.standings(
                    below: query, level: .province, reachedOnly: reachedOnly, offset: offset, limit: 5)
                all += found.page
                offset += found.seen
                if found.isLast { return all }
            }
        }
        let reached = try await list(reachedOnly: true)
        #expect(reached.map(\.unitDisplayName) == Self.complete.map(\.key))
        #expect(reached.map(\.reachedOn) == Self.complete.map(\.value))
        #expect(reached.allSatisfy { $0.reached && $0.ratio.percent == "100.00" })
        let all = try await list(reachedOnly: false)
        #expect(all.count == 12)
        #expect(all[10].ratio.numerator == 2 && all[10].ratio.denominator == 3 && all[10].reachedOn.isEmpty)
        #expect(all[11].ratio.numerator == 0)
        let nation = try await Self.standing(world, target, nil, on: "2022-06-30")
        #expect(nation.ratio.numerator == 32 && nation.ratio.denominator == 36 && !nation.reached)
        // A month earlier the list was shorter.
        let may = try await Self.standing(world, target, "p7", on: "2022-05-31")
        #expect(!may.reached && may.reachedOn.isEmpty)
        #expect(try await Self.standing(world, target, "p1", on: "2022-05-31").reachedOn == "2022-05-12")
    }

    @Test("June 2022: Lạng Sơn's campaign is summed as flows with its 'more than', its households stand as stocks")
    func campaign() async throws {
        let world = try await Self.june2022()
        for period in ["2022-05", "2022-06"] { _ = try await world.reporting.openPeriod(month(period)) }
        for team in ["t1-0", "t1-1"] { try await world.member("m-\(team)", of: team, from: "2022-05-01") }
        try await world.settle()
        // Stocks are levels: those of June take the place of those of May. The number of households is made up.
        try await world.send("t1-0", "m-t1-0", period: "2022-05") {
            $0.count("citizen_app_accounts", .flow, 5_000, .atLeast)
            $0.count("commerce_accounts", .flow, 12_000)
            $0.count("payment_accounts", .flow, 800)
            $0.count("digital_stores", .stock, 70_000)
            $0.count("e_payment_accounts", .stock, 20_000)
            $0.count("households_with_store_or_account", .stock, 76_000)
            $0.count("households", .stock, 190_000)
        }
        try await world.send("t1-0", "m-t1-0", period: "2022-06") {
            $0.count("citizen_app_accounts", .flow, 3_140, .atLeast)
            $0.count("commerce_accounts", .flow, 7_870)
            $0.count("payment_accounts", .flow, 570)
            $0.count("digital_stores", .stock, 126_560)
            $0.count("e_payment_accounts", .stock, 24_000)
            $0.count("households_with_store_or_account", .stock, 130_000)
            $0.count("households", .stock, 190_000)
        }
        let sums = try await world.achievements("p1", period: "2022-06", from: "2022-05", on: "2022-06-30")
        let found = Dictionary(uniqueKeysWithValues: sums.counters.map { ($0.code, $0) })
        #expect(found["citizen_app_accounts"]?.value == 8_140 && found["citizen_app_accounts"]?.qualifier == .atLeast)
        #expect(found["commerce_accounts"]?.value == 19_870 && found["commerce_accounts"]?.kind == .flow)
        #expect(found["payment_accounts"]?.value == 1_370)
        #expect(found["digital_stores"]?.value == 126_560 && found["digital_stores"]?.kind == .stock)
        let target = try await Self.create(world) {
            $0.unit = "units/p1"
            $0.displayName = "50% hộ có gian hàng số hoặc tài khoản thanh toán"
            $0.measure = .stocks
            $0.numerator = "households_with_store_or_account"
            $0.denominator = "households"
            $0.parts = ["digital_stores", "e_payment_accounts"]
            $0.threshold = 5_000
        }
        let may = try await Self.standing(world, target, nil, on: "2022-05-31")
        #expect(may.ratio.numerator == 76_000 && !may.reached && may.reachedOn.isEmpty)
        let june = try await Self.standing(world, target, nil, on: "2022-06-30")
        #expect(june.reached && june.reachedOn == "2022-06-30")
        #expect(june.ratio.numerator == 130_000 && june.ratio.denominator == 190_000)
        #expect(june.parts.map(\.numerator) == [126_560, 24_000])
        // In the middle of June only May has ended.
        #expect(try await Self.standing(world, target, nil, on: "2022-06-15").ratio.numerator == 76_000)
        await #expect(throws: Refusal.self) { try await Self.standing(world, target, "p2", on: "2022-06-30") }
    }

    @Test("A target can be ended once, not before it began; targets are listed newest first")
    func ending() async throws {
        let world = try await Self.june2022()
        let first = try await Self.create(world) { $0.measure = .communesWithTeam }
        world.clock.set(day("2022-07-05"))
        let second = try await Self.create(world) { $0.unit = "units/p1" }
        #expect(
            try await world.reporting.targets(unit: nil, before: nil, limit: 9).map(\.name)
                == [second, first].map(\.name))
        #expect(try await world.reporting.targets(unit: "p1", before: nil, limit: 9).map(\.name) == [second.name])
        func end(_ date: String) async throws -> String? {
            let id = ResourceName.lastID(first.name)
            let ended = try await world.reporting.keep { try Reporting.endTarget(id, on: day(date), $0) }
            if case .failure(let refusal) = ended { return refusal.reason }
            return nil
        }
        #expect(try await end("2022-02-28") == "INVALID_FIELD")
        #expect(try await end("2022-12-31") == nil)
        #expect(try await end("2023-01-01") == "TARGET_ENDED")
        #expect(try world.reporting.target(ResourceName.lastID(first.name)).validTo == "2022-12-31")
        #expect(throws: Refusal.self) { try world.reporting.target("none") }
    }
}
