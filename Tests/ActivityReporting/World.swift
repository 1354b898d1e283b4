import ChangeFeed
import Logging
import ServiceKit
import Shared
import Storage
import SwiftProtobuf
import Synchronization
import TestSupport

@testable import ActivityReporting

/// A service over a temporary database, fed as the Registry would feed it.
final class World: Sendable {
    let database: Database
    let clock: SettableClock
    let reporting: Reporting
    private let versions: Mutex<[String: Int64]>

    /// The service of another world, started again after its process is gone: only what was committed is left.
    init(restarting other: World) {
        (database, clock, facts) = (other.database, other.clock, other.facts)
        versions = Mutex(other.versions.withLock { $0 })
        reporting = Reporting(database: database, clock: clock.clock, feed: World.feed(facts))
    }

    private static func feed(_ told: Told) -> ActivityFeed {
        { news, _, cause, tx in
            tx.afterCommit { told.causes.withLock { _ = $0.insert(cause) } }
            switch news {
            case .obligation(let row): tx.afterCommit { told.add(row.fact, row.version) }
            case .difficulty(let row): tx.afterCommit { told.add(row.fact) }
            case .session(let row, let course): tx.afterCommit { told.add(row.fact(of: course), row.version) }
            }
        }
    }

    init(today: String = "2024-11-09") async throws {
        database = try await TestDatabase.open([Schema.migrations])
        clock = SettableClock(day(today))
        facts = Told()
        versions = Mutex([:])
        reporting = Reporting(database: database, clock: clock.clock, feed: World.feed(facts))
    }

    /// The newest fact of each obligation, and whether versions rose by one each time.
    final class Told: Sendable {
        private let state = Mutex<[String: (version: Int64, fact: Cdt_Activity_V1_ObligationFact)]>([:])
        let gaps = Mutex(0)
        /// `traceparent` of what was told.
        let causes = Mutex<Set<String>>([])

        func add(_ fact: Cdt_Activity_V1_ObligationFact, _ version: Int64) {
            state.withLock { state in
                if version != (state[fact.obligation]?.version ?? 0) + 1 { gaps.withLock { $0 += 1 } }
                state[fact.obligation] = (version, fact)
            }
        }
        var newest: [String: Cdt_Activity_V1_ObligationFact] { state.withLock { $0.mapValues(\.fact) } }

        private let told = Mutex<[Cdt_Activity_V1_DifficultyFact]>([])
        func add(_ fact: Cdt_Activity_V1_DifficultyFact) { told.withLock { $0.append(fact) } }
        var difficulties: [Cdt_Activity_V1_DifficultyFact] { told.withLock { $0 } }

        private let held = Mutex<[(version: Int64, fact: Cdt_Activity_V1_TrainingSessionFact)]>([])
        func add(_ fact: Cdt_Activity_V1_TrainingSessionFact, _ version: Int64) {
            held.withLock { $0.append((version, fact)) }
        }
        var sessions: [(version: Int64, fact: Cdt_Activity_V1_TrainingSessionFact)] { held.withLock { $0 } }
    }
    let facts: Told
    /// `traceparent` of the events that follow.
    let cause = Mutex("")

    // MARK: Facts

    private func next(_ aggregate: String) -> Int64 {
        versions.withLock { versions in
            versions[aggregate, default: 0] += 1
            return versions[aggregate, default: 0]
        }
    }

    func apply(_ aggregate: String, _ fact: some Message) async throws {
        let version = next(aggregate)
        let event = FeedEvent(
            sequence: 0, aggregate: aggregate, version: version, recordedAt: 0,
            traceparent: cause.withLock { $0 }, type: type(of: fact).protoMessageName,
            payload: try fact.serializedBytes())
        try await database.write { tx in
            try RegistryFeed.apply(event, in: tx)
        }
    }

    /// The aggregate is gone, as when the reorganisation that made a unit is reverted.
    func bury(_ aggregate: String) async throws {
        let event = FeedEvent(
            sequence: 0, aggregate: aggregate, version: next(aggregate), recordedAt: 0, type: "", payload: [],
            isTombstone: true)
        try await database.write { tx in try RegistryFeed.apply(event, in: tx) }
    }

    func units(_ records: [UnitRecord]) async throws {
        for record in records {
            try await apply(
                "units/\(record.id)",
                Cdt_Registry_V1_UnitFact.with { fact in
                    fact.unit.name = "units/\(record.id)"
                    fact.unit.level = .init(rawValue: record.level.rawValue) ?? .unspecified
                    fact.unit.code = record.code
                    fact.unit.displayName = record.name
                    fact.unit.validFrom = record.validity.from?.description ?? ""
                    fact.unit.validTo = record.validity.to?.description ?? ""
                    fact.unit.successors = record.successors.map { "units/\($0)" }
                    fact.placements = record.parents.map { parent in
                        .with {
                            $0.parent = "units/\(parent.unit)"
                            $0.from = parent.days.from?.description ?? ""
                            $0.to = parent.days.to?.description ?? ""
                        }
                    }
                })
        }
    }

    func team(
        _ id: String, _ level: TeamLevel, placements: [UnitRecord.Stretch], active: [DateRange]
    ) async throws {
        try await apply(
            "teams/\(id)",
            Cdt_Registry_V1_TeamFact.with { fact in
                fact.team = "teams/\(id)"
                fact.level = level == .commune ? .commune : .hamlet
                fact.displayName = "Tổ \(id)"
                fact.placements = placements.map { place in
                    .with {
                        $0.unit = "units/\(place.unit)"
                        $0.from = place.days.from?.description ?? ""
                        $0.to = place.days.to?.description ?? ""
                    }
                }
                fact.statusHistory = active.map { range in
                    .with {
                        $0.status = .active
                        $0.from = range.from?.description ?? ""
                        $0.to = range.to?.description ?? ""
                    }
                }
            })
    }

    /// A team that has been active in one unit since 2022.
    func team(_ id: String, _ level: TeamLevel, in unit: String, from: String = "2022-06-01") async throws {
        try await team(id, level, placements: [.init(unit: unit, days: range(from, nil))], active: [range(from, nil)])
    }

    func member(
        _ id: String, of team: String, person: String? = nil, from: String = "2022-06-01", to: String? = nil,
        void: Bool = false, occupation: Cdt_Registry_V1_Occupation = .unspecified, organisations: [String] = []
    ) async throws {
        let name = "teams/\(team)/memberships/\(id)"
        try await apply(
            name,
            Cdt_Registry_V1_MembershipFact.with {
                $0.membership = name
                $0.team = "teams/\(team)"
                $0.person = "people/\(person ?? id)"
                $0.role = .member
                $0.occupation = occupation
                $0.organisations = organisations
                $0.from = from
                $0.to = to ?? ""
                $0.void = void
            })
    }

    // MARK: Work

    /// Lets the reconciler do all it finds to do.
    func settle(chunk: Int = 250) async throws {
        var reconciler = reporting.reconciler(logger: Logger(label: "test"))
        reconciler.chunk = chunk
        while try await reconciler.step() {}
    }

    func open(_ period: String) async throws {
        _ = try await reporting.openPeriod(month(period))
        try await settle()
    }

    @discardableResult
    func submit(
        _ team: String, _ person: String = "", period: String = "2024-10", operation: String? = nil,
        on declared: String? = nil,
        base: Int64 = 0, caller: String = "tester", narrative: String = ""
    ) async throws -> SubmissionResult {
        let submission = reporting.submission(
            report(team, person, period: period, operation: operation, on: declared, base: base, narrative: narrative),
            caller: caller, field: "submission")
        return try await reporting.submit([submission])[0]
    }

    func waive(_ waiver: Waiver) async throws {
        try await reporting.keep { try Reporting.waive(waiver, decision: nil, by: "tester", $0) }.get()
        try await reporting.apply(waiver)
    }

    func report(
        _ team: String, _ person: String = "", period: String = "2024-10", operation: String? = nil,
        on declared: String? = nil,
        base: Int64 = 0, narrative: String = ""
    ) -> Cdt_Activity_V1_ReportSubmission {
        .with {
            $0.operationID = operation ?? "\(period) \(team) \(person) \(base)"
            $0.baseVersion = base
            $0.report.team = "teams/\(team)"
            $0.report.person = person.isEmpty ? "" : "people/\(person)"
            $0.report.period = period
            $0.report.narrative = narrative
            $0.report.source = declared == nil ? .api : .import
            $0.report.declaredOn = declared ?? ""
            $0.report.activities = [
                .with {
                    $0.skill = .onlinePayment
                    $0.beneficiary = .resident
                    $0.channel = .homeVisit
                    $0.count = 3
                }
            ]
        }
    }

    func figures(_ unit: String?, period: String = "2024-10", on date: String? = nil, level: TeamLevel? = nil)
        async throws
        -> Cdt_Activity_V1_Figures
    {
        try await reporting.figures(
            FigureQuery(
                period: month(period), unit: unit, treeDate: date.map(day) ?? month(period).lastDay, level: level)
        ).figures
    }
}

extension Reporting {
    @discardableResult
    func openPeriod(_ period: Month) async throws -> Cdt_Activity_V1_Period {
        try await keep { try self.openPeriod(period, $0) }.get()
    }

    @discardableResult
    func closePeriod(_ period: Month, by caller: String) async throws -> Cdt_Activity_V1_Period {
        try await keep { try self.closePeriod(period, by: caller, $0) }.get()
    }
}
