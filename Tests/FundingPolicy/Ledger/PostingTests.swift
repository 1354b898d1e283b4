import FundingPolicy
import RPC
import ServiceKit
import Shared
import Storage
import SwiftProtobuf
import TestSupport
import Testing

@Suite(.onBothEngines) struct PostingTests {
    private func months(_ from: String, _ to: String = "", unit: String = "") -> Cdt_Funding_V1_StartRunRequest {
        .with {
            $0.unit = unit
            $0.fromMonth = from
            $0.toMonth = to
        }
    }

    /// Bình Dương, 5 members all of 2024.
    private func fiveMembers() async throws -> Fixture {
        let service = try await Fixture()
        try await service.apply([Fixture.team("a", in: "bd")] + (1...5).map { Fixture.member("p\($0)", of: "a") })
        try await service.appropriate(Fixture.binhDuong, 2024, 10_000_000)
        return service
    }

    @Test func aRunIsApprovedByAnotherPersonAndPosted() async throws {
        let service = try await fiveMembers()
        let run = try await service.run(months("2024-01", "2024-12", unit: "units/bd"))
        #expect(run.amountDong == 3_600_000)
        #expect([run.deltaDong, run.creditDong, run.debitDong] == [3_600_000, 3_600_000, 0])
        #expect(run.linesToPost == 60)
        let own = await refusal {
            _ = try await service.runs.approve(.with { $0.name = run.name }, caller: "tester", key: nil)
        }
        #expect(own?.code == .permissionDenied)
        #expect(own?.reason == "SAME_PERSON")
        let early = await refusal {
            _ = try await service.runs.post(.with { $0.name = run.name }, caller: "x", key: nil)
        }
        #expect(early?.reason == "RUN_STATE")
        let approved = try await service.runs.approve(
            .with {
                $0.name = run.name
                $0.etag = run.etag
            }, caller: "checker", key: nil
        ).run
        #expect(approved.state == .approved && approved.decidedBy == "checker" && approved.etag != run.etag)
        #expect(try await service.balance(Fixture.binhDuong, 2024, .appropriated) == 6_400_000)
        #expect(try await service.balance(Fixture.binhDuong, 2024, .committed) == 3_600_000)
        let stale = await refusal {
            _ = try await service.runs.post(
                .with {
                    $0.name = run.name
                    $0.etag = run.etag
                }, caller: "x", key: nil)
        }
        #expect(stale?.reason == "ETAG_MISMATCH")
        _ = try await service.runs.post(.with { $0.name = run.name }, caller: "poster", key: nil)
        await service.worker.computeAll()
        let posted = try service.runs.get(.with { $0.name = run.name }).run
        #expect(posted.state == .posted && posted.linesPosted == 60 && posted.postedBy == "poster")
        #expect(try await service.balance(Fixture.binhDuong, 2024, .committed) == 0)
        #expect(try await service.balance(Fixture.binhDuong, 2024, .payable) == 3_600_000)
        let journals = try await service.ledger.journals(.with { $0.reference = run.name }).journals
        #expect(journals.map(\.kind) == [.accrual, .commitment])
        #expect(journals[0].maker == "tester" && journals[0].actor == "checker" && journals[0].entryCount == 60)
        let entries = try await service.ledger.entries(
            .with {
                $0.team = "teams/a"
                $0.person = "people/p3"
            }
        ).entries
        #expect(entries.map(\.month) == (1...12).map { "2024-" + ($0 < 10 ? "0" : "") + "\($0)" })
        #expect(entries.allSatisfy { $0.amountDong == 60_000 && $0.dueDong == 60_000 && !$0.cut })
        try await service.expectSoundBooks()
    }

    @Test func aRerunWithTheSameInputsPostsNothing() async throws {
        let service = try await fiveMembers()
        let first = try await service.posted(months("2024-01", "2024-12", unit: "units/bd"))
        let again = try await service.posted(months("2024-01", "2024-12", unit: "units/bd"))
        #expect(again.state == .unchanged && again.sameAs == first.name)
        // Another scope over the same months finds everything posted.
        let country = try await service.posted(months("2024-06"))
        #expect(country.amountDong == 300_000 && country.deltaDong == 0 && country.linesToPost == 0)
        #expect(try await service.trialBalance().journal == 3)
        #expect(try await service.balance(Fixture.binhDuong, 2024, .payable) == 3_600_000)
    }

    /// "Bình Dương, a member retroactively removed for two months after the run: adjustment −120,000; original
    /// untouched; trial balance 0."
    @Test func aMemberRemovedAfterwardsIsTakenBack() async throws {
        let service = try await fiveMembers()
        let first = try await service.posted(months("2024-01", "2024-12", unit: "units/bd"))
        let lines = try await service.runs.lines(.with { $0.run = first.name }).lines
        try await service.apply([Fixture.member("p2", of: "a", to: "2024-10-31")])
        let second = try await service.posted(months("2024-01", "2024-12", unit: "units/bd"))
        #expect(second.amountDong == 3_480_000)
        #expect([second.deltaDong, second.creditDong, second.debitDong] == [-120_000, 0, 120_000])
        #expect(second.linesToPost == 2 && second.linesPosted == 2)
        let deltas = try await service.runs.lines(
            .with {
                $0.run = second.name
                $0.onlyDeltas = true
                $0.explain = true
            }
        ).lines
        #expect(deltas.map(\.month) == ["2024-11", "2024-12"])
        #expect(deltas.allSatisfy { $0.person == "people/p2" && $0.deltaDong == -60_000 && $0.amountDong == 0 })
        #expect(deltas.allSatisfy { $0.postedBeforeDong == 60_000 && $0.reasons == [.notActive] })
        #expect(deltas[0].explanation.textVi.contains("NOT_ACTIVE"))
        // The original is untouched.
        #expect(try service.runs.get(.with { $0.name = first.name }).run == first)
        #expect(try await service.runs.lines(.with { $0.run = first.name }).lines == lines)
        #expect(try await service.balance(Fixture.binhDuong, 2024, .payable) == 3_480_000)
        #expect(try await service.balance(Fixture.binhDuong, 2024, .appropriated) == 10_000_000 - 3_480_000)
        try await service.expectSoundBooks()
        // Corrected back: what was taken is due again, although these facts were computed before.
        try await service.apply([Fixture.member("p2", of: "a")])
        let third = try await service.posted(months("2024-01", "2024-12", unit: "units/bd"))
        #expect(third.deltaDong == 120_000 && third.snapshotHash == first.snapshotHash)
        #expect(try await service.balance(Fixture.binhDuong, 2024, .payable) == 3_600_000)
        try await service.expectSoundBooks()
    }

    @Test func aPersonWhoseMonthMovesToAnotherTeamIsMovedInTheBooks() async throws {
        let service = try await Fixture()
        try await service.apply([
            Fixture.team("a", in: "bd"), Fixture.team("b", in: "bd", level: .commune), Fixture.member("p", of: "a"),
        ])
        try await service.appropriate(Fixture.binhDuong, 2024, 1_000_000)
        _ = try await service.posted(months("2024-05"))
        try await service.apply([
            Fixture.member("p", of: "a", to: "2024-05-10"), Fixture.member("p", of: "b", from: "2024-05-11"),
        ])
        let moved = try await service.posted(months("2024-05"))
        #expect([moved.deltaDong, moved.creditDong, moved.debitDong] == [0, 60_000, 60_000])
        let entries = try await service.ledger.entries(.with { $0.team = "teams/a" }).entries
        #expect(entries.map(\.dueDong) == [60_000, 0])
        #expect(entries[1].debitAccount.hasSuffix(".committed"))
        try await service.expectSoundBooks()
    }

    @Test func withoutMoneyNothingIsApproved() async throws {
        let service = try await fiveMembers()
        try await service.appropriate(Fixture.binhDuong, 2024, -9_800_000)
        let run = try await service.run(months("2024-01", unit: "units/bd"))
        func approve() async throws {
            _ = try await service.runs.approve(.with { $0.name = run.name }, caller: "checker", key: nil)
        }
        let refused = await refusal { try await approve() }
        #expect(refused?.reason == "INSUFFICIENT_FUNDS")
        #expect(refused?.metadata["missingDong"] == "100000")
        #expect(try service.runs.get(.with { $0.name = run.name }).run.state == .computed)
        try await service.appropriate(Fixture.binhDuong, 2024, 100_000)
        try await approve()
        let rejected = try await service.runs.reject(
            .with {
                $0.name = run.name
                $0.note = "the list is wrong"
            }, caller: "checker", key: nil
        ).run
        #expect(rejected.state == .rejected)
        #expect(try await service.balance(Fixture.binhDuong, 2024, .appropriated) == 300_000)
        // What was given up is no earlier run of the same inputs.
        #expect(try await service.run(months("2024-01", unit: "units/bd")).state == .computed)
        try await service.expectSoundBooks()
    }

    @Test func aRunThatIsOvertakenIsNotApproved() async throws {
        let service = try await fiveMembers()
        let first = try await service.run(months("2024-01", unit: "units/bd"))
        let second = try await service.run(months("2024-01", "2024-02", unit: "units/bd"))
        func approve(_ run: Cdt_Funding_V1_Run) async throws {
            _ = try await service.runs.approve(.with { $0.name = run.name }, caller: "checker", key: nil)
        }
        try await approve(first)
        let overlaps = await refusal { try await approve(second) }
        #expect(overlaps?.reason == "RUN_OVERLAPS" && overlaps?.metadata["other"] == first.name)
        _ = try await service.runs.post(.with { $0.name = first.name }, caller: "poster", key: nil)
        await service.worker.computeAll()
        #expect(await refusal { try await approve(second) }?.reason == "RUN_STALE")
        let third = try await service.run(months("2024-01", "2024-02", unit: "units/bd"))
        #expect(third.deltaDong == 300_000)
        try await approve(third)
    }

    /// "Ceilings are used up in the recorded order of posting; corrections replay that order and never reopen a cut."
    @Test func correctionsReplayTheOrderOfPostingAndReopenNoCut() async throws {
        let service = try await Fixture()
        let policy = try await service.activate {
            $0.components = [
                .with {
                    $0.id = "allowance"
                    $0.kind = .ratePerTeamMonth
                    $0.rateDong = 600_000
                }
            ]
            $0.caps = [
                .with {
                    $0.kind = .teamYear
                    $0.amountDong = 2_000_000
                }
            ]
        }
        try await service.apply([Fixture.team("a", in: "ht")])
        try await service.appropriate(policy, 2024, 50_000_000)
        func run(_ from: String, _ to: String) async throws -> Cdt_Funding_V1_Run {
            try await service.posted(
                .with {
                    $0.policy = policy
                    $0.fromMonth = from
                    $0.toMonth = to
                })
        }
        func amounts(_ run: Cdt_Funding_V1_Run) async throws -> [Int64] {
            try await service.runs.lines(.with { $0.run = run.name }).lines.map(\.amountDong)
        }
        // July is recorded first, so that it comes first whatever the calendar says.
        #expect(try await run("2024-07", "2024-07").amountDong == 600_000)
        let spring = try await run("2024-01", "2024-04")
        #expect(try await amounts(spring) == [600_000, 600_000, 200_000, 0])
        #expect(spring.linesToPost == 4)
        #expect(try await run("2024-01", "2024-04").state == .unchanged)
        // January was no active month after all: what was cut stays cut.
        var corrected = Fixture.team("a", in: "ht")
        corrected.statusHistory[0].from = "2024-02-01"
        try await service.apply([corrected])
        let later = try await run("2024-01", "2024-04")
        #expect(try await amounts(later) == [0, 600_000, 200_000, 0])
        #expect(later.deltaDong == -600_000)
        // What a later line is due comes after all posted ones, and there is room again.
        #expect(try await amounts(run("2024-08", "2024-08")) == [600_000])
        #expect(try await run("2024-01", "2024-12").deltaDong == 0)
        #expect(try await service.balance(policy, 2024, .payable) == 2_000_000)
        try await service.expectSoundBooks()
    }

    /// A line that was taken back and is due again finds only the room that others have left meanwhile.
    @Test func whatIsDueAgainDoesNotPassTheCeiling() async throws {
        let service = try await Fixture()
        let policy = try await service.activate {
            $0.components = [
                .with {
                    $0.id = "allowance"
                    $0.kind = .ratePerTeamMonth
                    $0.rateDong = 600_000
                }
            ]
            $0.caps = [
                .with {
                    $0.kind = .teamYear
                    $0.amountDong = 1_000_000
                }
            ]
        }
        try await service.apply([Fixture.team("a", in: "ht")])
        try await service.appropriate(policy, 2024, 50_000_000)
        func run(_ month: String) async throws -> Int64 {
            try await service.posted(
                .with {
                    $0.policy = policy
                    $0.fromMonth = month
                }
            ).amountDong
        }
        #expect(try await run("2024-01") == 600_000)
        var corrected = Fixture.team("a", in: "ht")
        corrected.statusHistory[0].from = "2024-02-01"
        try await service.apply([corrected])
        #expect(try await run("2024-01") == 0)
        #expect(try await run("2024-07") == 600_000)
        try await service.apply([Fixture.team("a", in: "ht")])
        #expect(try await run("2024-01") == 400_000)
        #expect(try await service.balance(policy, 2024, .payable) == 1_000_000)
        try await service.expectSoundBooks()
    }

    /// "A budget source's ceiling is per calendar year, and the last line that fits is paid in part."
    @Test func aBudgetsCeilingCutsTheRunInItsOrder() async throws {
        let service = try await Fixture()
        let policy = try await service.activate {
            $0.components = [
                .with {
                    $0.id = "allowance"
                    $0.kind = .ratePerTeamMonth
                    $0.rateDong = 600_000
                }
            ]
            $0.caps = [
                .with {
                    $0.kind = .budgetYear
                    $0.amountDong = 1_500_000
                }
            ]
        }
        try await service.apply(["a", "b", "c"].map { Fixture.team($0, in: "ht") })
        try await service.appropriate(policy, 2024, 50_000_000)
        func run(_ month: String) -> Cdt_Funding_V1_StartRunRequest {
            .with {
                $0.policy = policy
                $0.fromMonth = month
            }
        }
        func amounts(_ run: Cdt_Funding_V1_Run) async throws -> [Int64] {
            try await service.runs.lines(.with { $0.run = run.name }).lines.map(\.amountDong)
        }
        let computed = try await service.run(run("2024-10"))
        #expect(try await amounts(computed) == [600_000, 600_000, 300_000])
        #expect(computed.amountDong == 1_500_000 && computed.creditDong == 1_500_000)
        let total = try #require(computed.totals.first)
        #expect([total.amountDong, total.hamletTeamAmountDong, total.teamsPaid] == [1_500_000, 1_500_000, 3])
        #expect(total.reasons.map(\.reason) == [.cap] && total.reasons[0].lines == 1)
        // Another run of the policy cannot be approved beside it.
        let beside = try await service.run(run("2024-11"))
        _ = try await service.runs.approve(.with { $0.name = computed.name }, caller: "checker", key: nil)
        let overlaps = await refusal {
            _ = try await service.runs.approve(.with { $0.name = beside.name }, caller: "checker", key: nil)
        }
        #expect(overlaps?.reason == "RUN_OVERLAPS")
        _ = try await service.runs.post(.with { $0.name = computed.name }, caller: "poster", key: nil)
        await service.worker.computeAll()
        let november = try await service.posted(run("2024-11"))
        #expect(try await amounts(november) == [0, 0, 0])
        #expect(try await service.posted(run("2024-10")).state == .unchanged)
        var corrected = Fixture.team("a", in: "ht")
        corrected.statusHistory[0].from = "2024-11-01"
        try await service.apply([corrected])
        let october = try await service.posted(run("2024-10"))
        // What was cut stays cut, in October and in November.
        #expect(try await amounts(october) == [0, 600_000, 300_000])
        #expect(try await service.posted(run("2024-11")).state == .unchanged)
        // What comes later finds the room.
        #expect(try await amounts(service.posted(run("2024-12"))) == [600_000, 0, 0])
        #expect(try await service.balance(policy, 2024, .payable) == 1_500_000)
        try await service.expectSoundBooks()
    }

    /// "Delta + original = recomputation from scratch; caps never exceeded over any sequence of corrections and
    /// reruns."
    @Test(arguments: 0..<4)
    func whateverIsCorrectedTheBooksHoldWhatIsDue(seed: Int) async throws {
        var random = SeededGenerator(seed: UInt64(100 + seed))
        let service = try await Fixture()
        let teams = ["a", "b", "c"]
        let people = ["p", "q", "r", "s"]
        try await service.apply(teams.map { Fixture.team($0, in: "bd") })
        try await service.appropriate(Fixture.binhDuong, 2024, 100_000_000)
        func date() -> String {
            day("2024-01-01").adding(days: .random(in: 0...150, using: &random)).description
        }
        for step in 0..<10 {
            for _ in 0..<3 {
                let from = date()
                let to =
                    Bool.random(using: &random)
                    ? "" : day(from).adding(days: .random(in: 0...90, using: &random)).description
                try await service.apply([
                    Fixture.member(
                        people.randomElement(using: &random) ?? "p", of: teams.randomElement(using: &random) ?? "a",
                        from: from, to: to, void: Int.random(in: 0..<5, using: &random) == 0)
                ])
            }
            let first = Int.random(in: 1...5, using: &random)
            let last = Int.random(in: first...6, using: &random)
            let request = months("2024-0\(first)", "2024-0\(last)", unit: Bool.random(using: &random) ? "units/bd" : "")
            _ = try await service.posted(request)
            // Once everything is run, the books hold what is computed from nothing.
            if step % 3 == 2 {
                _ = try await service.posted(months("2024-01", "2024-06"))
                let scratch = try await service.compute(
                    .with {
                        $0.fromMonth = "2024-01"
                        $0.toMonth = "2024-06"
                    })
                #expect(
                    try await service.balance(Fixture.binhDuong, 2024, .payable) == scratch.end.amountDong,
                    "step \(step)")
                var held: [String: Int64] = [:]
                for team in teams {
                    let entries = try await service.ledger.entries(
                        .with {
                            $0.team = "teams/\(team)"
                            $0.pageSize = 1000
                        }
                    ).entries
                    for entry in entries { held["\(entry.month) \(team) \(entry.person)"] = entry.dueDong }
                }
                var due: [String: Int64] = [:]
                for line in scratch.lines where line.amountDong > 0 {
                    due["\(line.month) \(line.team.dropFirst(6)) \(line.person)"] = line.amountDong
                }
                #expect(held.filter { $0.value > 0 } == due, "step \(step)")
                let again = try await service.run(months("2024-01", "2024-06"))
                #expect(again.state == .unchanged && again.linesToPost == 0)
            }
        }
        #expect(try await service.balance(Fixture.binhDuong, 2024, .committed) == 0)
        try await service.expectSoundBooks()
    }

    /// A killed process goes on where it was: the place reached and the journal are one transaction.
    @Test func postingGoesOnWhereItWasStopped() async throws {
        let service = try await Fixture()
        let count = 4500
        try await service.apply((0..<count).map { Fixture.team("t\($0)", in: "ht") })
        try await service.appropriate(Fixture.haTinh, 2024, Int64(count) * 600_000)
        let run = try await service.run(months("2024-10", unit: "units/ht"))
        _ = try await service.runs.approve(.with { $0.name = run.name }, caller: "checker", key: nil)
        _ = try await service.runs.post(.with { $0.name = run.name }, caller: "poster", key: nil)
        // Stopped again and again, as soon as something has been written.
        for _ in 0..<20 where try service.runs.get(.with { $0.name = run.name }).run.state == .posting {
            let before = try service.runs.get(.with { $0.name = run.name }).run.linesPosted
            let posting = Task { await service.worker.computeAll() }
            try await eventually("something is posted") {
                let now = try service.runs.get(.with { $0.name = run.name }).run
                return now.linesPosted > before || now.state == .posted
            }
            posting.cancel()
            await posting.value
        }
        await service.worker.computeAll()
        let posted = try service.runs.get(.with { $0.name = run.name }).run
        #expect(posted.state == .posted && posted.linesPosted == Int64(count))
        #expect(try await service.balance(Fixture.haTinh, 2024, .payable) == Int64(count) * 600_000)
        let entries = try service.database.read {
            try $0.count("SELECT count(*) FROM ledger_entries WHERE due IS NOT NULL")
        }
        #expect(entries == count)
        try await service.expectSoundBooks()
    }
}
