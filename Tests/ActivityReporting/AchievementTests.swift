import ServiceKit
import Shared
import Storage
import SwiftProtobuf
import TestSupport
import Testing

@testable import ActivityReporting

extension World {
    typealias Report = Cdt_Activity_V1_Report

    /// Submits a report as a closure fills it.
    @discardableResult
    func send(
        _ team: String, _ person: String = "", period: String = "2024-10", base: Int64 = 0, operation: String? = nil,
        _ fill: (inout Report) -> Void
    ) async throws -> SubmissionResult {
        var message = report(
            team, person, period: period, operation: operation ?? "\(period) \(team) \(person) \(base)", base: base)
        message.report.activities = []
        fill(&message.report)
        return try await reporting.submit([reporting.submission(message, caller: "tester", field: "submission")])[0]
    }

    func achievements(_ unit: String?, period: String = "2024-10", from: String? = nil, on date: String? = nil)
        async throws -> Cdt_Activity_V1_Achievements
    {
        try await reporting.achievements(
            AchievementQuery(
                figures: FigureQuery(
                    period: month(period), unit: unit, treeDate: date.map(day) ?? month(period).lastDay),
                from: month(from ?? period)))
    }

    func counter(
        _ code: String, _ unit: String?, period: String = "2024-10", from: String? = nil, on date: String? = nil
    )
        async throws -> Cdt_Activity_V1_CounterSum?
    {
        try await achievements(unit, period: period, from: from, on: date).counters.first { $0.code == code }
    }
}

extension Cdt_Activity_V1_Report {
    mutating func count(
        _ code: String, _ kind: Cdt_Activity_V1_CounterKind, _ value: Int64,
        _ qualifier: Cdt_Common_V1_Qualifier = .exact, why: String = ""
    ) {
        counters.append(
            .with {
                $0.code = code
                $0.kind = kind
                $0.value = value
                $0.qualifier = qualifier
                $0.explanation = why
            })
    }

    mutating func help(_ skill: Cdt_Activity_V1_Skill, _ count: Int64, platform: String = "") {
        activities.append(
            .with {
                $0.skill = skill
                $0.beneficiary = .household
                $0.channel = .homeVisit
                $0.platform = platform
                $0.count = count
            })
    }

    mutating func meet(
        _ kind: Cdt_Activity_V1_DifficultyKind, _ severity: Cdt_Activity_V1_Severity = .medium, text: String = ""
    ) {
        difficulties.append(
            .with {
                $0.kind = kind
                $0.severity = severity
                $0.text = text
            })
    }
}

@Suite("What was achieved", .onBothEngines)
struct AchievementTests {
    /// Commune teams t (a1, two members) and u (b1, one member), a hamlet team h in a1.
    static func world(today: String = "2024-11-04") async throws -> World {
        let world = try await World(today: today)
        try await world.units(
            SmallWorld.units + [
                UnitRecord(
                    id: "h", level: .hamlet, name: "Bản H",
                    parents: [
                        .init(unit: "a1", days: range(nil, "2025-06-30")),
                        .init(unit: "x", days: range("2025-07-01", nil)),
                    ])
            ])
        try await world.team("t", .commune, in: "a1")
        try await world.team("u", .commune, in: "b1")
        try await world.team("h", .hamlet, in: "h")
        for (person, team) in [("p", "t"), ("q", "t"), ("r", "u")] { try await world.member(person, of: team) }
        for period in ["2024-09", "2024-10", "2024-11"] {
            _ = try await world.reporting.openPeriod(month(period))
        }
        try await world.settle()
        return world
    }

    @Test("Activities and flows are summed at every ancestor as soon as the call returns")
    func flows() async throws {
        let world = try await Self.world()
        try await world.send("t", "p") {
            $0.help(.onlinePayment, 7)
            $0.help(.onlinePayment, 2)
            $0.help(.localPlatform, 5, platform: "vneid")
            $0.count("accounts", .flow, 8_140, .atLeast)
        }
        try await world.send("t", "q") { $0.help(.onlinePayment, 1) }
        try await world.send("u", "r") { $0.count("accounts", .flow, 60) }
        try await world.send("h") {
            $0.help(.onlineShopping, 4)
            $0.meet(.infrastructure, .high)
        }
        for unit in ["a1", "dA", "A"] {
            let sums = try await world.achievements(unit)
            #expect(sums.activities.count == 3)
            #expect(sums.activities.first { $0.skill == .onlinePayment }?.count == 10)
            #expect(sums.activities.first { $0.skill == .onlinePayment }?.reports == 2)
            #expect(sums.activities.first { $0.skill == .localPlatform }?.platform == "vneid")
            #expect(sums.counters.first?.value == 8_140)
            #expect(sums.difficulties.map(\.kind) == [.infrastructure])
        }
        let nation = try await world.counter("accounts", nil)
        #expect(nation?.value == 8_200)
        #expect(nation?.qualifier == .atLeast)
        #expect(nation?.values == 2 && nation?.atLeastValues == 1)
        let hamlet = try await world.achievements("h")
        #expect(hamlet.activities.map(\.count) == [4])
        #expect(hamlet.difficulties.first?.severity == .high)
        // The same month in the tree of today: provinces A and B have become one.
        #expect(try await world.counter("accounts", "AB", on: "2025-07-01")?.value == 8_200)
        #expect(try await world.counter("accounts", "x", on: "2025-07-01")?.value == 8_140)
        let below = try await world.reporting.achievementsBelow(
            AchievementQuery(
                figures: FigureQuery(period: month("2024-10"), unit: nil, treeDate: day("2024-10-31")),
                from: month("2024-10")), level: .province, offset: 0, limit: 10)
        #expect(below.isLast)
        #expect(below.children.compactMap { $0.counters.first?.value }.sorted() == [60, 8_140])
    }

    @Test("Flows add up over periods, stocks are the last value of each subject, and neither is made of the other")
    func stocksAndFlows() async throws {
        let world = try await Self.world()
        try await world.send("t", "p", period: "2024-09") {
            $0.count("stores", .stock, 100)
            $0.count("opened", .flow, 10)
        }
        try await world.send("u", "r", period: "2024-09") { $0.count("stores", .stock, 40, .nearly) }
        try await world.send("t", "p", period: "2024-10") {
            $0.count("stores", .stock, 110)
            $0.count("opened", .flow, 5)
        }
        try await world.send("t", "q", period: "2024-10") { $0.count("stores", .stock, 1) }
        #expect(try await world.counter("stores", nil, period: "2024-09")?.value == 140)
        let october = try await world.counter("stores", nil, from: "2024-09")
        #expect(october?.value == 151)
        #expect(october?.kind == .stock)
        #expect(october?.qualifier == .nearly)
        #expect(october?.values == 3)
        #expect(try await world.counter("stores", nil, period: "2024-11")?.value == 151)
        #expect(try await world.counter("opened", nil)?.value == 5)
        #expect(try await world.counter("opened", nil, from: "2024-09")?.value == 15)
        #expect(try await world.counter("opened", nil, period: "2024-11") == nil)
    }

    @Test("A correction replaces what it corrects; a report of one who left no longer counts, and counts again")
    func correctionsAndLateFacts() async throws {
        let world = try await Self.world()
        try await world.send("t", "p") {
            $0.help(.onlinePayment, 7)
            $0.count("stores", .stock, 100)
        }
        try await world.send("t", "p", base: 1) { $0.count("stores", .stock, 90) }
        #expect(try await world.achievements("A").activities.isEmpty)
        #expect(try await world.counter("stores", "A")?.value == 90)
        try await world.member("p", of: "t", to: "2024-09-30")
        try await world.settle()
        #expect(try await world.achievements("vn").counters.isEmpty)
        try await world.member("p", of: "t")
        try await world.settle()
        #expect(try await world.counter("stores", "vn")?.value == 90)
    }

    @Test("A team that moves takes what it achieved along")
    func moves() async throws {
        let world = try await Self.world()
        try await world.send("t", "p") {
            $0.count("opened", .flow, 10)
            $0.count("stores", .stock, 100)
        }
        try await world.team("t", .commune, in: "b1")
        try await world.settle()
        #expect(try await world.achievements("A").counters.isEmpty)
        #expect(try await world.counter("opened", "B")?.value == 10)
        #expect(try await world.counter("stores", "B")?.value == 100)
        #expect(try await world.counter("stores", nil)?.value == 100)
    }

    @Test("What an earlier release has stored is summed once the periods are derived again")
    func earlierRelease() async throws {
        let world = try await Self.world()
        try await world.send("t", "p") {
            $0.count("opened", .flow, 10)
            $0.count("stores", .stock, 100)
        }
        try await world.database.write { tx in
            try tx.execute("DELETE FROM achievements")
            try tx.execute("DELETE FROM stocks")
            try tx.execute("UPDATE obligations SET summed = 0")
            try PeriodStore.deriveAgain(in: tx)
        }
        try await world.settle(chunk: 2)
        #expect(try await world.counter("opened", "A")?.value == 10)
        #expect(try await world.counter("stores", "A")?.value == 100)
    }

    @Test(
        "Half of the households with a store or an account: the share of each period, its parts, and the day it was reached"
    )
    func indicator() async throws {
        let world = try await Self.world(today: "2024-12-03")
        for (period, either, stores, accounts) in [
            ("2024-09", 499, 300, 250), ("2024-10", 500, 300, 251), ("2024-11", 480, 280, 250),
        ] as [(String, Int64, Int64, Int64)] {
            try await world.send("t", "p", period: period) {
                $0.count("households", .stock, 1_000)
                $0.count("either", .stock, either, why: "rà soát lại")
                $0.count("stores", .stock, stores, why: "rà soát lại")
                $0.count("accounts", .stock, accounts, why: "rà soát lại")
            }
        }
        let query = IndicatorQuery(
            figures: FigureQuery(period: month("2024-11"), unit: "A", treeDate: day("2024-11-30")), numerator: "either",
            denominator: "households", parts: ["stores", "accounts"], isStock: true, threshold: 5_000)
        let reply = try await world.reporting.indicator(query)
        #expect(reply.points.map(\.period) == ["2024-09", "2024-10", "2024-11"])
        #expect(reply.points.map(\.reached) == [false, true, false])
        #expect(reply.points.map(\.ratio.percent) == ["49.90", "50.00", "48.00"])
        #expect(reply.points[1].parts.map(\.numerator) == [300, 251])
        #expect(reply.reachedOn == "2024-10-31")
        var elsewhere = query
        elsewhere.figures.unit = "B"
        #expect(try await world.reporting.indicator(elsewhere).points.isEmpty)
    }
}
