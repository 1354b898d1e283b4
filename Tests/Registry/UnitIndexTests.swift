import ServiceKit
import Shared
import Testing

@testable import Registry

/// The shipped units, read once for all tests.
enum ShippedUnits {
    static let loaded: Result<UnitIndex, any Error> = Result {
        UnitIndex(try UnitFiles(directory: try UnitDataDirectory.find()).load())
    }
    static func index() throws -> UnitIndex { try loaded.get() }
}

func date(_ text: String) -> LocalDate { LocalDate(text)! }

@Suite struct UnitIndexTests {
    let units: UnitIndex
    init() throws { units = try ShippedUnits.index() }

    func unit(_ code: String, _ day: String) throws -> UnitRank {
        guard case .unit(let rank) = units.resolve(code: code, on: date(day)) else {
            throw Failure("\(code) names nothing on \(day)")
        }
        return rank
    }

    struct Failure: Error {
        var text: String
        init(_ text: String) { self.text = text }
    }

    @Test(arguments: [
        ("15", "2025-06-30", "Tỉnh Yên Bái"), ("15", "2025-07-01", "Tỉnh Lào Cai"),
        ("10", "2025-06-30", "Tỉnh Lào Cai"),
        ("24", "2025-06-30", "Tỉnh Bắc Giang"), ("24", "2025-07-01", "Tỉnh Bắc Ninh"),
        ("44", "2025-07-01", "Tỉnh Quảng Trị"), ("52", "2025-07-01", "Tỉnh Gia Lai"),
        ("80", "2025-07-01", "Tỉnh Tây Ninh"), ("82", "2025-07-01", "Tỉnh Đồng Tháp"),
        ("91", "2025-07-01", "Tỉnh An Giang"), ("46", "2024-12-31", "Tỉnh Thừa Thiên Huế"),
        ("46", "2025-01-01", "Thành phố Huế"), ("099", "2025-06-30", "Huyện Tuần Giáo"),
    ])
    func `a code means what it meant on the day`(code: String, day: String, name: String) throws {
        #expect(units[try unit(code, day)].name == name)
    }

    @Test func `a unit that only newer rows know is in force on no day`() throws {
        let (rank, today) = (units.all.count + 3, date("2026-11-21"))
        #expect(units[rank].isVoid && units.rank(of: units[rank].id) == nil)
        #expect(!units.isUnder(rank, UnitIndex.nation, on: today))
        #expect(!units.isUnder(rank, rank, on: today))
        #expect(units.parent(of: rank, on: today) == nil && units.parents(of: rank).isEmpty)
        #expect(units.ancestors(of: rank, on: today).isEmpty)
        #expect(units.ancestor(of: rank, at: .province, on: today) == nil)
        #expect(units.ancestor(of: rank, at: .commune, on: today) == nil)
        #expect(units.children(of: rank, on: today).isEmpty)
        #expect(units.jurisdictions(of: rank, on: today).isEmpty && units.heirs(of: rank, on: today).isEmpty)
        #expect(units.name(of: rank).isEmpty && units.message(rank, on: today).parent.isEmpty)
        #expect(units.successors(of: rank).isEmpty && units.predecessors(of: rank).isEmpty)
        #expect(units.stays(of: rank).isEmpty && units.turns(of: rank).isEmpty)
        #expect(units.communeRuns(under: rank, on: today) == [] && units.lostCommunes(under: rank, on: today).isEmpty)
        #expect(units.path(of: rank, on: today).isEmpty && units.descendants(of: rank, at: .commune, on: today).isEmpty)
        // What lies there falls into no run of others.
        #expect(units.runs(of: [rank - 4, rank + 2], on: today).count == 2)
    }

    @Test func `a code that names nothing on the day says what it named last`() throws {
        guard case .notInForce(let last) = units.resolve(code: "10", on: date("2025-07-01")) else {
            Issue.record("10 should name nothing")
            return
        }
        #expect(units[last].name == "Tỉnh Lào Cai")
        #expect(units[last].validity.to == date("2025-06-30"))
        #expect(units.resolve(code: "98", on: date("2025-07-01")) == .unknown)
        guard case .notInForce(let district) = units.resolve(code: "099", on: date("2025-07-01")) else {
            Issue.record("no district is in force")
            return
        }
        #expect(units[district].level == .district)
    }

    @Test(arguments: [
        ("2025-06-30", UnitLevel.commune, 10_035), ("2025-07-01", .commune, 3_321), ("2025-06-30", .province, 63),
        ("2025-07-01", .province, 34), ("2026-11-21", .province, 34), ("2025-06-30", .district, 696),
        ("2025-07-01", .district, 0), ("2026-11-21", .commune, 3_321),
    ])
    func `so many units are in force`(day: String, level: UnitLevel, count: Int) throws {
        #expect(units.descendants(of: UnitIndex.nation, at: level, on: date(day)).count == count)
    }

    @Test func `both trees answer, before and after the reorganisation`() throws {
        let day = date("2025-06-30")
        let before = try #require(units.search("Mường Mùn", under: 0, levels: [.commune], on: day).first?.unit)
        #expect(
            units.ancestors(of: before, on: day).map { units[$0].name } == [
                "Huyện Tuần Giáo", "Tỉnh Điện Biên", "Việt Nam",
            ])
        let tuanGiao = try unit("099", "2025-06-30")
        #expect(units.children(of: tuanGiao, on: day).count == 19)
        #expect(units.ancestors(of: before, on: day.next).isEmpty)
        let after = try #require(units.search("Mường Mùn", under: 0, levels: [.commune], on: day.next).first?.unit)
        #expect(after != before)
        #expect(units.ancestors(of: after, on: day.next).map { units[$0].name } == ["Tỉnh Điện Biên", "Việt Nam"])
        #expect(units.predecessors(of: after).contains { $0.source == before })
    }

    @Test func `every commune in force has its ancestors on every first and last day`() {
        for (rank, unit) in units.all.enumerated() where unit.level == .commune {
            for day in [unit.validity.from ?? date("2022-04-10"), unit.validity.to ?? date("2026-11-21")] {
                let levels = units.ancestors(of: rank, on: day).map { units[$0].level }
                #expect(
                    levels == (day <= date("2025-06-30") ? [.district, .province, .nation] : [.province, .nation]))
            }
        }
    }

    @Test func `a search folds marks and finds Mường Mùn`() throws {
        let hits = units.search("muong mun", under: 0, levels: [.commune], on: date("2026-01-01"))
        #expect(hits.map { units[$0.unit].name } == ["Xã Mường Mùn"])
        #expect(units.path(of: try #require(hits.first).unit, on: date("2026-01-01")) == "Tỉnh Điện Biên")
    }

    @Test func `Cẩm Giang and Cẩm Giàng stay two, the exact spelling first`() {
        let day = date("2025-07-01")
        let levels: Set<UnitLevel> = [.commune]
        for (query, first) in [("Cẩm Giàng", "Xã Cẩm Giàng"), ("Cẩm Giang", "Xã Cẩm Giang")] {
            let hits = units.search(query, under: 0, levels: levels, on: day)
            #expect(hits.first.map { units[$0.unit].name } == first)
            #expect(Set(hits.map { units[$0.unit].name }).isSuperset(of: ["Xã Cẩm Giang", "Xã Cẩm Giàng"]))
            #expect(hits.first?.isExact == true)
        }
    }

    @Test func `a search begins at words, not within them`() {
        let day = date("2025-06-30")
        #expect(units.search("uong mun", under: 0, levels: [.commune], on: day).isEmpty)
        #expect(!units.search("mun", under: 0, levels: [.commune], on: day).isEmpty)
        #expect(units.search("  ", under: 0, levels: [.commune], on: day).isEmpty)
        #expect(units.search("Phương Liên Trung Tự", under: 0, levels: [.commune], on: day).count == 1)
    }

    @Test func `hits without an exact spelling come by code`() {
        let hits = units.search("tan", under: 0, levels: [.commune], on: date("2026-01-01"))
        let codes = hits.filter { !$0.isExact }.map { units[$0.unit].code }
        #expect(codes == codes.sorted())
        #expect(codes.count > 50)
    }

    @Test func `a divided commune is presumed at its default successor, a whole one followed`() throws {
        for (rank, unit) in units.all.enumerated()
        where unit.level == .commune && unit.validity.to == date("2025-06-30") {
            let lines = units.successors(of: rank)
            #expect(lines.filter(\.isDefault).count == 1, "\(unit.name)")
            let next = units.stays(of: rank).first { $0.range.contains(date("2025-07-01")) }
            #expect(next?.basis == (lines[0].isPart ? .presumed : .followed))
            #expect(next?.commune == lines[0].target)
        }
    }

    @Test func `no successor is guessed from the code`() throws {
        let ended = units.all.indices.filter { rank in
            guard let last = units[rank].validity.to, units[rank].level == .commune else { return false }
            return last < date("2025-06-30") && units.successors(of: rank).isEmpty
        }
        #expect(ended.count == 586)
        for rank in ended {
            #expect(units.stays(of: rank).last?.commune == rank)
            #expect(units.stays(of: rank).last?.basis == .ended)
        }
        #expect(units.lostCommunes(under: UnitIndex.nation, on: date("2026-01-01")).count == ended.count)
        // Each belongs to exactly one of today's provinces.
        let provinces = units.descendants(of: UnitIndex.nation, at: .province, on: date("2026-01-01"))
        let total = provinces.map { units.lostCommunes(under: $0, on: date("2026-01-01")).count }.reduce(0, +)
        #expect(total == ended.count)
    }

    @Test func `the runs of a province hold its communes and the lost ones, and no others`() throws {
        for day in ["2024-10-15", "2025-06-30", "2025-07-01", "2026-11-21"].map(date) {
            for province in units.descendants(of: UnitIndex.nation, at: .province, on: day) {
                let runs = try #require(units.communeRuns(under: province, on: day))
                let lost = units.lostCommunes(under: province, on: day)
                #expect(runs.count <= 1 + lost.count)
                let ranks = runs.flatMap { $0 }
                #expect(
                    Set(ranks.filter { units[$0].validity.contains(day) })
                        == Set(units.descendants(of: province, at: .commune, on: day)))
                let ended = ranks.filter { units[$0].validity.lastDay < day && units.successors(of: $0).isEmpty }
                #expect(Set(ended) == Set(lost))
            }
        }
    }

    @Test func `ids are the same in every installation`() throws {
        #expect(units[UnitIndex.nation].id == Unit.nationID)
        #expect(
            units[try unit("15", "2025-07-01")].id
                == Unit.id(level: .province, code: "15", validFrom: date("2025-07-01")))
        #expect(Set(units.all.map(\.id)).count == units.all.count)
    }
}
