import ServiceKit
import Shared
import Storage
import SwiftProtobuf

/// Why the books do not take a journal.
package enum LedgerRefusal: Error, Sendable, Hashable {
    /// "No account overdraws unless it may."
    case insufficient(account: AccountKey, balance: Int64, needed: Int64)
}

/// SQL of the books: adding to them.
///
/// Journals are numbered without gaps in the order of their commits, since ceilings are used up "in the recorded order
/// of posting or approval". That order is decided inside the transaction, so the hash chain is closed there as well:
/// there is never a journal that is not sealed yet. Journals are few (one for thousands of lines of a run), and on
/// PostgreSQL two that meet are serialised by the engine.
package enum LedgerStore {
    /// The end of the chain.
    package struct Head: Sendable, Hashable {
        package var number: Int64 = 0
        package var hash = LedgerChain.origin
        package var recordedAt = Instant(microseconds: .min)
    }

    package static func head(_ transaction: ReadTransaction) throws -> Head {
        try transaction.queryOne(
            "SELECT number, chain_hash, recorded_at FROM ledger_journals ORDER BY number DESC LIMIT 1"
        ) { Head(number: try $0.int64(0), hash: try $0.blob(1), recordedAt: try $0.instant(2)) } ?? Head()
    }

    // MARK: Adding

    private struct Moved {
        var account: Account
        var isNew: Bool
        var debit: Int64 = 0
        var credit: Int64 = 0
    }

    /// Writes a journal, or says why not before anything is written.
    package static func append(_ draft: JournalDraft, at now: Instant, _ transaction: WriteTransaction) throws
        -> Result<Journal, LedgerRefusal>
    {
        var moved = try movements(of: draft, transaction)
        for key in moved.keys.sorted() {
            guard let own = moved[key] else { continue }
            let change = own.debit - own.credit
            if change < 0, !own.account.mayOverdraw, own.account.balance + change < 0 {
                return .failure(
                    .insufficient(account: key, balance: own.account.balance, needed: -change))
            }
        }
        try nameAccounts(&moved, transaction)
        let head = try head(transaction)
        var sum = LedgerChain.Sum()
        var rows: [EntryRow] = []
        rows.reserveCapacity(draft.entries.count)
        for run in LedgerStore.runs(draft.entries) {
            guard let debit = moved[run[run.startIndex].debit], let credit = moved[run[run.startIndex].credit] else {
                throw StorageError.misuse("an entry's account is not known")
            }
            for entry in run {
                let row = EntryRow(entry, debit: debit.account.id, credit: credit.account.id)
                try sum.add(row)
                rows.append(row)
            }
        }
        var journal = Journal(
            number: head.number + 1, kind: draft.kind, recordedAt: max(now, head.recordedAt), actor: draft.actor,
            maker: draft.maker, reference: draft.reference,
            document: try draft.document.map { try PolicyMessages.message($0).serializedBytes() } ?? [],
            note: draft.note, entryCount: sum.count, amount: sum.amount, chainHash: [])
        journal.chainHash = sum.close(
            journal,
            movements: moved.values.map {
                .init(account: $0.account.id, name: $0.account.key.name, debit: $0.debit, credit: $0.credit)
            }, after: head.hash)
        try write(journal, rows, moved, transaction)
        return .success(journal)
    }

    /// Entries that follow each other between the same two accounts, none of them empty: a journal has thousands of
    /// them.
    private static func runs(_ entries: [LedgerEntry]) -> [ArraySlice<LedgerEntry>] {
        var runs: [ArraySlice<LedgerEntry>] = []
        var start = 0
        for index in entries.indices.dropFirst()
        where entries[index].debit != entries[start].debit || entries[index].credit != entries[start].credit {
            runs.append(entries[start..<index])
            start = index
        }
        if !entries.isEmpty { runs.append(entries[start...]) }
        return runs
    }

    private static func movements(of draft: JournalDraft, _ transaction: ReadTransaction) throws -> [AccountKey: Moved]
    {
        var moved: [AccountKey: Moved] = [:]
        func load(_ key: AccountKey) throws -> Moved {
            if let known = moved[key] { return known }
            if let account = try account(key.name, transaction) { return Moved(account: account, isNew: false) }
            return Moved(
                account: Account(
                    id: 0, key: key, mayOverdraw: key.kind.mayOverdrawFromTheStart, debit: 0, credit: 0, version: 1),
                isNew: true)
        }
        for run in runs(draft.entries) {
            let amount = try run.reduce(0) { try Money.add($0, $1.amount) }
            var debit = try load(run[run.startIndex].debit)
            debit.debit = try Money.add(debit.debit, amount)
            moved[debit.account.key] = debit
            var credit = try load(run[run.startIndex].credit)
            credit.credit = try Money.add(credit.credit, amount)
            moved[credit.account.key] = credit
        }
        for own in moved.values {
            _ = try Money.add(own.account.debit, own.debit)
            _ = try Money.add(own.account.credit, own.credit)
        }
        return moved
    }

    /// New accounts get the next numbers, in the order of their keys.
    private static func nameAccounts(_ moved: inout [AccountKey: Moved], _ transaction: ReadTransaction) throws {
        let new = moved.filter { $0.value.isNew }.map(\.key).sorted()
        guard !new.isEmpty else { return }
        var last = Int64(try transaction.count("SELECT coalesce(max(id), 0) FROM ledger_accounts"))
        for key in new {
            last += 1
            moved[key]?.account.id = last
        }
    }

    private static func write(
        _ journal: Journal, _ rows: [EntryRow], _ moved: [AccountKey: Moved], _ transaction: WriteTransaction
    ) throws {
        for (key, own) in moved.sorted(by: { $0.key < $1.key }) {
            let account = own.account
            if own.isNew {
                try transaction.executeLater(
                    """
                    INSERT INTO ledger_accounts (id, name, policy, source, year, kind, may_overdraw, debit, credit, version)
                    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 1)
                    """,
                    [
                        .integer(account.id), .text(key.name), .text(key.budget.policy),
                        SQLValue(key.budget.source.rawValue), SQLValue(key.budget.year), SQLValue(key.kind.rawValue),
                        SQLValue(account.mayOverdraw), .integer(own.debit), .integer(own.credit),
                    ])
            } else {
                try transaction.executeLater(
                    "UPDATE ledger_accounts SET debit = debit + ?, credit = credit + ? WHERE id = ?",
                    [.integer(own.debit), .integer(own.credit), .integer(account.id)])
            }
            try transaction.executeLater(
                "INSERT INTO ledger_movements (journal, account, debit, credit) VALUES (?, ?, ?, ?)",
                [.integer(journal.number), .integer(account.id), .integer(own.debit), .integer(own.credit)])
        }
        try transaction.executeLater(
            """
            INSERT INTO ledger_journals (number, kind, recorded_at, actor, maker, reference, document, note, entry_count,
                amount, chain_hash) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            """,
            [
                .integer(journal.number), SQLValue(journal.kind.rawValue), SQLValue(journal.recordedAt),
                .text(journal.actor), .text(journal.maker), .text(journal.reference), .blob(journal.document),
                .text(journal.note), .integer(journal.entryCount), .integer(journal.amount), .blob(journal.chainHash),
            ])
        for (position, row) in rows.enumerated() {
            try transaction.executeLater(
                """
                INSERT INTO ledger_entries (journal, position, debit, credit, amount, component, month, team_id, person_id,
                    due, cut, item) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                """,
                [
                    .integer(journal.number), SQLValue(position), .integer(row.debit), .integer(row.credit),
                    .integer(row.amount), .text(row.component), .text(row.month), .text(row.team), .text(row.person),
                    SQLValue(row.due), SQLValue(row.cut), .text(row.item),
                ])
        }
    }

    // MARK: Accounts

    static let accountColumns = "id, policy, source, year, kind, may_overdraw, debit, credit, version"

    static func account(_ row: Row) throws -> Account {
        guard let source = BudgetSource(rawValue: try row.int(2)), let kind = AccountKind(rawValue: try row.int(4))
        else {
            throw StorageError.misuse("account \(try row.int64(0)) cannot be read")
        }
        return Account(
            id: try row.int64(0),
            key: AccountKey(
                budget: Budget(policy: try row.text(1), source: source, year: try row.int(3)), kind: kind),
            mayOverdraw: try row.bool(5), debit: try row.int64(6), credit: try row.int64(7), version: try row.int64(8))
    }

    package static func account(_ name: String, _ transaction: ReadTransaction) throws -> Account? {
        try transaction.queryOne(
            "SELECT \(accountColumns) FROM ledger_accounts WHERE name = ?", [.text(name)], account)
    }

    package static func setOverdraft(_ account: Account, _ may: Bool, _ transaction: WriteTransaction) throws {
        try transaction.execute(
            "UPDATE ledger_accounts SET may_overdraw = ?, version = version + 1 WHERE id = ?",
            [SQLValue(may), .integer(account.id)])
    }
}

extension EntryRow {
    init(_ entry: LedgerEntry, debit: Int64, credit: Int64) {
        self.init(
            debit: debit, credit: credit, amount: entry.amount, component: entry.line?.component ?? "",
            month: entry.line?.month.description ?? "", team: entry.team, person: entry.person, due: entry.line?.due,
            cut: entry.line?.cut ?? false, item: entry.item)
    }

    /// Its ten columns from `debit` on, beginning at an index.
    init(_ row: Row, at index: Int) throws {
        self.init(
            debit: try row.int64(index), credit: try row.int64(index + 1), amount: try row.int64(index + 2),
            component: try row.text(index + 3), month: try row.text(index + 4), team: try row.text(index + 5),
            person: try row.text(index + 6), due: try row.int64OrNull(index + 7), cut: try row.bool(index + 8),
            item: try row.text(index + 9))
    }

    static let columns = "debit, credit, amount, component, month, team_id, person_id, due, cut, item"
}
