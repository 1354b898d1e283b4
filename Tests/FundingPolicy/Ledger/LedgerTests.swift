import FundingPolicy
import RPC
import ServiceKit
import Shared
import Storage
import SwiftProtobuf
import TestSupport
import Testing

@Suite(.onBothEngines) struct LedgerTests {
    @Test func moneyIsAppropriatedAndTakenBackButNotMoreThanThereIs() async throws {
        let service = try await Fixture()
        let given = try await service.appropriate(Fixture.haTinh, 2024, 10_000_000)
        #expect(given.journal.number == 1)
        #expect(given.journal.actor == "treasurer")
        #expect(given.journal.document.number == "1/QĐ-STC")
        #expect(given.account.name == "accounts/ha-tinh-119-2023.2024.state.appropriated")
        #expect(given.account.balanceDong == 10_000_000)
        #expect(try await service.appropriate(Fixture.haTinh, 2024, -4_000_000).account.balanceDong == 6_000_000)
        let tooMuch = await refusal { try await service.appropriate(Fixture.haTinh, 2024, -6_000_001) }
        #expect(tooMuch?.reason == "INSUFFICIENT_FUNDS")
        #expect(tooMuch?.metadata["missingDong"] == "1")
        #expect(try await service.balance(Fixture.haTinh, 2024, .treasury) == -6_000_000)
        try await service.expectSoundBooks()
    }

    @Test func whatIsWrongWithAnAppropriationIsNamed() async throws {
        let service = try await Fixture()
        let wrong = await refusal { _ = try await service.ledger.appropriate(.init(), caller: "", key: nil) }
        #expect(wrong?.violations.map(\.field) == ["policy", "year", "amount_dong", "document.number"])
        let unknown = await refusal { try await service.appropriate("policies/none", 2024, 1) }
        #expect(unknown?.reason == "POLICY_NOT_FOUND")
    }

    @Test func onlyWhatIsAppropriatedMayBeAllowedToBeOverdrawn() async throws {
        let service = try await Fixture()
        let account = try await service.appropriate(Fixture.haTinh, 2024, 5).account
        func set(_ name: String, _ may: Bool, etag: String = "") async throws -> Cdt_Funding_V1_Account {
            try await service.ledger.setOverdraft(
                .with {
                    $0.account = name
                    $0.mayOverdraw = may
                    $0.etag = etag
                    $0.document.number = "2/QĐ-STC"
                }, caller: "treasurer", key: nil
            ).account
        }
        let allowed = try await set(account.name, true, etag: account.etag)
        #expect(allowed.mayOverdraw)
        #expect(await refusal { _ = try await set(account.name, false, etag: account.etag) }?.reason == "ETAG_MISMATCH")
        #expect(try await service.appropriate(Fixture.haTinh, 2024, -8).account.balanceDong == -3)
        #expect(await refusal { _ = try await set(account.name, false) }?.reason == "ACCOUNT_OVERDRAWN")
        let treasury = account.name.replacing("appropriated", with: "treasury")
        #expect(await refusal { _ = try await set(treasury, true) }?.reason == "OVERDRAFT_NOT_CHANGEABLE")
        #expect(await refusal { _ = try await set("accounts/none", true) }?.reason == "ACCOUNT_NOT_FOUND")
        // The decision stands in the books.
        let journals = try await service.ledger.journals(.with { $0.kind = .overdraft }).journals
        #expect(journals.map(\.note) == ["may_overdraw=true"])
        try await service.expectSoundBooks()
    }

    @Test(arguments: ["ledger_journals", "ledger_movements", "ledger_entries"])
    func theDatabaseItselfRefusesToChangeTheBooks(table: String) async throws {
        let service = try await Fixture()
        try await service.appropriate(Fixture.haTinh, 2024, 5)
        let column = table == "ledger_journals" ? "number" : "journal"
        for sql in ["DELETE FROM \(table)", "UPDATE \(table) SET \(column) = \(column)"] {
            await #expect(throws: StorageError.self) {
                _ = try await service.database.write { try $0.execute(sql) }
            }
        }
        try await service.expectSoundBooks()
    }

    @Test func verificationFindsWhatWasTamperedWith() async throws {
        let service = try await Fixture()
        for amount in 1...5 { try await service.appropriate(Fixture.haTinh, 2024, Int64(amount)) }
        let kept = try await service.trialBalance()
        #expect(kept.journal == 5)
        let sound = try await service.verify(
            .with {
                $0.expectedJournal = kept.journal
                $0.expectedHash = kept.chainHash
            })
        #expect(sound.intact && sound.journalsDone == 5 && sound.chainHash == kept.chainHash)
        try await removeGuards(service.database)
        try await service.database.write { try $0.execute("UPDATE ledger_entries SET amount = 9 WHERE journal = 3") }
        let changed = try await service.verify()
        #expect(!changed.intact && changed.brokenAt == 3)
        try await service.database.write { try $0.execute("UPDATE ledger_entries SET amount = 3 WHERE journal = 3") }
        #expect(try await service.verify().intact)
        try await service.database.write { try $0.execute("UPDATE ledger_accounts SET debit = debit + 1 WHERE id = 1") }
        #expect(try await service.verify().finding.contains("is not the sum of its movements"))
        try await service.database.write { transaction in
            try transaction.execute("UPDATE ledger_accounts SET debit = debit - 1 WHERE id = 1")
            try transaction.execute("UPDATE ledger_accounts SET debit = debit - 5 WHERE debit > 0")
            try transaction.execute("UPDATE ledger_accounts SET credit = credit - 5 WHERE credit > 0")
            for table in [
                "ledger_entries WHERE journal", "ledger_movements WHERE journal", "ledger_journals WHERE number",
            ] {
                try transaction.execute("DELETE FROM \(table) = 5")
            }
        }
        // A chain cut short is whole in itself; whoever kept the last hash sees it.
        #expect(try await service.verify().intact)
        let cut = try await service.verify(
            .with {
                $0.expectedJournal = kept.journal
                $0.expectedHash = kept.chainHash
            })
        #expect(!cut.intact && cut.brokenAt == 5)
    }

    private func removeGuards(_ database: Database) async throws {
        try await database.write { transaction in
            let table = "ledger_entries"
            if transaction.dialect == .sqlite {
                for name in [table, "ledger_journals", "ledger_movements"] {
                    try transaction.execute("DROP TRIGGER \(name)_no_update")
                    try transaction.execute("DROP TRIGGER \(name)_no_delete")
                }
            } else {
                for name in [table, "ledger_journals", "ledger_movements"] {
                    try transaction.execute("DROP TRIGGER \(name)_append_only ON \(name)")
                }
            }
        }
    }

    @Test func theTrialBalanceOfAnyPastMomentCanBeAskedFor() async throws {
        let service = try await Fixture()
        var moments: [Instant] = []
        for amount in 1...4 {
            try await service.appropriate(Fixture.haTinh, 2024, Int64(amount))
            moments.append(service.clock.now)
            service.clock.advance(by: .seconds(60))
        }
        for (index, moment) in moments.enumerated() {
            let trial = try await service.trialBalance { $0.atTime = moment.adding(seconds: 1).timestamp }
            #expect(trial.journal == Int64(index + 1))
            #expect(trial.debitDong == Int64((1...(index + 1)).reduce(0, +)))
            #expect(trial.debitDong == trial.creditDong)
        }
        let before = try await service.trialBalance { $0.atTime = moments[0].adding(seconds: -1).timestamp }
        #expect(before.accounts.isEmpty && before.journal == 0)
        // A clock set back never puts a journal before the one before it.
        service.clock.now = moments[0]
        let late = try await service.appropriate(Fixture.haTinh, 2024, 5)
        #expect(Instant(late.journal.recordTime) >= moments[3])
    }

    @Test func journalsAndEntriesComeInPages() async throws {
        let service = try await Fixture()
        for amount in 1...5 { try await service.appropriate(Fixture.haTinh, 2024, Int64(amount)) }
        var request = Cdt_Funding_V1_ListJournalsRequest.with { $0.pageSize = 2 }
        var numbers: [Int64] = []
        repeat {
            let page = try await service.ledger.journals(request)
            numbers += page.journals.map(\.number)
            request.pageToken = page.nextPageToken
        } while !request.pageToken.isEmpty
        #expect(numbers == [5, 4, 3, 2, 1])
        let entries = try await service.ledger.entries(.with { $0.journal = "journals/4" }).entries
        #expect(entries.map(\.amountDong) == [4])
        #expect(entries[0].creditAccount == "accounts/ha-tinh-119-2023.2024.state.treasury")
        let both = await refusal { _ = try await service.ledger.entries(.init()) }
        #expect(both?.violations.map(\.field) == ["journal"])
    }
}

/// "Invariants are checked by property tests over random histories."
@Suite(.onBothEngines) struct LedgerPropertyTests {
    @Test(arguments: 0..<6)
    func whateverIsBookedTheBooksStaySound(seed: Int) async throws {
        let service = try await Fixture()
        var random = SeededGenerator(seed: UInt64(seed))
        let budgets = [2024, 2025].map { Budget(policy: Fixture.haTinh, source: .state, year: $0) }
        // What the balances must be, kept beside the books.
        var expected: [AccountKey: Int64] = [:]
        var refused = 0
        for step in 0..<60 {
            let entries = (0..<Int.random(in: 1...5, using: &random)).map { _ in
                let budget = budgets[Int.random(in: 0...1, using: &random)]
                let from = AccountKind.allCases.randomElement(using: &random) ?? .treasury
                let to = AccountKind.allCases.filter { $0 != from }.randomElement(using: &random) ?? .payable
                return LedgerEntry(from: budget[from], to: budget[to], .random(in: 0...1000, using: &random))
            }
            var after = expected
            for entry in entries {
                after[entry.debit, default: 0] += entry.amount
                after[entry.credit, default: 0] -= entry.amount
            }
            let touched = Set(entries.flatMap { [$0.debit, $0.credit] })
            let isSound = touched.allSatisfy {
                $0.kind.mayOverdrawFromTheStart || after[$0, default: 0] >= 0
                    || after[$0, default: 0] >= expected[$0, default: 0]
            }
            let result = try await service.database.write { [clock = service.clock] transaction in
                try LedgerStore.append(
                    JournalDraft(.accrual, actor: "a", reference: "runs/\(step)", entries: entries), at: clock.now,
                    transaction)
            }
            switch result {
            case .success:
                #expect(isSound)
                expected = after
            case .failure:
                #expect(!isSound)
                refused += 1
            }
        }
        #expect(refused > 0 && refused < 60)
        let trial = try await service.trialBalance()
        for account in trial.accounts {
            let key = budgets.flatMap { budget in AccountKind.allCases.map { budget[$0] } }.first {
                $0.name == account.name
            }
            #expect(account.balanceDong == key.flatMap { expected[$0] })
        }
        try await service.expectSoundBooks()
    }
}
