import ServiceKit
import Shared
import SwiftProtobuf

/// What a journal does. Raw values are the contract's `JournalKind`.
package enum JournalKind: Int, Sendable, Hashable, CaseIterable {
    case appropriation = 1
    case commitment = 2
    case release = 3
    case accrual = 4
    case reservation = 5
    case payment = 6
    case void = 7
    case settlement = 8
    case `return` = 9
    case reopening = 10
    case overdraft = 11
}

/// What an accrual is about: one component of one beneficiary and month, or one item of a claim.
package struct AccruedLine: Sendable, Hashable {
    package var component: String
    /// Of an expense, the month of its date.
    package var month: Month
    /// Due for it altogether, after this entry.
    package var due: Int64
    /// A ceiling cut it: "a posted line that was cut is never due more than was posted".
    package var cut: Bool

    package init(component: String, month: Month, due: Int64, cut: Bool) {
        self.component = component
        self.month = month
        self.due = due
        self.cut = cut
    }
}

/// Money that goes from one account to another: the double entry in one row, so that no entry can be out of balance.
package struct LedgerEntry: Sendable, Hashable {
    /// Gets it.
    package var debit: AccountKey
    /// Gives it.
    package var credit: AccountKey
    /// Never negative; 0 only for a line that a ceiling cut to nothing.
    package var amount: Int64
    package var team: String
    package var person: String
    package var line: AccruedLine?
    /// Key of a claim's item, or `paymentInstructions/{id}`.
    package var item: String

    package init(
        from credit: AccountKey, to debit: AccountKey, _ amount: Int64, team: String = "", person: String = "",
        line: AccruedLine? = nil, item: String = ""
    ) {
        self.debit = debit
        self.credit = credit
        self.amount = amount
        self.team = team
        self.person = person
        self.line = line
        self.item = item
    }

    /// A change of what is owed: more comes out of what was set aside, less goes back to it, as a contra entry.
    package static func accrual(
        _ budget: Budget, delta: Int64, team: String, person: String, line: AccruedLine, item: String = ""
    ) -> LedgerEntry {
        let more = delta >= 0
        return LedgerEntry(
            from: budget[more ? .committed : .payable], to: budget[more ? .payable : .committed],
            Int64(clamping: delta.magnitude), team: team, person: person, line: line, item: item)
    }
}

/// An act to be written into the books.
package struct JournalDraft: Sendable {
    package var kind: JournalKind
    package var actor: String
    package var maker: String
    package var reference: String
    package var document: LegalDocument?
    package var note: String
    package var entries: [LedgerEntry]

    package init(
        _ kind: JournalKind, actor: String, maker: String = "", reference: String, document: LegalDocument? = nil,
        note: String = "", entries: [LedgerEntry]
    ) {
        self.kind = kind
        self.actor = actor
        self.maker = maker
        self.reference = reference
        self.document = document
        self.note = note
        self.entries = entries
    }
}

/// An act in the books.
package struct Journal: Sendable, Hashable {
    package var number: Int64
    package var kind: JournalKind
    package var recordedAt: Instant
    package var actor: String
    package var maker: String
    package var reference: String
    /// The serialized document; empty: none.
    package var document: [UInt8]
    package var note: String
    package var entryCount: Int64
    package var amount: Int64
    package var chainHash: [UInt8]

    package var name: String { "journals/\(number)" }

    package func message() throws -> Cdt_Funding_V1_Journal {
        let document = document.isEmpty ? nil : try Cdt_Common_V1_LegalDocument(serializedBytes: document)
        return .with {
            $0.name = name
            $0.number = number
            $0.kind = .init(rawValue: kind.rawValue) ?? .unspecified
            $0.recordTime = recordedAt.timestamp
            $0.actor = actor
            $0.maker = maker
            $0.reference = reference
            if let document { $0.document = document }
            $0.note = note
            $0.entryCount = entryCount
            $0.amountDong = amount
            $0.chainHash = Hex.text(chainHash)
        }
    }
}
