import Crypto
import ServiceKit

/// The hash chain of the books: SHA-256 over the hash before, the journal, the accounts it moves with their names, and
/// every entry; every text with its length before it, so that no two journals read alike. Over values alone.
package enum LedgerChain {
    /// The hash before the first journal.
    package static let origin = [UInt8](repeating: 0, count: 32)

    /// What went through one account in one journal.
    package struct Movement: Sendable, Hashable {
        package var account: Int64
        package var name: String
        package var debit: Int64
        package var credit: Int64
    }

    /// Takes a journal's entries one by one, in their order.
    package struct Sum {
        private var hash = SHA256()
        private var bytes: [UInt8] = []
        package private(set) var count: Int64 = 0
        package private(set) var amount: Int64 = 0

        package init() {}

        package mutating func add(_ row: EntryRow) throws(Money.Overflow) {
            bytes.removeAll(keepingCapacity: true)
            for number in [
                count, row.debit, row.credit, row.amount, row.due ?? -1, row.cut ? 1 : 0,
            ] {
                put(number)
            }
            for text in [row.component, row.month, row.team, row.person, row.item] { put(text) }
            bytes.withUnsafeBytes { hash.update(bufferPointer: $0) }
            count += 1
            amount = try Money.add(amount, row.amount)
        }

        /// The chain with the journal.
        package mutating func close(_ journal: Journal, movements: [Movement], after previous: [UInt8]) -> [UInt8] {
            bytes.removeAll(keepingCapacity: true)
            bytes += previous
            for number in [
                journal.number, Int64(journal.kind.rawValue), journal.recordedAt.microseconds, journal.entryCount,
                journal.amount,
            ] {
                put(number)
            }
            for text in [journal.actor, journal.maker, journal.reference, journal.note] { put(text) }
            put(Int64(journal.document.count))
            bytes += journal.document
            for movement in movements.sorted(by: { $0.account < $1.account }) {
                put(movement.account)
                put(movement.name)
                put(movement.debit)
                put(movement.credit)
            }
            bytes.withUnsafeBytes { hash.update(bufferPointer: $0) }
            return Array(hash.finalize())
        }

        private mutating func put(_ number: Int64) {
            withUnsafeBytes(of: number.bigEndian) { bytes.append(contentsOf: $0) }
        }

        private mutating func put(_ text: String) {
            put(Int64(text.utf8.count))
            bytes.append(contentsOf: text.utf8)
        }
    }

    /// What is wrong with the books.
    package enum Finding: Sendable, Hashable {
        case missing(at: Int64)
        case changed(at: Int64)
        case notAsKept(at: Int64)
        case balance(account: String)

        package var number: Int64 {
            switch self {
            case .missing(let at), .changed(let at), .notAsKept(let at): at
            case .balance: 0
            }
        }

        package var texts: (english: String, vietnamese: String) {
            switch self {
            case .missing(let at):
                (
                    "journal \(at) is missing; compare with a backup",
                    "thiếu bút toán \(at); hãy đối chiếu với bản sao lưu"
                )
            case .changed(let at):
                (
                    "journal \(at) is not as it was recorded; compare with a backup",
                    "bút toán \(at) khác với khi ghi sổ; hãy đối chiếu với bản sao lưu"
                )
            case .notAsKept(let at):
                (
                    "the chain is whole, but its hash at \(at) is not the one that was kept: it was written anew",
                    "chuỗi liền mạch nhưng mã băm tại \(at) khác mã đã lưu: sổ đã bị viết lại"
                )
            case .balance(let account):
                (
                    "the balance of \(account) is not the sum of its movements; compare with a backup",
                    "số dư của \(account) khác tổng các bút toán; hãy đối chiếu với bản sao lưu"
                )
            }
        }
    }
}

/// An entry as it is stored, by numbers of accounts.
package struct EntryRow: Sendable, Hashable {
    package var debit: Int64
    package var credit: Int64
    package var amount: Int64
    package var component: String
    package var month: String
    package var team: String
    package var person: String
    package var due: Int64?
    package var cut: Bool
    package var item: String
}
