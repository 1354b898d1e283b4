import ServiceKit
import Shared
import SwiftProtobuf

/// What an account holds. Money goes TREASURY → APPROPRIATED → COMMITTED → PAYABLE → RESERVED → PAID → SETTLED, or from
/// PAID by RETURNED back to PAYABLE.
package enum AccountKind: Int, Sendable, Hashable, CaseIterable, Comparable {
    case treasury = 1
    case appropriated = 2
    case committed = 3
    case payable = 4
    case reserved = 5
    case paid = 6
    case settled = 7
    case returned = 8

    package static func < (a: AccountKind, b: AccountKind) -> Bool { a.rawValue < b.rawValue }

    package var label: String {
        switch self {
        case .treasury: "treasury"
        case .appropriated: "appropriated"
        case .committed: "committed"
        case .payable: "payable"
        case .reserved: "reserved"
        case .paid: "paid"
        case .settled: "settled"
        case .returned: "returned"
        }
    }

    /// "No account overdraws unless it may." The treasury is where money comes from, so that it always stands below 0
    /// by what it has given. Corrections may take back more than is still owed: the payable then waits to be set off.
    package var mayOverdrawFromTheStart: Bool { self == .treasury || self == .payable }

    /// Whether an operator may decide about it: of what is appropriated, by a decision of the budget's owner.
    package var overdraftCanBeSet: Bool { self == .appropriated }
}

extension BudgetSource {
    package var label: String { self == .state ? "state" : "socialised" }
}

/// The money of one policy from one source in one calendar year.
package struct Budget: Sendable, Hashable, Comparable {
    /// `policies/{id}`.
    package var policy: String
    package var source: BudgetSource
    package var year: Int

    package init(policy: String, source: BudgetSource, year: Int) {
        self.policy = policy
        self.source = source
        self.year = year
    }

    package static func < (a: Budget, b: Budget) -> Bool {
        (a.policy, a.source.rawValue, a.year) < (b.policy, b.source.rawValue, b.year)
    }

    package subscript(_ kind: AccountKind) -> AccountKey { AccountKey(budget: self, kind: kind) }
}

/// Which account: one of each kind per budget.
package struct AccountKey: Sendable, Hashable, Comparable {
    package var budget: Budget
    package var kind: AccountKind

    package init(budget: Budget, kind: AccountKind) {
        self.budget = budget
        self.kind = kind
    }

    package static func < (a: AccountKey, b: AccountKey) -> Bool {
        a.budget != b.budget ? a.budget < b.budget : a.kind < b.kind
    }

    /// `accounts/ha-tinh-119-2023.2024.state.payable`.
    package var name: String {
        "accounts/\(ResourceName.lastID(budget.policy)).\(budget.year).\(budget.source.label).\(kind.label)"
    }
}

/// An account with what went through it.
package struct Account: Sendable, Hashable {
    package var id: Int64
    package var key: AccountKey
    package var mayOverdraw: Bool
    package var debit: Int64
    package var credit: Int64
    /// Counts decisions about it, not movements.
    package var version: Int64

    package var balance: Int64 { debit - credit }

    package var message: Cdt_Funding_V1_Account {
        .with {
            $0.name = key.name
            $0.policy = key.budget.policy
            $0.budgetSource = .init(rawValue: key.budget.source.rawValue) ?? .unspecified
            $0.year = Int32(key.budget.year)
            $0.kind = .init(rawValue: key.kind.rawValue) ?? .unspecified
            $0.mayOverdraw = mayOverdraw
            $0.debitDong = debit
            $0.creditDong = credit
            $0.balanceDong = balance
            $0.etag = Etag.of(version: version)
        }
    }
}
