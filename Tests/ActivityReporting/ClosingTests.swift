import ServiceKit
import Shared
import Storage
import SwiftProtobuf
import TestSupport
import Testing

@testable import ActivityReporting

@Suite("Closed periods", .onBothEngines)
struct ClosingTests {
    /// October 2024 is open since 4/11/2024: it closes after 5/12/2024.
    static func world() async throws -> World {
        let world = try await AchievementTests.world()
        try await world.send("t", "p") {
            $0.count("opened", .flow, 10)
            $0.count("stores", .stock, 100)
        }
        try await world.submit("h")
        return world
    }

    @Test("What a closed month says stays: later facts no longer change it, and excuses and waivers are refused")
    func factsAfterClosing() async throws {
        let world = try await Self.world()
        world.clock.set(day("2024-12-05"))
        try await world.member("s", of: "t")
        try await world.settle()
        let last = try await world.figures("A")
        #expect(last.expected == 4)
        world.clock.set(day("2024-12-06"))
        #expect(try await world.reporting.period(month("2024-10")).closed)
        #expect(try await !world.reporting.period(month("2024-11")).closed)
        try await world.member("v", of: "t")
        try await world.member("p", of: "t", to: "2024-09-30")
        try await world.member("q", of: "t", void: true)
        try await world.settle()
        #expect(try await world.figures("A") == last)
        #expect(try await world.counter("opened", "A")?.value == 10)
        // November goes on: of p, q, s and v the first two have left.
        #expect(try await world.figures("a1", period: "2024-11", level: .commune).expected == 2)
        let key = ObligationKey(period: month("2024-10"), team: "t", person: "q")
        let excused = try await world.reporting.keep { try Reporting.excuse(key, reason: "ốm", &$0) }
        #expect(throws: Refusal.self) { try excused.get() }
        // Teams of a unit may have policies that close later: a waiver passes over those whose month is closed, and is
        // refused once no policy can leave it open.
        try await world.waive(Waiver(id: "w", period: month("2024-10"), unit: "A", reason: "bão"))
        #expect(try await world.figures("A") == last)
        world.clock.set(day("2024-12-31"))
        let late = Waiver(id: "late", period: month("2024-10"), unit: "A", reason: "bão")
        await #expect { try await world.waive(late) } throws: { ($0 as? Refusal)?.reason == "PERIOD_CLOSED" }
        #expect(try await world.figures("A") == last)
    }

    @Test("A correction for a closed month is an adjustment: it counts in the current month by what differs")
    func adjustment() async throws {
        let world = try await Self.world()
        world.clock.set(day("2024-12-06"))
        try await world.settle()
        let before = try await world.figures("A")
        let result = try await world.send("t", "p", base: 1) {
            $0.count("opened", .flow, 13)
            $0.count("stores", .stock, 80, why: "đếm trùng")
        }
        #expect(result.verdict.outcome == .applied)
        #expect(try await world.figures("A") == before)
        #expect(try await world.counter("opened", "A")?.value == 10)
        #expect(try await world.counter("stores", "A")?.value == 100)
        #expect(try await world.counter("opened", "A", period: "2024-12")?.value == 3)
        #expect(try await world.counter("stores", "A", period: "2024-12")?.value == 80)
        #expect(try await world.counter("opened", "A", period: "2024-12", from: "2024-10")?.value == 13)
        let stored = try world.reporting.report(
            ObligationKey(period: month("2024-10"), team: "t", person: "p"), version: 2)
        #expect(stored.countedIn == "2024-12")
    }

    @Test("A first report for a closed month is kept and counts in the current one; the month stays as it was closed")
    func firstReportAfterClosing() async throws {
        let world = try await Self.world()
        world.clock.set(day("2024-12-06"))
        try await world.settle()
        let before = try await world.figures("A")
        let result = try await world.send("t", "q") { $0.count("opened", .flow, 4) }
        #expect(result.verdict.outcome == .applied)
        #expect(result.verdict.obligation.state == .missing)
        #expect(result.verdict.obligation.reportVersion == 1)
        #expect(try await world.figures("A") == before)
        #expect(try await world.counter("opened", "A", period: "2024-12")?.value == 4)
    }

    @Test("A month can be closed by call once it has ended and all is derived; a long closing time is the policy's")
    func closing() async throws {
        let world = try await Self.world()
        func close(_ period: String) async -> String? {
            do {
                _ = try await world.reporting.closePeriod(month(period), by: "so-tttt")
                return nil
            } catch { return (error as? Refusal)?.reason }
        }
        #expect(await close("2024-11") == "PERIOD_NOT_ENDED")
        #expect(await close("2022-07") == "PERIOD_NOT_OPEN")
        try await world.member("s", of: "t")
        #expect(await close("2024-10") == "OBLIGATIONS_PENDING")
        try await world.settle()
        #expect(await close("2024-10") == nil)
        #expect(await close("2024-10") == nil)
        let closed = try await world.reporting.period(month("2024-10"))
        #expect(closed.closed && closed.closedBy == "so-tttt" && closed.hasCloseTime)
        try await world.member("v", of: "t")
        try await world.settle()
        #expect(try await world.figures("a1", level: .commune).expected == 3)
        #expect(try await world.figures("a1", period: "2024-11", level: .commune).expected == 4)
    }

    @Test("A policy cannot reach back into a closed month; from the first open one on it can")
    func policyForClosedPeriod() async throws {
        let world = try await Self.world()
        world.clock.set(day("2024-12-06"))
        try await world.settle()
        let before = try await world.figures("A")
        func set(_ unit: String, from: String) async throws -> Result<Cdt_Activity_V1_ReportingPolicy, Refusal> {
            let now = world.clock.now
            return try await world.database.write { [reporting = world.reporting] tx in
                try reporting.setPolicy(
                    .with {
                        $0.jurisdiction = "units/\(unit)"
                        $0.validFrom = from
                        $0.communeTeamSubject = .team
                        $0.hamletTeamSubject = .member
                        $0.closingDays = 365
                    }, id: UUIDv7.next(at: now), in: tx, now: now)
            }
        }
        for unit in ["A", "vn", "h"] {
            guard case .failure(let refusal) = try await set(unit, from: "2024-10-01") else {
                Issue.record("\(unit) took a policy for a closed month")
                continue
            }
            #expect(refusal.reason == "POLICY_IN_CLOSED_PERIOD")
            #expect(refusal.metadata["validFrom"] == "2024-11-01" && refusal.metadata["period"] == "2024-10")
        }
        _ = try await set("A", from: "2024-11-01").get()
        try await world.member("v", of: "t")
        try await world.settle()
        #expect(try await world.figures("A") == before)
        #expect(try await world.figures("a1", period: "2024-11", level: .commune).expected == 1)
    }

    @Test("Where periods begin in mid-month, an adjustment counts in the period that runs, not in the calendar month")
    func adjustmentInTheRunningPeriod() async throws {
        let world = try await World(today: "2024-12-10")
        try await world.units(SmallWorld.units)
        try await world.team("t", .commune, in: "a1")
        try await world.member("p", of: "t")
        let now = world.clock.now
        let set = try await world.database.write { [reporting = world.reporting] tx in
            try reporting.setPolicy(
                .with {
                    $0.jurisdiction = "units/A"
                    $0.validFrom = "2024-08-16"
                    $0.startDay = 16
                    $0.communeTeamSubject = .member
                    $0.hamletTeamSubject = .team
                    $0.closingDays = 10
                }, id: UUIDv7.next(at: now), in: tx, now: now)
        }
        _ = try set.get()
        for period in ["2024-10", "2024-11", "2024-12"] { _ = try await world.reporting.openPeriod(month(period)) }
        try await world.settle()
        world.clock.set(day("2024-12-27"))
        try await world.settle()
        // The period named by January runs from 16/12 on.
        let result = try await world.send("t", "p") { $0.count("opened", .flow, 4) }
        #expect(result.verdict.outcome == .applied)
        #expect(try await world.counter("opened", "A", period: "2024-12", from: "2024-10") == nil)
        #expect(try await world.counter("opened", "A", period: "2025-01")?.value == 4)
    }

    @Test("Where the policy says so, a month stays open longer than elsewhere")
    func closingDaysOfAPolicy() async throws {
        let world = try await Self.world()
        let now = world.clock.now
        let set = try await world.database.write { [reporting = world.reporting] tx in
            try reporting.setPolicy(
                .with {
                    $0.jurisdiction = "units/A"
                    $0.validFrom = "2024-10-01"
                    $0.communeTeamSubject = .member
                    $0.hamletTeamSubject = .team
                    $0.graceDays = 3
                    $0.closingDays = 60
                }, id: UUIDv7.next(at: now), in: tx, now: now)
        }
        #expect(try set.get().closingDays == 60)
        try await world.settle()
        world.clock.set(day("2025-01-04"))
        try await world.member("s", of: "t")
        try await world.member("w", of: "u")
        try await world.settle()
        #expect(try await world.figures("a1", level: .commune).expected == 3)
        #expect(try await world.figures("b1").expected == 1)
    }
}
