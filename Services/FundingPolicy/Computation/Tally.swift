import Crypto
import ServiceKit
import Shared
import SwiftProtobuf

/// Sums lines per policy and month as they come, team by team.
package struct Tally: Sendable {
    private struct Key: Hashable {
        var policy: Int
        var month: Month
    }

    private struct Sums {
        var amount: Int64 = 0
        var byLevel: [TeamLevel: Int64] = [:]
        var teamsPaid: Int64 = 0
        var personsPaid: Int64 = 0
        var considered: Int64 = 0
        var refused: Int64 = 0
        var toConsolidate: Int64 = 0
        var reasons: [RefusalReason: Int64] = [:]

        mutating func add(_ line: EntitlementLine) throws(Money.Overflow) {
            amount = try Money.add(amount, line.amount)
            byLevel[line.level] = try Money.add(byLevel[line.level, default: 0], line.amount)
            for reason in line.reasons.ordered { reasons[reason, default: 0] += 1 }
            if line.amount == 0, !line.reasons.isEmpty { refused += 1 }
        }
    }

    private let policies: [Policy]
    private var sums: [Key: Sums] = [:]
    package private(set) var amount: Int64 = 0
    package private(set) var lineCount: Int64 = 0
    /// Lines that the books are to learn of, and what they change by budget.
    package private(set) var linesToPost: Int64 = 0
    package private(set) var budgets: [Budget: BudgetChange] = [:]

    package init(policies: [Policy]) { self.policies = policies }

    /// All lines of one team.
    package mutating func add(_ result: Sweep.TeamResult) throws(Money.Overflow) {
        for (policy, month) in result.considered {
            sums[Key(policy: policy, month: month), default: Sums()].considered += 1
        }
        try add(result.lines)
    }

    /// All lines of one team; those booked elsewhere stay out.
    package mutating func add(_ lines: [EntitlementLine]) throws(Money.Overflow) {
        var paidPersons: [Key: Set<String>] = [:]
        var paidTeams: [Key: Bool] = [:]
        for line in lines {
            let key = Key(policy: line.policy, month: line.month)
            try sums[key, default: Sums()].add(line)
            amount = try Money.add(amount, line.amount)
            lineCount += 1
            if line.isToPost { try post(line) }
            if line.amount > 0 {
                paidTeams[key] = paidTeams[key] == true || line.needsConsolidation
                if let person = line.person { paidPersons[key, default: []].insert(person) }
            }
        }
        for (key, needsConsolidation) in paidTeams {
            sums[key, default: Sums()].teamsPaid += 1
            if needsConsolidation { sums[key, default: Sums()].toConsolidate += 1 }
        }
        for (key, persons) in paidPersons { sums[key, default: Sums()].personsPaid += Int64(persons.count) }
    }

    private mutating func post(_ line: EntitlementLine) throws(Money.Overflow) {
        linesToPost += 1
        let budget = Budget(
            policy: policies[line.policy].name, source: policies[line.policy].budgetSource, year: line.month.year)
        try budgets[budget, default: BudgetChange()].add(line.amount, instead: line.postedBefore)
    }

    /// By policy and month.
    package var totals: [Cdt_Funding_V1_PolicyMonthTotal] {
        sums.sorted {
            (policies[$0.key.policy].name, policies[$0.key.policy].version, $0.key.month)
                < (policies[$1.key.policy].name, policies[$1.key.policy].version, $1.key.month)
        }.map { key, own in
            let policy = policies[key.policy]
            return .with {
                $0.policy = policy.name
                $0.policyVersion = Int32(policy.version)
                $0.title = policy.title
                $0.titleVi = policy.titleVi
                $0.month = key.month.description
                $0.amountDong = own.amount
                $0.communeTeamAmountDong = own.byLevel[.commune] ?? 0
                $0.hamletTeamAmountDong = own.byLevel[.hamlet] ?? 0
                $0.teamsPaid = own.teamsPaid
                $0.personsPaid = own.personsPaid
                $0.teamsConsidered = own.considered
                $0.linesRefused = own.refused
                $0.reasons = own.reasons.sorted { $0.key < $1.key }.map { reason, lines in
                    .with {
                        $0.reason = .init(rawValue: reason.rawValue) ?? .unspecified
                        $0.lines = lines
                    }
                }
                $0.teamsToConsolidate = own.toConsolidate
            }
        }
    }
}

/// The hash of what the books held for each line of a run: two runs with the same one post the same.
package struct PostingHash: Sendable {
    private var hash = SHA256()

    package init() { hash.update(data: Array("posting/1".utf8)) }

    package mutating func add(_ line: EntitlementLine) {
        for value in [line.postedBefore, line.amount, line.isToPost ? 1 : 0] {
            withUnsafeBytes(of: value.littleEndian) { hash.update(bufferPointer: $0) }
        }
    }

    package func finalize() -> String { Hex.text(hash.finalize()) }
}

/// The hash of a run's inputs: "same inputs, same run". Over the rules' version, the scope, each policy version's
/// content and, of every line, the days on which each condition held. Facts that lie outside the run's months do not
/// count, nor does what the books hold: what was posted cuts what follows, so that a run that was posted would not find
/// itself again.
package struct SnapshotHash: Sendable {
    private var hash = SHA256()

    package init(_ sweep: Sweep) {
        add(EntitlementRules.version)
        add(sweep.unit)
        add("\(sweep.months.lowerBound)/\(sweep.months.upperBound)")
        for policy in sweep.policies {
            add(policy.policy.name)
            add("\(policy.policy.version) \(policy.contentHash)")
        }
    }

    package mutating func add(_ line: EntitlementLine) {
        guard !line.isOnlyRecorded else { return }
        let reasons = line.reasons.subtracting(RefusalReasons(.cap))
        add(line.team)
        add(line.person ?? "")
        var record: [Int64] = [
            Int64(line.month.index), Int64(line.level.rawValue), Int64(line.policy), Int64(line.component),
            Int64(line.days.bits), line.gross, Int64(reasons.rawValue), Int64(line.yieldsTo ?? -1),
            line.needsConsolidation ? 1 : 0,
        ]
        for (_, days) in line.conditions.byReason { record.append(Int64(days.bits)) }
        record.withUnsafeBytes { hash.update(bufferPointer: $0) }
        for part in line.contributions {
            add(part.team)
            withUnsafeBytes(of: part.days.bits.littleEndian) { hash.update(bufferPointer: $0) }
        }
    }

    /// Each text with its length, so that no two inputs look alike.
    private mutating func add(_ text: String) {
        let bytes = Array(text.utf8)
        withUnsafeBytes(of: UInt32(bytes.count).littleEndian) { hash.update(bufferPointer: $0) }
        hash.update(data: bytes)
    }

    package func finalize() -> String { Hex.text(hash.finalize()) }
}
