import Foundation
import ServiceKit
import Shared
import Testing

@testable import Registry

private func range(_ from: String, _ to: String? = nil) -> DateRange { DateRange(from: date(from), to: to.map(date)) }
private func id(_ number: UInt64) -> UniqueID { UniqueID(high: 0, low: number) }

@Suite struct TeamHistoryTests {
    private func place(_ unit: UInt64, _ span: DateRange, _ basis: PlacementBasis = .stated) -> TeamPlace {
        TeamPlace(unit: id(unit), commune: Int(unit), basis: basis, range: span)
    }

    @Test func `statuses and places are laid over each other without a gap, and taken apart again`() {
        let statuses = [
            StatusPeriod(status: .active, range: range("2023-01-01", "2024-05-31")),
            StatusPeriod(status: .suspended, range: range("2024-06-01")),
        ]
        let places = [place(1, range("2023-03-01", "2025-06-30")), place(2, range("2025-07-01"), .followed)]
        let stretches = TeamHistory.stretches(statuses: statuses, places: places)
        #expect(
            stretches.map(\.range) == [
                range("2023-01-01", "2023-02-28"), range("2023-03-01", "2024-05-31"), range("2024-06-01", "2025-06-30"),
                range("2025-07-01"),
            ])
        #expect(stretches.map { $0.place?.commune } == [nil, 1, 1, 2])
        #expect(TeamHistory.statuses(of: stretches) == statuses)
        #expect(TeamHistory.places(of: stretches) == places)
    }

    @Test func `a place that ends without a successor leaves a stretch without a unit, and stays the place told`() {
        let stretches = TeamHistory.stretches(
            statuses: [StatusPeriod(status: .active, range: range("2023-01-01"))],
            places: [
                place(1, range("2023-01-01", "2024-12-31")),
                TeamPlace(unit: nil, commune: 1, basis: .ended, range: range("2025-01-01")),
            ])
        #expect(stretches.map(\.range) == [range("2023-01-01", "2024-12-31"), range("2025-01-01")])
        #expect(stretches.map(TeamRules.needsPlacement) == [false, true])
        let told = TeamHistory.units(of: stretches) { id(UInt64($0)) }
        #expect(told.map(\.range) == [range("2023-01-01")])
        #expect(told.map(\.unit) == [stretches[0].place?.unit])
    }

    @Test func `a later status replaces what was recorded after it`() {
        let periods = [
            StatusPeriod(status: .active, range: range("2023-01-01", "2024-12-31")),
            StatusPeriod(status: .dissolved, range: range("2025-01-01")),
        ]
        #expect(
            TeamHistory.changing(periods, to: .suspended, from: date("2024-06-01")) == [
                StatusPeriod(status: .active, range: range("2023-01-01", "2024-05-31")),
                StatusPeriod(status: .suspended, range: range("2024-06-01")),
            ])
        #expect(
            TeamHistory.changing(periods, to: .active, from: date("2025-01-01")) == [
                StatusPeriod(status: .active, range: range("2023-01-01"))
            ])
    }

    private func stretch(_ unit: UInt64, _ span: DateRange, _ basis: PlacementBasis, _ status: TeamStatus = .active)
        -> TeamStretch
    {
        TeamStretch(status: status, place: .init(unit: id(unit), commune: 1, basis: basis), range: span)
    }

    @Test func `R1 refuses two teams on one unit, flags those a merger brings together, and minds the days`() {
        let there: [(team: UniqueID, stretches: [TeamStretch])] = [
            (id(9), [stretch(1, range("2023-01-01", "2024-12-31"), .stated)])
        ]
        func clashes(_ mine: TeamStretch, _ level: TeamLevel = .commune, since: LocalDate? = nil) -> [TeamRules.Clash] {
            TeamRules.clashes(of: [mine], level: level, with: there, statedSince: since)
        }
        #expect(clashes(stretch(1, range("2024-12-31"), .stated)).map(\.isByReorganisation) == [false])
        #expect(clashes(stretch(1, range("2025-01-01"), .stated)).isEmpty)
        #expect(clashes(stretch(2, range("2024-01-01"), .stated)).isEmpty)
        #expect(clashes(stretch(1, range("2024-01-01"), .stated, .suspended)).isEmpty)
        #expect(clashes(stretch(1, range("2024-01-01"), .followed)).map(\.isByReorganisation) == [true])
        #expect(clashes(stretch(1, range("2024-01-01"), .presumed), .hamlet).map(\.isByReorganisation) == [false])
        #expect(
            clashes(stretch(1, range("2024-01-01"), .followed), since: date("2024-06-01")).map(\.isByReorganisation)
                == [false])
    }
}

@Suite struct MembershipRuleTests {
    private let team = [
        TeamStretch(status: .active, place: nil, range: range("2023-01-01", "2025-12-31")),
        TeamStretch(status: .dissolved, place: nil, range: range("2026-01-01")),
    ]

    private func member(
        _ number: UInt64, team: UInt64 = 1, role: MemberRole = .member, _ span: DateRange, void: Bool = false
    )
        -> Membership
    {
        Membership(
            id: id(number), team: id(team), person: id(50), role: role, range: span, isVoid: void,
            updatedAt: Instant(seconds: 0))
    }

    private func reasons(
        _ span: DateRange, as role: MemberRole = .member, ofTeam: [Membership] = [],
        ofPerson: [(Membership, TeamLevel)] = []
    ) -> [String] {
        MembershipRules.problems(
            .init(id: id(100), team: id(1), level: .hamlet, role: role, range: span), stretches: team, ofTeam: ofTeam,
            ofPerson: ofPerson.map { .init(membership: $0.0, level: $0.1) }, field: "membership"
        ).map(\.reason.rawValue)
    }

    @Test func `R4 and R5: one leader at a time, and the seat is free from the day after`() {
        let leader = member(1, role: .leader, range("2023-01-01", "2024-06-30"))
        #expect(reasons(range("2024-06-30"), as: .leader, ofTeam: [leader]) == ["TEAM_HAS_LEADER"])
        #expect(reasons(range("2024-07-01"), as: .leader, ofTeam: [leader]).isEmpty)
        #expect(reasons(range("2024-01-01"), as: .deputy, ofTeam: [leader]).isEmpty)
        #expect(
            reasons(
                range("2024-01-01"), as: .leader, ofTeam: [member(1, role: .leader, range("2023-01-01"), void: true)]
            )
            .isEmpty)
    }

    @Test func `R7: one commune and one hamlet team at once, never twice the same`() {
        let here = (member(1, range("2023-01-01", "2023-12-31")), TeamLevel.hamlet)
        #expect(reasons(range("2023-12-31"), ofPerson: [here]) == ["ALREADY_MEMBER"])
        #expect(reasons(range("2024-01-01"), ofPerson: [here]).isEmpty)
        let otherHamlet = (member(2, team: 2, range("2023-01-01")), TeamLevel.hamlet)
        #expect(reasons(range("2023-06-01"), ofPerson: [otherHamlet]) == ["ALREADY_IN_TEAM_OF_LEVEL"])
        let commune = (member(3, team: 3, range("2023-01-01")), TeamLevel.commune)
        #expect(reasons(range("2023-06-01"), ofPerson: [commune]).isEmpty)
    }

    @Test func `a membership begins while its team runs`() {
        #expect(reasons(range("2022-12-31")) == ["BEFORE_TEAM"])
        #expect(reasons(range("2023-01-01")).isEmpty)
        #expect(reasons(range("2026-01-01")) == ["TEAM_NOT_RUNNING"])
    }
}

@Suite struct CapacityRuleTests {
    let units: UnitIndex
    init() throws { units = try ShippedUnits.index() }

    private func reasons(
        _ mode: CapacityMode, joining: DateRange, present: [DateRange], limit: Int = 2,
        policy span: DateRange = range("2025-07-01")
    ) throws -> [String] {
        let day = date("2025-07-01")
        let province = try #require(
            units.search("Tỉnh Tuyên Quang", under: 0, levels: [.province], on: day).first?.unit)
        let commune = try #require(units.descendants(of: province, at: .commune, on: day).first)
        return reasons(
            mode, joining: joining, present: present, limit: limit, policy: span, of: province, commune: commune,
            since: "2023-01-01")
    }

    private func reasons(
        _ mode: CapacityMode = .enforce, joining: DateRange, present: [DateRange], limit: Int = 2,
        policy span: DateRange = range("2025-07-01"), of unit: UnitRank, commune: UnitRank, since: String
    ) -> [String] {
        CapacityRules.problems(
            joining: joining, stretches: stretches(on: commune, since: date(since)),
            policies: [policy(of: unit, mode, limit: limit, over: span)], others: present, units: units, field: "parent"
        ).map(\.reason.rawValue)
    }

    private func stretches(on commune: UnitRank, since: LocalDate) -> [TeamStretch] {
        TeamHistory.stretches(
            statuses: [StatusPeriod(status: .active, range: DateRange(from: since, to: nil))],
            places: TeamRules.places(
                unit: units[commune].id, level: .commune, stays: units.stays(of: commune), from: since, units: units))
    }

    private func policy(of unit: UnitRank, _ mode: CapacityMode = .enforce, limit: Int = 2, over span: DateRange)
        -> CapacityPolicy
    {
        CapacityPolicy(
            id: id(1), unit: units[unit].id, level: .commune, limit: limit, minimum: 2, mode: mode, range: span)
    }

    /// "Its figures stay with the parent then in force", and so does the say on its teams.
    @Test func `a team of a commune that ended without a successor is under what its province became`() throws {
        let day = date("2025-08-01")
        let former = date("2025-06-30")
        let lost = try #require(
            units.endedCommunes.first { commune in
                guard let then = units.heirs(of: commune, on: former).first(where: { units[$0].level == .province })
                else { return false }
                return !units.heirs(of: commune, on: day).contains(then)
            })
        let province = try #require(units.heirs(of: lost, on: day).first { units[$0].level == .province })
        let since = try #require(units[lost].validity.to).description
        let two = [range("2025-01-01"), range("2025-01-01")]
        func reasons(_ span: DateRange, joining: DateRange, of unit: UnitRank) -> [String] {
            self.reasons(joining: joining, present: two, policy: span, of: unit, commune: lost, since: since)
        }
        #expect(reasons(range("2025-07-01"), joining: range("2025-08-01"), of: province) == ["CAPACITY_EXCEEDED"])
        // It comes under the province on 1/7/2025, although neither a policy nor a membership begins on that day.
        #expect(reasons(range("2025-01-01"), joining: range("2025-02-01"), of: province) == ["CAPACITY_EXCEEDED"])
        #expect(reasons(range("2025-01-01"), joining: range("2025-02-01", "2025-06-30"), of: province).isEmpty)
        // A policy of a unit that has ended holds no more.
        #expect(reasons(range("2022-01-01"), joining: range("2025-02-01"), of: lost).isEmpty)

        let policies = [policy(of: province, over: range("2025-07-01"))]
        let short: [Problem] = CapacityRules.shortage(
            on: day, stretches: stretches(on: lost, since: date(since)), policies: policies, members: 1, units: units,
            field: "parent")
        #expect(short.map(\.reason.rawValue) == ["BELOW_MINIMUM"])
        let minimums = CapacityRules.minimums(of: .commune, on: day, policies: policies, units: units)
        #expect(minimums[2]?.contains(lost) == true)
    }

    @Test func `the limit holds on every day of the interval joined`() throws {
        let two = [range("2025-08-01", "2025-08-31"), range("2025-08-31", "2025-12-31")]
        #expect(try reasons(.enforce, joining: range("2025-08-01"), present: two) == ["CAPACITY_EXCEEDED"])
        #expect(try reasons(.enforce, joining: range("2025-08-01", "2025-08-30"), present: two).isEmpty)
        #expect(try reasons(.enforce, joining: range("2025-09-01"), present: two).isEmpty)
    }

    @Test func `before the policy there is no limit`() throws {
        let three = [range("2025-07-01"), range("2025-07-01"), range("2025-07-01")]
        #expect(try reasons(.enforce, joining: range("2025-07-01"), present: three) == ["CAPACITY_EXCEEDED"])
        #expect(
            try reasons(
                .enforce, joining: range("2025-07-01"), present: three, policy: range("2026-01-01", "2026-12-31"))
                == ["CAPACITY_EXCEEDED"])
        #expect(
            try reasons(
                .enforce, joining: range("2025-07-01", "2025-12-31"), present: three, policy: range("2026-01-01")
            )
            .isEmpty)
    }

    @Test func `WARN accepts and flags, GRANDFATHER keeps who was there and refuses who comes`() throws {
        let three = [range("2025-07-01"), range("2025-07-01"), range("2025-07-01")]
        #expect(try reasons(.warn, joining: range("2025-08-01"), present: three) == ["OVER_CAPACITY"])
        #expect(try reasons(.grandfather, joining: range("2025-08-01"), present: three) == ["CAPACITY_EXCEEDED"])
        #expect(
            try reasons(.grandfather, joining: range("2025-07-01"), present: three, policy: range("2026-01-01")).isEmpty
        )
    }
}

@Suite struct CoverageRuleTests {
    let units: UnitIndex
    init() throws { units = try ShippedUnits.index() }

    @Test func `199 of 200 communes of Lạng Sơn never shows as 100%`() throws {
        let day = date("2022-08-23")
        guard case .unit(let langSon) = units.resolve(code: "20", on: day) else { return }
        let communes = units.descendants(of: langSon, at: .commune, on: day)
        #expect(communes.count == 200)
        var presence = Dictionary(
            uniqueKeysWithValues: communes.map { ($0, TeamPresence(hasCommuneTeam: true, hamletsWithTeam: 0)) })
        func percent(_ level: UnitLevel) -> String {
            CoverageRule.coverage(of: langSon, level: level, on: day, presence: presence, hamlets: [:], units: units)
                .ratio
                .percent
        }
        #expect(percent(.commune) == "100.00")
        #expect(percent(.district) == "100.00")
        presence[communes[0]]?.hasCommuneTeam = false
        #expect(percent(.commune) == "99.50")
        // A hamlet team in the commune keeps its district covered.
        #expect(percent(.district) == "100.00")
        presence = presence.filter { units.parent(of: $0.key, on: day) != units.parent(of: communes[0], on: day) }
        #expect(percent(.district) == "90.91")
    }

    @Test func `nothing of nothing is not applicable`() throws {
        let day = date("2026-01-01")
        let none = CoverageRule.coverage(
            of: UnitIndex.nation, level: .district, on: day, presence: [:], hamlets: [:], units: units)
        #expect(none == Coverage(covered: 0, all: 0))
        #expect(none.ratio.percent.isEmpty)
    }
}

@Suite struct PersonFieldTests {
    @Test(arguments: [
        ("0992 123 456", "0992123456"), ("+84992123456", "0992123456"), ("84992123456", "0992123456"),
        ("024.3825.1234", "02438251234"), ("992123456", nil), ("09921234567", nil), ("abc", nil), ("", nil),
    ])
    func `phones are read as dialled within the country`(text: String, expected: String?) {
        var fields = PersonFields()
        #expect(fields.phone(text, "phone") == expected)
        #expect(fields.problems.isEmpty == (expected != nil))
    }

    @Test(arguments: ["Nguyễn Thị Ánh", "H'Hoa Niê", "Y Bình Êban", "Đặng Văn Ơn"])
    func `names of all peoples are accepted`(name: String) {
        var fields = PersonFields()
        #expect(fields.personName(name.decomposedStringWithCanonicalMapping, "name") == name)
    }

    @Test(arguments: ["", "  ", "Nguyễn 2", "<b>", "- .", "a\u{0}b"])
    func `what is no name is refused`(name: String) {
        var fields = PersonFields()
        #expect(fields.personName(name, "name") == nil)
        #expect(fields.problems.count == 1)
    }

    @Test func `births are years or days that have been`() {
        var fields = PersonFields()
        let today = date("2026-11-21")
        #expect(fields.birth("1990", "birth", today: today)?.year == 1990)
        #expect(fields.birth("1990-02-28", "birth", today: today)?.date == date("1990-02-28"))
        #expect(fields.birth("", "birth", today: today)?.year == nil)
        #expect(fields.problems.isEmpty)
        for wrong in ["1899", "2027", "90", "1990-02-30", "19x8"] { _ = fields.birth(wrong, "birth", today: today) }
        #expect(fields.problems.count == 5)
    }
}
