import Foundation
import FundingPolicy
import RPC
import ServiceKit
import Shared
import Storage
import SwiftProtobuf
import Synchronization
import TestSupport
import Testing

/// "Invariants are checked by property tests over random histories, with crashes": corrections, runs, claims and claims
/// taken back, called over the wire, while the program is killed and started again. A call without an answer is
/// repeated with the same request id.
@Suite(.onBothEngines) struct HistoryCrashTests {
    /// The program, which somebody kills now and then.
    private final class Mortal: Sendable {
        let funding: GuardedFunding
        private let command: [String]
        private let running: Mutex<BackgroundProcess>
        let kills = Mutex(0)

        init(_ place: GuardedFunding.Place, _ registry: ToldRegistry, _ wire: RPCClient, port: Int) throws {
            funding = GuardedFunding(wire, issuer: place.issuer, registry: registry)
            command =
                ["\(PackageFolder.products)/funding-policy"] + place.arguments + [
                    "--listen", "127.0.0.1:\(port)", "--admin-listen", "127.0.0.1:0", "--today", "2024-12-20", "--peer",
                    "registry=\(registry.address)", "--peer", "activity=127.0.0.1:1",
                ]
            running = Mutex(try BackgroundProcess(command))
        }

        /// At no matter which moments, a bounded number of times: then the history comes to its end.
        func killNowAndThen(_ times: Int, _ random: SeededGenerator) async throws {
            var random = random
            for _ in 0..<times {
                try await Task.sleep(for: .milliseconds(.random(in: 100...4000, using: &random)))
                _ = await running.withLock { $0 }.stop(by: SIGKILL)
                let next = try BackgroundProcess(command)
                running.withLock { $0 = next }
                kills.withLock { $0 += 1 }
            }
        }

        func stop() async { _ = await running.withLock { $0 }.stop(by: SIGKILL) }

        /// Asks until there is an answer.
        func answer<Answer>(_ call: () async throws -> Answer) async throws -> Answer {
            let end = ContinuousClock.now + .seconds(300)
            while true {
                do {
                    return try await call()
                } catch let error as RPCError
                    where [.unavailable, .deadlineExceeded, .cancelled].contains(error.code)
                    && ContinuousClock.now < end
                {
                    try await Task.sleep(for: .milliseconds(20))
                }
            }
        }

        func claim(_ date: String, _ amount: Int64) async throws -> Cdt_Funding_V1_Claim {
            let id = UUIDv7.next().description
            let submitted = try await answer {
                try await funding.claims.submitClaim(
                    .with {
                        $0.requestID = id
                        $0.claim.team = "teams/d"
                        $0.claim.policy = Fixture.daNang
                        $0.claim.items = [
                            .with {
                                $0.date = date
                                $0.amountDong = amount
                            }
                        ]
                    }, options: funding.as("maker"))
            }.claim
            return try await answer {
                try await funding.claims.approveClaim(
                    .with {
                        $0.name = submitted.name
                        $0.requestID = id
                    }, options: funding.as("checker"))
            }.claim
        }

        func reverse(_ claim: Cdt_Funding_V1_Claim) async throws {
            let id = UUIDv7.next().description
            _ = try await answer {
                try await funding.claims.reverseClaim(
                    .with {
                        $0.name = claim.name
                        $0.note = "x"
                        $0.requestID = id
                    }, options: funding.as("checker"))
            }
        }

        /// A run until it is in the books, or found to be there already.
        func posted(_ from: String, _ to: String) async throws -> Cdt_Funding_V1_Run {
            let id = UUIDv7.next().description
            let started = try await answer {
                try await funding.policies.startRun(
                    .with {
                        $0.fromMonth = from
                        $0.toMonth = to
                        $0.requestID = id
                    }, options: funding.as("maker"))
            }.run
            let computed = try await watched(started.name)
            if computed.state == .unchanged { return computed }
            #expect(computed.state == .computed, "\(computed.failure)")
            _ = try await answer {
                try await funding.policies.approveRun(
                    .with {
                        $0.name = started.name
                        $0.requestID = id
                    }, options: funding.as("checker"))
            }
            _ = try await answer {
                try await funding.policies.postRun(
                    .with {
                        $0.name = started.name
                        $0.requestID = id
                    }, options: funding.as("payer"))
            }
            return try await watched(started.name)
        }

        private func watched(_ run: String) async throws -> Cdt_Funding_V1_Run {
            try await answer {
                var last = Cdt_Funding_V1_Run()
                let watch = try await funding.policies.watchRun(
                    .with { $0.name = run }, options: funding.as("reader"))
                for try await response in watch.responses { last = response.run }
                // A stream that a shutdown has ended is no answer.
                if last.state.isUnderWay { throw RPCError(code: .unavailable, message: "ended early") }
                return last
            }
        }
    }

    @Test(.timeLimit(.minutes(15)), arguments: [1, 2])
    func whateverIsKilledTheBooksHoldWhatIsDue(seed: Int) async throws {
        var random = SeededGenerator(seed: UInt64(seed))
        let place = try GuardedFunding.Place()
        defer { place.folder.remove() }
        let facts: [any Message] = [
            Fixture.team("a", in: "bd"), Fixture.team("b", in: "bd"), Fixture.team("d", in: "dn-old"),
        ]
        let port = try FreePort.find()
        try await ToldRegistry.with(Fixture.country + facts) { registry in
            let wire = try RPCClient(host: "127.0.0.1", port: port)
            let mortal = try Mortal(place, registry, wire, port: port)
            do {
                try await history(mortal, &random)
            } catch {
                await mortal.stop()
                await wire.close()
                throw error
            }
            await mortal.stop()
            await wire.close()
        }
    }

    private func history(_ mortal: Mortal, _ random: inout SeededGenerator) async throws {
        let funding = mortal.funding
        try await mortal.answer { try await funding.tell([]) }
        for policy in [Fixture.binhDuong, Fixture.daNang] {
            try await mortal.answer { try await funding.appropriate(policy, 2024, 100_000_000) }
        }
        let killing = Task { [random] in try await mortal.killNowAndThen(5, random) }
        var claims: [Cdt_Funding_V1_Claim] = []
        for _ in 0..<12 {
            switch Int.random(in: 0..<4, using: &random) {
            case 0:
                let from = day("2024-01-01").adding(days: .random(in: 0...300, using: &random))
                let correction = Fixture.member(
                    ["p", "q", "r"].randomElement(using: &random) ?? "p",
                    of: ["a", "b"].randomElement(using: &random) ?? "a", from: from.description,
                    to: Bool.random(using: &random)
                        ? "" : from.adding(days: .random(in: 0...90, using: &random)).description,
                    void: Int.random(in: 0..<5, using: &random) == 0)
                try await funding.registry.tell([correction])
            case 1:
                let first = Int.random(in: 1...6, using: &random)
                _ = try await mortal.posted("2024-0\(first)", "2024-0\(first + Int.random(in: 0...3, using: &random))")
            case 2:
                let date = day("2024-09-01").adding(days: .random(in: 0...90, using: &random)).description
                claims.append(try await mortal.claim(date, .random(in: 1...1_200_000, using: &random)))
            default:
                guard !claims.isEmpty else { continue }
                try await mortal.reverse(claims.remove(at: .random(in: claims.indices, using: &random)))
            }
        }
        try await killing.value
        #expect(mortal.kills.withLock { $0 } == 5)
        // What the Registry has told meanwhile has come, and everything is run.
        try await mortal.answer { try await funding.tell([]) }
        _ = try await mortal.posted("2024-01", "2024-12")
        let again = try await mortal.posted("2024-01", "2024-12")
        #expect(again.state == .unchanged && again.linesToPost == 0)
        try await funding.expectSoundBooks()

        let reader = try funding.as("reader", ["funding.read"])
        let trial = try await funding.ledger.getTrialBalance(.init(), options: reader)
        func balance(_ policy: String, _ kind: Cdt_Funding_V1_AccountKind) -> Int64 {
            trial.accounts.first { $0.policy == policy && $0.kind == kind }?.balanceDong ?? 0
        }
        var scratch = Cdt_Funding_V1_ComputeEntitlementsResponse()
        let computing = try await funding.policies.computeEntitlements(
            .with {
                $0.fromMonth = "2024-01"
                $0.toMonth = "2024-12"
                $0.totalsOnly = true
            }, options: reader)
        for try await response in computing.responses { scratch = response }
        #expect(balance(Fixture.binhDuong, .payable) == scratch.amountDong)
        #expect(balance(Fixture.binhDuong, .committed) == 0 && balance(Fixture.daNang, .committed) == 0)
        // Each claim is in the books once, those taken back not at all, and no ceiling was passed.
        let due = claims.reduce(0) { $0 + $1.dueDong }
        #expect(due <= 3_000_000)
        #expect(balance(Fixture.daNang, .payable) == due)
        let entries = try await funding.ledger.listJournalEntries(
            .with {
                $0.team = "teams/d"
                $0.pageSize = 1000
            }, options: reader
        ).entries
        for claim in claims where claim.dueDong > 0 {
            #expect(entries.filter { $0.journal == claim.journal }.map(\.amountDong) == [claim.dueDong])
        }
        let used = try await funding.claims.getTeamCeilings(
            .with {
                $0.team = "teams/d"
                $0.policy = Fixture.daNang
                $0.year = 2024
            }, options: reader
        ).ceilings[0].usedDong
        #expect(used == due)
    }
}
