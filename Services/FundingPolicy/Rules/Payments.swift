import Crypto
import ServiceKit

/// Where one payment stands. Raw values are the contract's `PaymentState`.
package enum PaymentState: Int, Sendable, Hashable, CaseIterable {
    case reserved = 1
    case paid = 2
    case settled = 3
    case failed = 4
    case returned = 5
    case reopened = 6

    package var label: String {
        switch self {
        case .reserved: "RESERVED"
        case .paid: "PAID"
        case .settled: "SETTLED"
        case .failed: "FAILED"
        case .returned: "RETURNED"
        case .reopened: "REOPENED"
        }
    }

    /// Nothing more is expected of it.
    package var isClosed: Bool { self == .settled || self == .failed || self == .reopened }

    /// A step of money from account to account, with the kind of journal it is written in.
    package struct Move: Sendable, Hashable {
        package var kind: JournalKind
        package var from: AccountKind
        package var to: AccountKind
    }

    /// What the books do when a payment goes from this state to another; nil: it cannot. A payment is never posted
    /// without having been reserved, and never both posted and voided.
    package func moves(to next: PaymentState) -> [Move]? {
        let pay = Move(kind: .payment, from: .reserved, to: .paid)
        switch (self, next) {
        case (.reserved, .paid): return [pay]
        case (.reserved, .settled): return [pay, Move(kind: .settlement, from: .paid, to: .settled)]
        case (.reserved, .failed): return [Move(kind: .void, from: .reserved, to: .payable)]
        case (.reserved, .returned): return [pay, Move(kind: .return, from: .paid, to: .returned)]
        case (.paid, .settled): return [Move(kind: .settlement, from: .paid, to: .settled)]
        case (.paid, .returned): return [Move(kind: .return, from: .paid, to: .returned)]
        // Banks send money back after their statement, too.
        case (.settled, .returned): return [Move(kind: .return, from: .settled, to: .returned)]
        case (.returned, .reopened): return [Move(kind: .reopening, from: .returned, to: .payable)]
        default: return nil
        }
    }
}

/// Who is paid: a team, or a member through the team the month is booked to.
package struct Payee: Sendable, Hashable, Comparable {
    package var team: String
    /// Empty: the team itself.
    package var person: String

    package init(team: String, person: String) {
        self.team = team
        self.person = person
    }

    package static func < (a: Payee, b: Payee) -> Bool { (a.team, a.person) < (b.team, b.person) }

    /// The name of the payee's next payment from a budget: made again from the same books, it is the same, so that a
    /// bank that has seen it knows it.
    package func instruction(_ budget: Budget, earlier: Int) -> String {
        var hash = SHA256()
        for part in [
            "payment/1", budget.policy, budget.source.label, String(budget.year), team, person, String(earlier),
        ] {
            hash.update(data: Array("\(part.utf8.count):\(part)".utf8))
        }
        return "paymentInstructions/" + Hex.text(hash.finalize().prefix(16))
    }
}

/// CSV as RFC 4180 has it, with texts that a spreadsheet would run as a formula made harmless.
package enum CSVField {
    private static let formulaStarts: Set<Character> = ["=", "+", "-", "@", "\t", "\r"]

    package static func text(_ text: String) -> String {
        var text = text
        if let first = text.first, formulaStarts.contains(first) { text = "'" + text }
        guard text.contains(where: { $0 == "," || $0 == "\"" || $0.isNewline }) else { return text }
        return "\"" + text.replacing("\"", with: "\"\"") + "\""
    }

    package static func line(_ fields: [String]) -> String { fields.map(text).joined(separator: ",") + "\r\n" }
}
