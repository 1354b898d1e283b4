import ChangeFeed
import FundingPolicy
import Logging
import RPC
import ServiceKit
import Shared
import Storage
import SwiftProtobuf
import Synchronization
import TestSupport
import Testing

@Suite(.onBothEngines) struct RunTests {
    private func october(_ unit: String = "units/ht") -> Cdt_Funding_V1_StartRunRequest {
        .with {
            $0.unit = unit
            $0.fromMonth = "2024-10"
        }
    }

    private func manyTeams(_ count: Int) -> [any Message] {
        (0..<count).map { index in
            Fixture.team(String(format: index), in: "ht", level: index % 4 == 0 ? .commune : .hamlet)
        }
    }

    @Test func runsWaitForFactsWithoutGaps() async throws {
        let service = try await Fixture()
        try await service.apply(manyTeams(2))
        let hasFacts = Atomic(false)
        let outbox = try await Outbox.open([RunWorker.topic], in: service.database)
        let worker = RunWorker(
            database: service.database, outbox: outbox, clock: service.clock.clock, freshness: { Fixture.freshness },
            isComplete: { hasFacts.load(ordering: .relaxed) }, logger: Logger(label: "test"))
        let name = try await service.runs.start(october(), caller: "", key: nil).run.name
        await worker.computeAll()
        #expect(try service.runs.get(.with { $0.name = name }).run.state == .running)
        hasFacts.store(true, ordering: .relaxed)
        await worker.computeAll()
        #expect(try service.runs.get(.with { $0.name = name }).run.state == .computed)
    }

    @Test func aMonthIsComputedStoredAndRepeatable() async throws {
        let service = try await Fixture()
        try await service.apply(manyTeams(1300))
        try await service.apply([Fixture.team("undecided", in: "ht", decision: nil), Fixture.team("other", in: "yb")])
        let run = try await service.run(october())
        #expect(run.state == .computed)
        #expect(run.amountDong == 1300 * 600_000)
        #expect(run.lineCount == 1301)
        #expect(run.teamsDone == run.teamsTotal)
        #expect(run.freshness == Fixture.freshness)
        let total = try #require(run.totals.first)
        #expect(total.policy == "policies/ha-tinh-119-2023")
        #expect(total.teamsPaid == 1300)
        #expect(total.teamsConsidered == 1301)
        #expect(total.communeTeamAmountDong == 325 * 600_000)
        #expect(total.reasons.map(\.reason) == [.notEstablished])
        // All 1,300 sit on one hamlet and one commune: each is paid, and the run says so.
        #expect(total.teamsToConsolidate == 1300)

        let again = try await service.run(october())
        #expect(again.state == .unchanged)
        #expect(again.sameAs == run.name)
        #expect(again.snapshotHash == run.snapshotHash)
        let stored = try service.database.read { try $0.count("SELECT count(*) FROM run_lines") }
        #expect(stored == 1301)
    }

    @Test func aCorrectionInsideTheMonthMakesANewRunAndOneOutsideDoesNot() async throws {
        let service = try await Fixture()
        try await service.apply(manyTeams(3))
        let first = try await service.run(october())
        var corrected = Fixture.team("0000", in: "ht", level: .commune)
        corrected.statusHistory[0].to = "2025-03-31"
        try await service.apply([corrected])
        #expect(try await service.run(october()).state == .unchanged)
        corrected.statusHistory[0].to = "2024-10-20"
        try await service.apply([corrected])
        let later = try await service.run(october())
        #expect(later.state == .computed)
        #expect(later.amountDong == first.amountDong)
        #expect(later.snapshotHash != first.snapshotHash)
        // What was computed stays as it was.
        #expect(try service.runs.get(.with { $0.name = first.name }).run == first)
    }

    @Test func linesComeInPagesInTheirOrderWithTheFactsKept() async throws {
        let service = try await Fixture()
        try await service.apply(manyTeams(7))
        let run = try await service.run(
            .with {
                $0.fromMonth = "2024-10"
                $0.toMonth = "2024-11"
            })
        // The team is dissolved afterwards; the run keeps the facts it used.
        var corrected = Fixture.team("0000", in: "ht", level: .commune)
        corrected.statusHistory[0].to = "2024-01-31"
        corrected.displayName = "another name"
        try await service.apply([corrected])
        var request = Cdt_Funding_V1_ListRunLinesRequest.with {
            $0.run = run.name
            $0.pageSize = 4
            $0.explain = true
        }
        var lines: [Cdt_Funding_V1_EntitlementLine] = []
        repeat {
            let page = try await service.runs.lines(request)
            lines += page.lines
            request.pageToken = page.nextPageToken
        } while !request.pageToken.isEmpty
        #expect(lines.count == 14)
        #expect(lines.map { "\($0.month) \($0.team)" } == lines.map { "\($0.month) \($0.team)" }.sorted())
        #expect(lines[0].teamDisplayName == "Tổ 0000")
        #expect(lines[0].explanation.text.contains("Team ACTIVE from 2022-06-01 on."))
        #expect(lines[0].explanation.text.contains("600,000 × 1 = 600,000 đồng."))
        let ofOne = try await service.runs.lines(
            .with {
                $0.run = run.name
                $0.team = "teams/0003"
            })
        #expect(ofOne.lines.map(\.month) == ["2024-10", "2024-11"])
    }

    @Test func whileARunOfTheScopeIsComputedItIsTheOneReturned() async throws {
        let service = try await Fixture()
        let first = try await service.runs.start(october(), caller: "a", key: nil).run
        let second = try await service.runs.start(october(), caller: "b", key: nil).run
        #expect(first.name == second.name)
        #expect(first.state == .running)
    }

    @Test func theNationNamedAndNothingNamedAreOneScope() async throws {
        let service = try await Fixture()
        try await service.apply(manyTeams(2))
        let first = try await service.run(october(""))
        #expect(try await service.run(october("units/vn")).sameAs == first.name)
    }

    @Test func anInterruptedRunIsComputedAgainWithoutDoubling() async throws {
        let service = try await Fixture()
        try await service.apply(manyTeams(5))
        let started = try await service.runs.start(october(), caller: "a", key: nil).run
        // What a killed process may leave: lines of some teams, no result.
        try await service.database.write { transaction in
            let number = try #require(try RunStore.get(started.name, transaction)).number
            let record = LineRecord(
                month: month("2024-10"), team: "teams/0000", level: .commune, person: nil,
                policy: "policies/ha-tinh-119-2023", policyVersion: 1, component: "allowance", rule: .halfMonth,
                amount: 1, days: .all(month("2024-10")), reasons: [], needsConsolidation: false, yieldsTo: nil)
            try RunStore.insert(
                [RunStore.StoredLine(record: record, evidence: try Evidence(facts: []).content())], run: number,
                transaction)
        }
        await service.worker.computeAll()
        let run = try service.runs.get(.with { $0.name = started.name }).run
        #expect(run.state == .computed)
        #expect(run.amountDong == 5 * 600_000)
        let sum = try service.database.read { try $0.count("SELECT sum(amount) FROM run_lines") }
        #expect(sum == 5 * 600_000)
    }

    @Test func watchingEndsWithTheRun() async throws {
        let service = try await Fixture()
        try await service.apply(manyTeams(600))
        let started = try await service.runs.start(october(), caller: "a", key: nil).run
        async let computing: Void = service.worker.computeAll()
        var states: [Cdt_Funding_V1_RunState] = []
        try await service.runs.watch(.with { $0.name = started.name }) { states.append($0.run.state) }
        await computing
        #expect(states.last == .computed)
        #expect(states.dropLast().allSatisfy { $0 == .running })
    }

    @Test func aFinishedRunIsToldToOthersOnce() async throws {
        let service = try await Fixture()
        try await service.apply(manyTeams(2))
        let run = try await service.run(october())
        _ = try await service.run(october())
        let events = try service.database.read {
            try $0.query("SELECT aggregate, type FROM feed_events") { "\(try $0.text(0)) \(try $0.text(1))" }
        }
        #expect(events == ["\(run.name) cdt.funding.v1.RunFact"])
    }

    @Test func runsNameWhatIsWrong() async throws {
        let service = try await Fixture()
        await #expect(throws: ServiceError.self) {
            try await service.runs.start(october("units/none"), caller: "", key: nil)
        }
        await #expect(throws: ServiceError.self) {
            try await service.runs.start(.with { $0.fromMonth = "2024" }, caller: "", key: nil)
        }
        #expect(throws: ServiceError.self) { try service.runs.get(.with { $0.name = "runs/none" }) }
    }

    @Test func theSameRequestIDGivesTheSameRun() async throws {
        let service = try await Fixture()
        try await service.apply(manyTeams(1))
        var request = october()
        request.requestID = UUIDv7.next().description
        let key = try RequestIDs.Key(
            caller: "a", method: "StartRun", requestID: try #require(UniqueID(request.requestID)), payload: request)
        let first = try await service.runs.start(request, caller: "a", key: key).run
        await service.worker.computeAll()
        #expect(try await service.runs.start(request, caller: "a", key: key).run.name == first.name)
    }
}

extension String {
    /// Four digits, so that names sort as numbers do.
    fileprivate init(format number: Int) {
        let digits = String(number)
        self = String(repeating: "0", count: 4 - digits.count) + digits
    }
}
