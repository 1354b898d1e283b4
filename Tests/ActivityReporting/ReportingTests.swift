import ChangeFeed
import ServiceKit
import Shared
import Storage
import SwiftProtobuf
import Synchronization
import TestSupport
import Testing

@testable import ActivityReporting

@Suite("A month of reports", .onBothEngines)
struct ReportingTests {
    /// Tuần Giáo: 19 communes with a commune team of 10, and 177 hamlet teams of 5.
    static func tuanGiao(today: String = "2024-11-09", chunk: Int = 250) async throws -> World {
        let world = try await World(today: today)
        try await world.units(
            [SmallWorld.unit("vn", .nation, in: nil), SmallWorld.unit("11", .province, in: "vn")]
                + [SmallWorld.unit("099", .district, in: "11", to: "2025-06-30")]
                + (0..<19).map {
                    SmallWorld.unit("c\($0)", .commune, in: "099", to: "2025-06-30", successors: ["n\($0 % 3)"])
                } + (0..<3).map { SmallWorld.unit("n\($0)", .commune, in: "11", from: "2025-07-01") }
                + (0..<177).map { i in
                    UnitRecord(
                        id: "h\(i)", level: .hamlet, name: "Bản \(i)",
                        parents: [
                            .init(unit: "c\(i % 19)", days: range(nil, "2025-06-30")),
                            .init(unit: "n\(i % 19 % 3)", days: range("2025-07-01", nil)),
                        ])
                })
        for i in 0..<19 {
            try await world.team("tc\(i)", .commune, in: "c\(i)")
            for j in 0..<10 { try await world.member("m\(i)-\(j)", of: "tc\(i)") }
        }
        for i in 0..<177 {
            try await world.team("th\(i)", .hamlet, in: "h\(i)")
            for j in 0..<5 { try await world.member("h\(i)-\(j)", of: "th\(i)") }
        }
        _ = try await world.reporting.openPeriod(month("2024-10"))
        try await world.settle(chunk: chunk)
        return world
    }

    @Test("367 expected, 330 received of which 300 on time, 37 missing, at every ancestor")
    func tuanGiaoFigures() async throws {
        let world = try await Self.tuanGiao(chunk: 40)
        let (page, next) = try await world.reporting.obligations(
            ObligationQuery(period: month("2024-10"), treeDate: day("2024-10-31"), limit: 5000))
        #expect(page.count == 367)
        #expect(next == nil)
        let submissions = page.prefix(330).enumerated().map { i, obligation in
            world.reporting.submission(
                world.report(
                    String(obligation.team.dropFirst(6)), String(obligation.person.dropFirst(7)),
                    on: i < 300 ? "2024-11-05" : "2024-11-06"), caller: "tester", field: "")
        }
        let results = try await world.reporting.submit(submissions)
        #expect(results.allSatisfy { $0.verdict.outcome == .applied })
        for unit in ["099", "11", "vn"] {
            let figures = try await world.figures(unit)
            #expect(figures.expected == 367)
            #expect(figures.received == 330)
            #expect(figures.onTime == 300)
            #expect(figures.late == 30)
            #expect(figures.missing == 37)
            #expect(figures.due == 0)
            #expect(figures.completeness.numerator == 330 && figures.completeness.denominator == 367)
            #expect(figures.completeness.percent == "89.92")
            #expect(figures.timeliness.numerator == 300 && figures.timeliness.denominator == 367)
        }
        let today = try await world.reporting.figuresBelow(
            FigureQuery(period: month("2024-10"), unit: "11", treeDate: day("2025-07-01")), level: nil, offset: 0,
            limit: 100)
        #expect(today.children.map(\.unit) == ["units/n0", "units/n1", "units/n2"])
        #expect(today.children.map(\.expected).reduce(0, +) == 367)
        #expect(today.children.map(\.received).reduce(0, +) == 330)
        let hamlets = try await world.reporting.figuresBelow(
            FigureQuery(period: month("2024-10"), unit: "c0", treeDate: day("2024-10-31")), level: nil, offset: 0,
            limit: 100)
        #expect(hamlets.children.count == 10)
        #expect(hamlets.parent.expected == 20)
        #expect(try await world.figures("099", level: .hamlet).expected == 177)
    }

    @Test("With every member reporting there are 1,075")
    func everyMember() async throws {
        let world = try await Self.tuanGiao()
        let now = world.clock.now
        let set = try await world.database.write { [reporting = world.reporting] tx in
            try reporting.setPolicy(
                .with {
                    $0.jurisdiction = "units/11"
                    $0.validFrom = "2024-01-01"
                    $0.communeTeamSubject = .member
                    $0.hamletTeamSubject = .member
                    $0.graceDays = 3
                }, id: UUIDv7.next(at: now), in: tx, now: now)
        }
        #expect(throws: Never.self) { try set.get() }
        try await world.settle()
        #expect(try await world.figures("099").expected == 1_075)
        #expect(world.facts.newest.values.count { $0.period == "2024-10" && $0.void } == 177)
    }

    static func one(today: String = "2024-11-04") async throws -> World {
        let world = try await World(today: today)
        try await world.units(SmallWorld.units)
        try await world.team("t", .commune, in: "a1")
        try await world.member("p", of: "t")
        try await world.member("q", of: "t")
        try await world.open("2024-10")
        return world
    }

    @Test("The clock alone takes an obligation from not due to due to missing, and a late report to late")
    func clock() async throws {
        let world = try await Self.one(today: "2024-10-31")
        #expect(try await world.figures("A").notDue == 2)
        world.clock.set(day("2024-11-08"))
        #expect(try await world.figures("A").due == 2)
        world.clock.set(day("2024-11-09"))
        #expect(try await world.figures("A").missing == 2)
        #expect(try await world.submit("t", "p").verdict.obligation.state == .late)
        let figures = try await world.figures("vn")
        #expect(figures.missing == 1 && figures.late == 1 && figures.expected == 2)
    }

    @Test("The same operation gets the same answer, with other content it is a conflict")
    func idempotence() async throws {
        let world = try await Self.one()
        let first = try await world.submit("t", "p", operation: "op")
        world.clock.set(day("2024-12-04"))
        let again = try await world.submit("t", "p", operation: "op")
        #expect(first.verdict.outcome == .applied)
        #expect(again.verdict.outcome == .duplicate)
        #expect(again.verdict.obligation == first.verdict.obligation)
        let other = try await world.submit("t", "p", operation: "op", narrative: "khác")
        #expect(other.verdict.outcome == .conflict)
        #expect(other.refusal?.reason == "OPERATION_ID_REUSED")
        let otherCaller = try await world.submit("t", "q", operation: "op", caller: "another")
        #expect(otherCaller.verdict.outcome == .applied)
        #expect(try await world.figures("A").received == 2)
    }

    @Test("A correction is a new version and leaves the timeliness of the first")
    func correction() async throws {
        let world = try await Self.one(today: "2024-11-05")
        try await world.submit("t", "p")
        world.clock.set(day("2024-11-20"))
        #expect(try await world.submit("t", "p", operation: "blind").refusal?.reason == "VERSION_CONFLICT")
        let second = try await world.submit("t", "p", base: 1, narrative: "sửa")
        #expect(second.verdict.obligation.state == .onTime)
        #expect(second.verdict.obligation.reportVersion == 2)
        let key = ObligationKey(period: month("2024-10"), team: "t", person: "p")
        #expect(try world.reporting.report(key, version: 1).narrative == "")
        #expect(try world.reporting.report(key, version: 0).narrative == "sửa")
    }

    @Test("A report of somebody not active is refused and kept for review, and answered the same again")
    func keptForReview() async throws {
        let world = try await Self.one()
        let result = try await world.submit("t", "stranger")
        #expect(result.verdict.outcome == .keptForReview)
        #expect(result.refusal?.reason == "NOT_ACTIVE_IN_PERIOD")
        #expect(try await world.submit("t", "stranger").verdict == result.verdict)
        let kept = try await world.reporting.reviews(month("2024-10"), nil, before: nil, limit: 10)
        #expect(kept.map(\.name) == [result.verdict.rejectedReport])
        #expect(kept.first?.report.person == "people/stranger")
    }

    @Test("A team cannot report where its members do, nor an unknown team, nor for a period that is not open")
    func refusals() async throws {
        let world = try await Self.one()
        #expect(try await world.submit("t").refusal?.reason == "WRONG_SUBJECT")
        #expect(try await world.submit("nobody").refusal?.reason == "TEAM_NOT_FOUND")
        #expect(try await world.submit("t", "p", period: "2023-01").refusal?.reason == "PERIOD_NOT_OPEN")
        #expect(
            try await world.submit("t", "p", on: "2030-01-01").refusal?.violations.map(\.field) == [
                "submission.report.declared_on"
            ])
        #expect(try await world.submit("t", "p", on: "2024-09-30").refusal?.reason == "DECLARED_TOO_EARLY")
        #expect(try await world.figures("A").received == 0)
    }

    @Test("Excused leaves the expected, and a report puts it back")
    func excused() async throws {
        let world = try await Self.one()
        let key = ObligationKey(period: month("2024-10"), team: "t", person: "p")
        let excused = try await world.reporting.keep { try Reporting.excuse(key, reason: "ốm", &$0) }
        #expect(try excused.get().state == .excused)
        var figures = try await world.figures("A")
        #expect(figures.expected == 1 && figures.excused == 1)
        try await world.submit("t", "p")
        figures = try await world.figures("A")
        #expect(figures.expected == 2 && figures.excused == 0 && figures.onTime == 1)
    }

    @Test("A waiver takes a unit's reports out of the expected, also of teams that come later")
    func waived() async throws {
        let world = try await Self.one()
        let waiver = Waiver(id: "w", period: month("2024-10"), unit: "dA", reason: "bão Yagi")
        try await world.waive(waiver)
        #expect(try await world.figures("A").waived == 2)
        try await world.team("late", .commune, in: "a2")
        try await world.member("r", of: "late")
        try await world.team("other", .commune, in: "b1")
        try await world.member("s", of: "other")
        try await world.settle()
        #expect(try await world.figures("A").waived == 3)
        #expect(try await world.figures("A").expected == 0)
        #expect(try await world.figures("A").completeness.percent == "")
        #expect(try await world.figures("vn").expected == 1)
    }

    @Test("Late facts: who joined owes, who left does not, a report of one who left is set aside with it")
    func lateFacts() async throws {
        let world = try await Self.one()
        try await world.submit("t", "p")
        try await world.member("late", of: "t", from: "2024-10-31")
        try await world.settle()
        #expect(try await world.figures("A").expected == 3)
        try await world.member("late", of: "t", from: "2024-11-01")
        try await world.member("p", of: "t", to: "2024-09-30")
        try await world.settle()
        var figures = try await world.figures("A")
        #expect(figures.expected == 1 && figures.received == 0)
        #expect(world.facts.newest["obligations/2024-10.t.p"]?.void == true)
        try await world.member("p", of: "t")
        try await world.settle()
        figures = try await world.figures("A")
        #expect(figures.expected == 2 && figures.received == 1)
        #expect(world.facts.gaps.withLock { $0 } == 0)
    }

    @Test("A team that moves takes its reports along, in the tree of each date")
    func moves() async throws {
        let world = try await Self.one()
        try await world.submit("t", "p")
        try await world.team(
            "t", .commune,
            placements: [
                .init(unit: "a1", days: range("2022-06-01", "2025-06-30")),
                .init(unit: "y", days: range("2025-07-01", nil)),
            ], active: [range("2022-06-01", nil)])
        try await world.settle()
        #expect(try await world.figures("a1").received == 1)
        #expect(try await world.figures("y", on: "2025-07-01").received == 1)
        #expect(try await world.figures("x", on: "2025-07-01").expected == 0)
        await #expect { try await world.figures("a1", on: "2025-07-01") } throws: {
            ($0 as? Refusal)?.reason == "UNIT_NOT_IN_FORCE"
        }
    }

    @Test(
        "A reverted reorganisation leaves the tree: its unit is unknown, those it had replaced have their reports again"
    )
    func reverted() async throws {
        let world = try await Self.one()
        try await world.submit("t", "p")
        #expect(try await world.figures("x", on: "2025-07-01").received == 1)

        try await world.units([SmallWorld.unit("a1", .commune, in: "dA"), SmallWorld.unit("dA", .district, in: "A")])
        try await world.bury("units/x")
        try await world.settle()
        await #expect { try await world.figures("x", on: "2025-07-01") } throws: {
            ($0 as? Refusal)?.reason == "UNIT_NOT_FOUND"
        }
        let back = try await world.figures("a1", on: "2025-07-01")
        #expect(back.expected == 2 && back.received == 1)
        let nation = try await world.figures(nil, on: "2025-07-01")
        #expect(nation.expected == 2 && nation.received == 1)

        // What is told of it afterwards brings it back.
        try await world.units(SmallWorld.units)
        #expect(try await world.figures("x", on: "2025-07-01").received == 1)
    }

    @Test("A report submitted before the reconciler came finds its obligation")
    func underived() async throws {
        let world = try await World(today: "2024-11-04")
        try await world.units(SmallWorld.units)
        _ = try await world.reporting.openPeriod(month("2024-10"))
        try await world.team("t", .commune, in: "a1")
        try await world.member("p", of: "t")
        #expect(try await world.submit("t", "p").verdict.outcome == .applied)
        try await world.settle()
        let figures = try await world.figures("A")
        #expect(figures.expected == 1 && figures.received == 1)
    }

    @Test("Steps of a report are taken in order, and returned still counts as received")
    func steps() async throws {
        let world = try await Self.one()
        try await world.submit("t", "p")
        let key = ObligationKey(period: month("2024-10"), team: "t", person: "p")
        func take(_ step: ReportStep, version: Int64 = 0) async throws -> Result<Cdt_Activity_V1_Report, Refusal> {
            try await world.reporting.keep { try Reporting.advance(key, step, version: version, by: "boss", &$0) }
        }
        await #expect(throws: Refusal.self) { try await take(.approve).get() }
        #expect(try await take(.endorse).get().state == .endorsed)
        #expect(try await take(.approve).get().state == .approved)
        let returned = try await take(.return(reason: "thiếu số liệu")).get()
        #expect(returned.stateReason == "thiếu số liệu")
        #expect(try await world.figures("A").received == 1)
        try await world.submit("t", "p", base: 1)
        await #expect(throws: Refusal.self) { try await take(.endorse, version: 1).get() }
        for step in [ReportStep.endorse, .approve, .accept] { _ = try await take(step, version: 2).get() }
        #expect(world.facts.newest["obligations/2024-10.t.p"]?.reportState == .accepted)
        await #expect(throws: Refusal.self) { try await take(.return(reason: "")).get() }
    }

    @Test("A date that cannot be read stops the feed and is not taken for an open end")
    func brokenFact() async throws {
        let world = try await Self.one()
        await #expect { try await world.member("s", of: "t", from: "01/10/2024") } throws: {
            "\($0)".contains("teams/t/memberships/s holds \"01/10/2024\"")
        }
        await #expect(throws: (any Error).self) { try await world.member("s", of: "t", to: "2024-13-01") }
    }

    @Test("Pages of obligations hold each once")
    func pages() async throws {
        let world = try await Self.tuanGiao()
        var seen: [String] = []
        var query = ObligationQuery(
            period: month("2024-10"), unit: "099", treeDate: day("2024-10-31"), states: [.missing], limit: 50)
        while true {
            let (page, next) = try await world.reporting.obligations(query)
            seen += page.map(\.name)
            guard let next else { break }
            query.after = next
        }
        #expect(seen.count == 367)
        #expect(Set(seen).count == 367)
    }
}
