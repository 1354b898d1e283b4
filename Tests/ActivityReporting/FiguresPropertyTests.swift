import Logging
import ServiceKit
import Shared
import Storage
import SwiftProtobuf
import Synchronization
import TestSupport
import Testing

@testable import ActivityReporting

/// What the service should say, counted day by day and report by report from the facts alone.
struct Oracle {
    struct Team {
        var level: TeamLevel
        var placements: [UnitRecord.Stretch]
        var active: [DateRange]
    }
    struct Membership {
        var team: String
        var person: String
        var days: DateRange
        var void: Bool
    }
    struct Key: Hashable {
        var period: Month
        var team: String
        var person: String
    }

    var teams: [String: Team] = [:]
    var memberships: [String: Membership] = [:]
    /// From a province's policy: hamlet teams per member, due on the 10th without grace.
    var memberPolicyIn: [String: LocalDate] = [:]
    var received: [Key: LocalDate] = [:]
    /// What the newest version of each report tells.
    var told: [Key: (helped: Int64, flow: Int64?, stock: Int64?)] = [:]
    var excused: Set<Key> = []
    var waived: [(period: Month, unit: String)] = []

    /// Province and commune of a unit by hand, not by the service's tree.
    static func ancestors(_ team: Team, on date: LocalDate) -> [String] {
        let placement = team.placements.last { ($0.days.from ?? .distantPast) <= date } ?? team.placements[0]
        var unit = placement.unit
        if unit.hasPrefix("h") {
            unit =
                date < SmallWorld.reform
                ? ["a1", "b1"][Int(unit.suffix(1))! % 2] : ["x", "y"][Int(unit.suffix(1))! % 2]
        }
        if date < SmallWorld.reform {
            switch unit {
            case "a1", "a2": return [unit, "dA", "A", "vn"]
            case "b1": return [unit, "dB", "B", "vn"]
            case "b2": return (date <= day("2024-10-31") ? ["b2"] : []) + ["dB", "B", "vn"]
            case "c1": return ["c1", "C", "vn"]
            default: return ["vn"]
            }
        }
        switch unit {
        case "a1", "a2", "x": return ["x", "AB", "vn"]
        case "b1", "y": return ["y", "AB", "vn"]
        case "b2": return ["AB", "vn"]
        default: return ["c1", "C", "vn"]
        }
    }

    /// Whether a subject owes a report, day by day.
    func owes(_ key: Key) -> Bool {
        guard let team = teams[key.team] else { return false }
        let above = Self.ancestors(team, on: key.period.firstDay)
        let special = above.contains { unit in memberPolicyIn[unit].map { $0 <= key.period.firstDay } ?? false }
        guard key.person.isEmpty == (team.level == .hamlet && !special) else { return false }
        return (0..<key.period.length).contains { offset in
            let date = key.period.firstDay.adding(days: offset)
            return team.active.contains { $0.contains(date) }
                && (key.person.isEmpty
                    || memberships.values.contains {
                        $0.team == key.team && $0.person == key.person && !$0.void && $0.days.contains(date)
                    })
        }
    }

    /// What was achieved under a unit: helped and flow in the period, stock at its end.
    func achieved(_ unit: String, _ period: Month, treeDate: LocalDate) -> [Int64] {
        var sums: [Int64] = [0, 0, 0]
        for (id, team) in teams where Self.ancestors(team, on: treeDate).contains(unit) {
            let standing = told.filter { $0.key.team == id && $0.key.period <= period && owes($0.key) }
            for (key, content) in standing where key.period == period {
                sums[0] += content.helped
                sums[1] += content.flow ?? 0
            }
            let stocks = standing.filter { $0.value.stock != nil }
            guard let latest = stocks.keys.map(\.period).max() else { continue }
            let asTeam = stocks.keys.contains { $0.period == latest && $0.person.isEmpty }
            for person in Set(stocks.keys.map(\.person)) where person.isEmpty == asTeam {
                sums[2] +=
                    stocks.filter { $0.key.person == person }.max { $0.key.period < $1.key.period }?.value.stock ?? 0
            }
        }
        return sums
    }

    func score(_ unit: String, _ period: Month, treeDate: LocalDate, today: LocalDate) -> Score {
        var score = Score()
        for (id, team) in teams where Self.ancestors(team, on: treeDate).contains(unit) {
            let above = Self.ancestors(team, on: period.firstDay)
            let special = above.contains { unit in memberPolicyIn[unit].map { $0 <= period.firstDay } ?? false }
            let dueOn = period.next.day(special ? 10 : 5)
            let graceUntil = special ? dueOn : dueOn.adding(days: 3)
            var people: [String: Int] = [:]
            for day in 0..<period.length {
                let date = period.firstDay.adding(days: day)
                guard team.active.contains(where: { $0.contains(date) }) else { continue }
                if team.level == .hamlet && !special {
                    people["", default: 0] += 1
                } else {
                    for person in Set(
                        memberships.values.filter { $0.team == id && !$0.void && $0.days.contains(date) }.map(\.person))
                    {
                        people[person, default: 0] += 1
                    }
                }
            }
            for person in people.keys {
                let key = Key(period: period, team: id, person: person)
                let waived = self.waived.contains {
                    $0.period == period && Self.ancestors(team, on: period.lastDay).contains($0.unit)
                }
                if waived {
                    score.tally.waived += 1
                } else if let on = received[key] {
                    score.tally.expected += 1
                    score.tally.received += 1
                    if on <= dueOn { score.tally.onTime += 1 } else { score.tally.late += 1 }
                } else if excused.contains(key) {
                    score.tally.excused += 1
                } else {
                    score.tally.expected += 1
                    if today <= period.lastDay {
                        score.notDue += 1
                    } else if today <= graceUntil {
                        score.due += 1
                    } else {
                        score.missing += 1
                    }
                }
            }
        }
        return score
    }
}

@Suite("Figures equal a recount of the raw facts", .ownThread, .onBothEngines)
struct FiguresPropertyTests {
    static let periods = ["2024-09", "2024-10", "2024-11"].map(month)

    /// The process ends in the middle of a write.
    struct Crash: Error {}

    @Test("after any interleaving of late facts, reports, policies, waivers and crashes", arguments: 1...12)
    func recount(_ seed: Int) async throws {
        var random = SeededGenerator(seed: UInt64(seed))
        var world = try await World(today: "2024-11-07")
        try await world.units(SmallWorld.units)
        try await world.units(
            (0..<4).map { i in
                UnitRecord(
                    id: "h\(i)", level: .hamlet, name: "Bản \(i)",
                    parents: [
                        .init(unit: ["a1", "b1"][i % 2], days: range(nil, "2025-06-30")),
                        .init(unit: ["x", "y"][i % 2], days: range("2025-07-01", nil)),
                    ])
            })
        var oracle = Oracle()
        for period in Self.periods { _ = try await world.reporting.openPeriod(period) }
        func randomDay() -> LocalDate { day("2024-08-25").adding(days: .random(in: 0..<110, using: &random)) }
        func randomRange() -> DateRange {
            let from = randomDay()
            return DateRange(
                from: Bool.random(using: &random) ? day("2022-06-01") : from,
                to: Bool.random(using: &random) ? nil : from.adding(days: .random(in: 0..<40, using: &random)))
        }
        // The first rounds set up every team and half of the members; then everything goes.
        for round in 0..<140 {
            switch round < 8 ? 0 : round < 28 ? 2 : Int.random(in: 0..<18, using: &random) {
            case 0, 1:
                let id = "t\(round < 8 ? round : Int.random(in: 0..<8, using: &random))"
                let isHamlet = id >= "t4"
                let units = isHamlet ? ["h0", "h1", "h2", "h3"] : ["a1", "a2", "b1", "b2", "c1"]
                var placements = [
                    UnitRecord.Stretch(
                        unit: units.randomElement(using: &random)!, days: range("2022-06-01", "2025-06-30"))
                ]
                placements.append(
                    Bool.random(using: &random)
                        ? .init(unit: placements[0].unit, days: range("2025-07-01", nil))
                        : .init(
                            unit: (isHamlet ? units : ["x", "y", "c1"]).randomElement(using: &random)!,
                            days: range("2025-07-01", nil)))
                let team = Oracle.Team(
                    level: isHamlet ? .hamlet : .commune, placements: placements,
                    active: Bool.random(using: &random) ? [range("2022-06-01", nil)] : [randomRange()])
                oracle.teams[id] = team
                try await world.team(id, team.level, placements: team.placements, active: team.active)
            case 2, 3, 4, 5:
                let id = "m\(round < 28 ? round - 8 : Int.random(in: 0..<20, using: &random))"
                let membership = Oracle.Membership(
                    team: "t\(Int(id.dropFirst())! % 8)", person: "p\(Int(id.dropFirst())! % 13)", days: randomRange(),
                    void: Int.random(in: 0..<8, using: &random) == 0)
                oracle.memberships[id] = membership
                try await world.member(
                    id, of: membership.team, person: membership.person, from: membership.days.from!.description,
                    to: membership.days.to?.description, void: membership.void)
            case 6, 7, 8, 12, 13, 14, 15:
                let period = Self.periods.randomElement(using: &random)!
                var key = Oracle.Key(
                    period: period, team: "t\(Int.random(in: 0..<8, using: &random))",
                    person: Bool.random(using: &random) ? "" : "p\(Int.random(in: 0..<13, using: &random))")
                // Mostly one that is owed, as far as is known by now.
                if Int.random(in: 0..<5, using: &random) > 0 {
                    let known = try await world.database.readPooled {
                        try ObligationStore.list(period, from: "t0", through: "t9", in: $0).map(\.key)
                    }
                    if let one = known.randomElement(using: &random) {
                        key = Oracle.Key(period: one.period, team: one.team, person: one.person)
                    }
                }
                let on = min(key.period.next.day(.random(in: 1...12, using: &random)), world.clock.clock.today)
                // A report cannot have been received before its period began.
                if on < key.period.firstDay { continue }
                // Every other time a correction of what is there.
                let name = ObligationKey(period: key.period, team: key.team, person: key.person)
                let known = try await world.database.readPooled { try ObligationStore.get(name, in: $0)?.reportVersion }
                let base = Bool.random(using: &random) ? known ?? 0 : 0
                var message = world.report(
                    key.team, key.person, period: key.period.description, operation: "op\(round)", on: on.description,
                    base: base)
                let helped = Int64.random(in: 1..<9, using: &random)
                let flow = Bool.random(using: &random) ? Int64.random(in: 0..<9, using: &random) : nil
                let stock = Bool.random(using: &random) ? Int64.random(in: 0..<99, using: &random) : nil
                message.report.activities[0].count = helped
                if let flow { message.report.count("flow", .flow, flow) }
                if let stock { message.report.count("stock", .stock, stock) }
                let submission = world.reporting.submission(message, caller: "tester", field: "")
                if Int.random(in: 0..<6, using: &random) == 0 {
                    // Taken in, and the process ends before the commit; the sender then sends it again.
                    let (reporting, now, feed) = (world.reporting, world.clock.now, world.reporting.feed)
                    await #expect(throws: Crash.self) {
                        try await world.database.write { tx in
                            var desk = ReportDesk(
                                ObligationKeeper(tx, now: now, maps: reporting.maps, slot: 0, feed: feed),
                                platforms: reporting.platforms)
                            _ = try desk.take(submission)
                            try desk.finish()
                            throw Crash()
                        }
                    }
                    world = World(restarting: world)
                }
                let result = try await world.reporting.submit([submission])[0]
                if result.verdict.outcome == .applied {
                    if oracle.received[key] == nil { oracle.received[key] = on }
                    oracle.told[key] = (helped, flow, stock)
                }
            case 9:
                let key = Oracle.Key(
                    period: Self.periods.randomElement(using: &random)!,
                    team: "t\(Int.random(in: 0..<4, using: &random))",
                    person: "p\(Int.random(in: 0..<13, using: &random))")
                let name = ObligationKey(period: key.period, team: key.team, person: key.person)
                let excused = try await world.reporting.keep { try Reporting.excuse(name, reason: "r", &$0) }
                if case .success = excused { oracle.excused.insert(key) }
            case 10:
                let unit = ["A", "B", "C", "dA", "b1"].randomElement(using: &random)!
                guard oracle.memberPolicyIn[unit] == nil else { continue }
                let from = day(["2024-01-01", "2024-10-01", "2024-11-01"].randomElement(using: &random)!)
                let now = world.clock.now
                let set = try await world.database.write { [reporting = world.reporting] tx in
                    try reporting.setPolicy(
                        .with {
                            $0.jurisdiction = "units/\(unit)"
                            $0.validFrom = from.description
                            $0.communeTeamSubject = .member
                            $0.hamletTeamSubject = .member
                            $0.dueDay = 10
                        }, id: UUIDv7.next(at: now), in: tx, now: now)
                }
                _ = try set.get()
                oracle.memberPolicyIn[unit] = from
            case 16, 17:
                // Between two transactions: whatever was not derived by then is derived by the next process.
                world = World(restarting: world)
            default:
                guard oracle.waived.count < 2 else { continue }
                let period = Self.periods.randomElement(using: &random)!
                let unit = ["a2", "dB", "c1"].randomElement(using: &random)!
                let waiver = Waiver(id: "w\(round)", period: period, unit: unit, reason: "bão")
                try await world.waive(waiver)
                oracle.waived.append((period, unit))
            }
            // Sometimes the reconciler gets to part of the work, sometimes to none.
            if Int.random(in: 0..<3, using: &random) == 0 {
                var reconciler = world.reporting.reconciler(logger: .init(label: "test"))
                reconciler.chunk = 2
                _ = try await reconciler.step()
            }
        }
        try await world.settle(chunk: 3)
        var seen = Score()
        var achieved: [Int64] = [0, 0, 0]
        for today in ["2024-10-31", "2024-11-07", "2024-12-20"] {
            world.clock.set(day(today))
            for period in Self.periods {
                for (date, units) in [
                    (period.lastDay, ["vn", "A", "B", "C", "dA", "dB", "a1", "a2", "b1", "c1"]),
                    (day("2025-07-01"), ["vn", "AB", "C", "x", "y", "c1"]),
                ] {
                    for unit in units {
                        let figures = try await world.figures(unit, period: period.description, on: date.description)
                        var found = Score()
                        found.tally = Tally(
                            expected: Int(figures.expected), received: Int(figures.received),
                            onTime: Int(figures.onTime), late: Int(figures.late), excused: Int(figures.excused),
                            waived: Int(figures.waived))
                        found.missing = Int(figures.missing)
                        found.due = Int(figures.due)
                        found.notDue = Int(figures.notDue)
                        let expected = oracle.score(unit, period, treeDate: date, today: day(today))
                        seen.tally += found.tally
                        #expect(found == expected, "seed \(seed), \(unit), \(period) on \(date), today \(today)")
                        let sums = try await world.achievements(unit, period: period.description, on: date.description)
                        let recounted = oracle.achieved(unit, period, treeDate: date)
                        let counted: [Int64] = [
                            sums.activities.reduce(Int64(0)) { $0 + $1.count },
                            sums.counters.first { $0.code == "flow" }?.value ?? 0,
                            sums.counters.first { $0.code == "stock" }?.value ?? 0,
                        ]
                        #expect(counted == recounted, "seed \(seed), \(unit), \(period) on \(date)")
                        achieved = zip(achieved, counted).map(+)
                    }
                }
            }
        }
        // A world in which nothing happens proves nothing.
        #expect(seen.tally.expected > 0 && seen.tally.onTime > 0)
        #expect(achieved[0] > 0)
        #expect(world.facts.gaps.withLock { $0 } == 0)
    }
}
