import FundingPolicy
import RPC
import ServiceKit
import Shared
import Storage
import SwiftProtobuf
import TestSupport
import Testing

@Suite(.onBothEngines) struct PaymentTests {
    /// Three teams of Hà Tĩnh with a month each in the books.
    private func owing() async throws -> Fixture {
        let service = try await Fixture()
        try await service.apply(["a", "b", "c"].map { Fixture.team($0, in: "ht") })
        try await service.appropriate(Fixture.haTinh, 2024, 10_000_000)
        _ = try await service.posted(.with { $0.fromMonth = "2024-10" })
        return service
    }

    @Test func paymentsAreReservedApprovedPaidAndSettledByDifferentPersons() async throws {
        let service = try await owing()
        let batch = try await service.batch()
        #expect(batch.state == .reserved && batch.instructionCount == 3 && batch.amountDong == 1_800_000)
        #expect(batch.preparedBy == ["checker", "tester"])
        #expect(try await service.balance(Fixture.haTinh, 2024, .payable) == 0)
        #expect(try await service.balance(Fixture.haTinh, 2024, .reserved) == 1_800_000)
        let own = await refusal { try await service.approve(batch, by: "clerk") }
        #expect(own?.reason == "SAME_PERSON")
        let names = try await service.instructions(batch).map(\.name)
        let early = await refusal { _ = try await service.record(batch, names, .paid) }
        #expect(early?.reason == "PAYMENT_BATCH_STATE")
        try await service.approve(batch)
        for subject in ["clerk", "chief", "checker", "tester"] {
            let same = await refusal { _ = try await service.record(batch, names, .paid, by: subject) }
            #expect(same?.reason == "SAME_PERSON", "\(subject)")
        }
        let paid = try await service.record(batch, names, .paid)
        #expect(paid.verdicts.allSatisfy { $0.accepted && !$0.unchanged })
        #expect(paid.paymentBatch.state == .approved)
        #expect(try await service.balance(Fixture.haTinh, 2024, .paid) == 1_800_000)
        // The same file again changes nothing.
        let journals = try await service.trialBalance().journal
        #expect(try await service.record(batch, names, .paid).verdicts.allSatisfy { $0.accepted && $0.unchanged })
        #expect(try await service.trialBalance().journal == journals)
        let settled = try await service.record(batch, names, .settled)
        #expect(settled.paymentBatch.state == .reconciled)
        #expect(settled.paymentBatch.totals.map(\.state) == [.settled])
        #expect(try await service.balance(Fixture.haTinh, 2024, .settled) == 1_800_000)
        #expect(await refusal { _ = try await service.batch() }?.reason == "NOTHING_PAYABLE")
        try await service.expectSoundBooks()
    }

    @Test func whatComesBackIsReopenedAndPaidByTheNextBatch() async throws {
        let service = try await owing()
        let batch = try await service.batch()
        try await service.approve(batch)
        let names = try await service.instructions(batch).map(\.name)
        _ = try await service.record(batch, [names[0]], .settled)
        _ = try await service.record(batch, [names[1]], .failed)
        let returned = try await service.record(batch, [names[2]], .returned)
        #expect(returned.paymentBatch.state == .approved)
        #expect(try await service.balance(Fixture.haTinh, 2024, .returned) == 600_000)
        let notReturned = await refusal { _ = try await service.reopen(batch, [names[0]]) }
        #expect(notReturned?.reason == "PAYMENT_NOT_RETURNED")
        let reopened = try await service.reopen(batch, [])
        #expect(reopened.reopened == 1 && reopened.paymentBatch.state == .reconciled)
        let next = try await service.batch()
        #expect(next.instructionCount == 2 && next.amountDong == 1_200_000)
        // A payment made again is another instruction, and made from the same books it has the same id.
        let second = try await service.instructions(next)
        #expect(second.map(\.team) == ["teams/b", "teams/c"])
        #expect(Set(second.map(\.name)).isDisjoint(with: names))
        let budget = Budget(policy: Fixture.haTinh, source: .state, year: 2024)
        #expect(second[0].name == Payee(team: "teams/b", person: "").instruction(budget, earlier: 1))
        // After the statement, too, a bank may send money back.
        #expect(try await service.record(batch, [names[0]], .returned).paymentBatch.state == .approved)
        try await service.expectSoundBooks()
    }

    @Test func aBatchThatIsGivenUpIsOwedAgain() async throws {
        let service = try await owing()
        let batch = try await service.batch()
        let voided = try await service.payments.void(
            .with {
                $0.name = batch.name
                $0.note = "wrong accounts"
                $0.etag = batch.etag
            }, caller: "clerk", key: nil
        ).paymentBatch
        #expect(voided.state == .voided)
        #expect(try await service.balance(Fixture.haTinh, 2024, .payable) == 1_800_000)
        #expect(await refusal { try await service.approve(batch) }?.reason == "PAYMENT_BATCH_STATE")
        let again = try await service.batch()
        try await service.approve(again)
        _ = try await service.record(again, [try await service.instructions(again)[0].name], .paid)
        let late = await refusal {
            _ = try await service.payments.void(
                .with {
                    $0.name = again.name
                    $0.note = "x"
                }, caller: "clerk", key: nil)
        }
        #expect(late?.reason == "PAYMENT_BATCH_STATE")
        try await service.expectSoundBooks()
    }

    @Test func whatWasPaidTooMuchIsSetOffAgainstTheNextPayment() async throws {
        let service = try await owing()
        let first = try await service.batch()
        try await service.approve(first)
        _ = try await service.record(first, service.instructions(first).map(\.name), .settled)
        var corrected = Fixture.team("a", in: "ht")
        corrected.statusHistory[0].from = "2024-11-01"
        try await service.apply([corrected])
        #expect(try await service.posted(.with { $0.fromMonth = "2024-10" }).deltaDong == -600_000)
        #expect(try await service.balance(Fixture.haTinh, 2024, .payable) == -600_000)
        _ = try await service.posted(.with { $0.fromMonth = "2024-11" })
        let next = try await service.batch()
        #expect(try await service.instructions(next).map(\.team) == ["teams/b", "teams/c"])
        _ = try await service.posted(.with { $0.fromMonth = "2024-12" })
        #expect(try await service.instructions(service.batch()).map(\.amountDong) == [600_000, 600_000, 600_000])
        try await service.expectSoundBooks()
    }

    @Test func aResultThatCannotBeIsRefusedAndTheOthersStand() async throws {
        let service = try await owing()
        let batch = try await service.batch()
        try await service.approve(batch)
        let names = try await service.instructions(batch).map(\.name)
        let answer = try await service.payments.record(
            .with {
                $0.batch = batch.name
                $0.results = [
                    .with { $0.instruction = "paymentInstructions/none" },
                    .with {
                        $0.instruction = names[0]
                        $0.state = .paid
                        $0.amountDong = 1
                    },
                    .with {
                        $0.instruction = names[0]
                        $0.state = .failed
                    },
                    .with {
                        $0.instruction = names[0]
                        $0.state = .reserved
                    },
                    .with {
                        $0.instruction = names[0]
                        $0.state = .paid
                        $0.paidOn = "2999-01-01"
                    },
                    .with {
                        $0.instruction = names[1]
                        $0.state = .settled
                        $0.bankReference = "FT1"
                        $0.paidOn = "2025-11-30"
                    },
                    .with {
                        $0.instruction = names[1]
                        $0.state = .failed
                        $0.note = "no"
                    },
                ]
            }, caller: "payer", key: nil)
        #expect(
            answer.verdicts.map(\.reason) == [
                "UNKNOWN_INSTRUCTION", "AMOUNT_DIFFERS", "NOTE_REQUIRED", "INVALID_STATE", "INVALID_DATE", "",
                "INVALID_TRANSITION",
            ])
        #expect(try await service.balance(Fixture.haTinh, 2024, .settled) == 600_000)
        let second = try await service.instructions(batch)[1]
        #expect(second.bankReference == "FT1" && second.paidOn == "2025-11-30" && second.recordedBy == "payer")
        try await service.expectSoundBooks()
    }

    @Test func theFileHasTheDocumentedColumns() async throws {
        let service = try await owing()
        var named = Fixture.team("b", in: "ht")
        named.displayName = "=Tổ \"B\", thôn 1"
        try await service.apply([named])
        let batch = try await service.batch()
        let early = await refusal { try await service.payments.export(.with { $0.name = batch.name }) { _ in } }
        #expect(early?.reason == "PAYMENT_BATCH_STATE")
        try await service.approve(batch)
        var text = ""
        try await service.payments.export(.with { $0.name = batch.name }) { text += $0.csv }
        let lines = text.split(separator: "\r\n", omittingEmptySubsequences: false)
        #expect(lines.count == 5 && lines[4].isEmpty)
        #expect(
            lines[0]
                == "instruction,batch,policy,year,budget_source,team,team_name,person,amount_dong,reference,state,bank_reference,paid_on,note"
        )
        #expect(lines[2].contains(",teams/b,\"'=Tổ \"\"B\"\", thôn 1\",,600000,CDT "))
        // The layout in the contract is this one.
        #expect(PaymentBook.columns.joined(separator: ",") == lines[0])
    }

    /// Random results, reopenings, corrections and batches: the books stay sound, and nobody is ever paid more than is
    /// due.
    @Test(arguments: 0..<4)
    func paymentsNeverExceedWhatIsDue(seed: Int) async throws {
        var random = SeededGenerator(seed: UInt64(seed))
        let service = try await owing()
        var batches: [Cdt_Funding_V1_PaymentBatch] = []
        for step in 0..<25 {
            switch Int.random(in: 0..<5, using: &random) {
            case 0:
                var team = Fixture.team(["a", "b", "c"].randomElement(using: &random) ?? "a", in: "ht")
                team.statusHistory[0].from = Bool.random(using: &random) ? "2022-06-01" : "2024-11-01"
                try await service.apply([team])
            case 1:
                let month = ["2024-10", "2024-11", "2024-12"].randomElement(using: &random) ?? "2024-10"
                _ = try await service.posted(.with { $0.fromMonth = month })
            case 2:
                if case .some(let batch) = try? await service.batch() {
                    try await service.approve(batch)
                    batches.append(batch)
                }
            case 3:
                guard let batch = batches.randomElement(using: &random) else { continue }
                let names = try await service.instructions(batch).map(\.name)
                let state =
                    [Cdt_Funding_V1_PaymentState.paid, .settled, .failed, .returned]
                    .randomElement(using: &random) ?? .paid
                _ = try await service.record(batch, [names.randomElement(using: &random) ?? ""], state)
            default:
                if let batch = batches.randomElement(using: &random) { _ = try await service.reopen(batch, []) }
            }
            let trial = try await service.trialBalance()
            #expect(trial.accounts.reduce(0) { $0 + $1.balanceDong } == 0, "step \(step)")
        }
        try await service.expectSoundBooks()
        // Of each team, what left the payable account and did not come back is no more than was ever due.
        for team in ["a", "b", "c"] {
            let entries = try await service.ledger.entries(
                .with {
                    $0.team = "teams/\(team)"
                    $0.pageSize = 1000
                }
            ).entries
            var most: Int64 = 0
            var due: Int64 = 0
            var out: Int64 = 0
            for entry in entries {
                if !entry.component.isEmpty {
                    due += entry.debitAccount.hasSuffix(".payable") ? entry.amountDong : -entry.amountDong
                    most = max(most, due)
                } else {
                    if entry.creditAccount.hasSuffix(".payable") { out += entry.amountDong }
                    if entry.debitAccount.hasSuffix(".payable") { out -= entry.amountDong }
                }
                #expect(out <= most)
            }
        }
    }
}

extension Fixture {
    func batch(_ policy: String = Fixture.haTinh, _ year: Int32 = 2024) async throws -> Cdt_Funding_V1_PaymentBatch {
        try await payments.create(
            .with {
                $0.policy = policy
                $0.year = year
            }, caller: "clerk", key: nil
        ).paymentBatch
    }

    func approve(_ batch: Cdt_Funding_V1_PaymentBatch, by caller: String = "chief") async throws {
        _ = try await payments.approve(.with { $0.name = batch.name }, caller: caller, key: nil)
    }

    func instructions(_ batch: Cdt_Funding_V1_PaymentBatch) async throws -> [Cdt_Funding_V1_PaymentInstruction] {
        try await payments.instructions(
            .with {
                $0.batch = batch.name
                $0.pageSize = 1000
            }
        ).paymentInstructions
    }

    func record(
        _ batch: Cdt_Funding_V1_PaymentBatch, _ names: [String], _ state: Cdt_Funding_V1_PaymentState,
        by caller: String = "payer"
    ) async throws -> Cdt_Funding_V1_RecordPaymentResultsResponse {
        try await payments.record(
            .with {
                $0.batch = batch.name
                $0.results = names.map { name in
                    .with {
                        $0.instruction = name
                        $0.state = state
                        $0.note = "as the bank says"
                    }
                }
            }, caller: caller, key: nil)
    }

    func reopen(_ batch: Cdt_Funding_V1_PaymentBatch, _ names: [String]) async throws
        -> Cdt_Funding_V1_ReopenReturnedPaymentsResponse
    {
        try await payments.reopen(
            .with {
                $0.batch = batch.name
                $0.instructions = names
                $0.note = "account corrected"
            }, caller: "clerk", key: nil)
    }
}
