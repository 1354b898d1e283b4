import ServiceKit
import Storage

/// Follows the books from the first journal to the last, a few journals at a time: nothing that was followed can
/// change.
package struct LedgerVerifier: Sendable {
    /// Journals in one step.
    private static let step = 64

    package private(set) var number: Int64 = 0
    package private(set) var hash = LedgerChain.origin
    package private(set) var finding: LedgerChain.Finding?
    package private(set) var isComplete = false
    /// Journals there were at the last step.
    package private(set) var total: Int64 = 0
    private var sums: [Int64: (debit: Int64, credit: Int64)] = [:]
    private let expected: (number: Int64, hash: String)?

    /// - Parameter expected: a journal with its hash that the caller has kept.
    package init(expecting expected: (number: Int64, hash: String)? = nil) { self.expected = expected }

    /// Follows the next journals. At the end the balances of all accounts are compared, as of the same moment.
    package mutating func advance(_ transaction: ReadTransaction) throws {
        guard finding == nil, !isComplete else { return }
        total = try LedgerStore.head(transaction).number
        for journal in try LedgerReader.journals(after: number, limit: LedgerVerifier.step, transaction) {
            try follow(journal, transaction)
            if finding != nil { return }
        }
        guard number >= total else { return }
        isComplete = true
        if let expected, expected.number > number {
            finding = .missing(at: number + 1)
            return
        }
        for account in try LedgerReader.accounts(policy: "", year: 0, after: "", limit: .max, transaction) {
            let own = sums[account.id] ?? (0, 0)
            if own.debit != account.debit || own.credit != account.credit {
                finding = .balance(account: account.key.name)
                return
            }
        }
    }

    private mutating func follow(_ journal: Journal, _ transaction: ReadTransaction) throws {
        guard journal.number == number + 1 else {
            finding = .missing(at: number + 1)
            return
        }
        var sum = LedgerChain.Sum()
        var moved: [Int64: (debit: Int64, credit: Int64)] = [:]
        do {
            try LedgerReader.eachEntry(of: journal.number, transaction) { row in
                try sum.add(row)
                moved[row.debit, default: (0, 0)].debit += row.amount
                moved[row.credit, default: (0, 0)].credit += row.amount
            }
        } catch is Money.Overflow {
            finding = .changed(at: journal.number)
            return
        }
        let movements = try LedgerReader.movements(of: journal.number, transaction)
        let isWhole =
            sum.count == journal.entryCount && sum.amount == journal.amount && movements.count == moved.count
            && movements.allSatisfy { $0.debit == moved[$0.account]?.debit && $0.credit == moved[$0.account]?.credit }
        let next = sum.close(journal, movements: movements, after: hash)
        guard isWhole, next == journal.chainHash else {
            finding = .changed(at: journal.number)
            return
        }
        for (account, own) in moved {
            sums[account, default: (0, 0)].debit &+= own.debit
            sums[account, default: (0, 0)].credit &+= own.credit
        }
        number = journal.number
        hash = next
        if let expected, expected.number == number, expected.hash.lowercased() != Hex.text(hash) {
            finding = .notAsKept(at: number)
        }
    }
}
