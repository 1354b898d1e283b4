import ServiceKit
import Shared
import Storage
import SwiftProtobuf

/// SQL of payment batches and their instructions.
package enum PaymentStore {
    package typealias Batch = Cdt_Funding_V1_PaymentBatch

    package struct Numbered: Sendable {
        package var number: Int64
        package var version: Int64
        package var batch: Batch

        package var budget: Budget {
            Budget(
                policy: batch.policy, source: BudgetSource(rawValue: batch.budgetSource.rawValue) ?? .state,
                year: Int(batch.year))
        }
    }

    package struct Instruction: Sendable, Hashable {
        /// `paymentInstructions/{id}`.
        package var name: String
        package var payee: Payee
        package var teamName: String
        package var amount: Int64
        package var state: PaymentState
        package var bankReference: String
        package var paidOn: String
        package var note: String
        package var recordedBy: String

        package init(
            name: String, payee: Payee, teamName: String = "", amount: Int64, state: PaymentState = .reserved,
            bankReference: String = "", paidOn: String = "", note: String = "", recordedBy: String = ""
        ) {
            self.name = name
            self.payee = payee
            self.teamName = teamName
            self.amount = amount
            self.state = state
            self.bankReference = bankReference
            self.paidOn = paidOn
            self.note = note
            self.recordedBy = recordedBy
        }

        /// What the payee reads on the statement.
        package var reference: String { "CDT \(ResourceName.lastID(name).prefix(12).uppercased())" }

        package func message(batch: String) -> Cdt_Funding_V1_PaymentInstruction {
            .with {
                $0.name = name
                $0.batch = batch
                $0.team = payee.team
                $0.teamDisplayName = teamName
                $0.person = payee.person
                $0.amountDong = amount
                $0.state = .init(rawValue: state.rawValue) ?? .unspecified
                $0.bankReference = bankReference
                $0.paidOn = paidOn
                $0.note = note
                $0.recordedBy = recordedBy
                $0.reference = reference
            }
        }
    }

    // MARK: What is owed

    /// What is owed to each payee from a budget, and the last journal that touched it.
    package struct Owed: Sendable {
        package var journal: Int64 = 0
        package var amounts: [(payee: Payee, amount: Int64)] = []
        package init() {}
    }

    package static func lastJournal(_ budget: Budget, _ transaction: ReadTransaction) throws -> Int64 {
        guard let account = try LedgerStore.account(budget[.payable].name, transaction) else { return 0 }
        return Int64(
            try transaction.count(
                "SELECT coalesce(max(journal), 0) FROM ledger_movements WHERE account = ?", [.integer(account.id)]))
    }

    /// By team and person; payees to whom nothing is owed, or who owe, are left out.
    package static func owed(_ budget: Budget, _ transaction: ReadTransaction) throws -> Owed {
        var owed = Owed()
        guard let account = try LedgerStore.account(budget[.payable].name, transaction) else { return owed }
        owed.journal = try lastJournal(budget, transaction)
        let id = SQLValue.integer(account.id)
        owed.amounts = try transaction.query(
            """
            SELECT e.team_id, e.person_id, CAST(sum(CASE WHEN e.debit = ? THEN e.amount ELSE -e.amount END) AS BIGINT)
            FROM ledger_movements m JOIN ledger_entries e ON e.journal = m.journal
            WHERE m.account = ? AND (e.debit = ? OR e.credit = ?) AND e.team_id <> ''
            GROUP BY e.team_id, e.person_id
            HAVING sum(CASE WHEN e.debit = ? THEN e.amount ELSE -e.amount END) > 0 ORDER BY e.team_id, e.person_id
            """, [id, id, id, id, id]
        ) { (Payee(team: try $0.text(0), person: try $0.text(1)), try $0.int64(2)) }
        return owed
    }

    /// Who prepared or checked anything owed from the budget.
    package static func preparers(_ budget: Budget, _ transaction: ReadTransaction) throws -> [String] {
        guard let account = try LedgerStore.account(budget[.payable].name, transaction) else { return [] }
        var subjects: Set<String> = []
        try transaction.forEach(
            """
            SELECT DISTINCT j.maker, j.actor FROM ledger_movements m JOIN ledger_journals j ON j.number = m.journal
            WHERE m.account = ? AND j.kind = ?
            """, [.integer(account.id), SQLValue(JournalKind.accrual.rawValue)]
        ) { subjects.formUnion([try $0.text(0), try $0.text(1)]) }
        return subjects.subtracting([""]).sorted()
    }

    /// How many payments each payee has had from the budget.
    package static func earlierPayments(_ budget: Budget, _ transaction: ReadTransaction) throws -> [Payee: Int] {
        var counts: [Payee: Int] = [:]
        try transaction.forEach(
            """
            SELECT i.team_id, i.person_id, count(*) FROM payment_batches b
            JOIN payment_instructions i ON i.batch = b.number
            WHERE b.policy = ? AND b.source = ? AND b.year = ? GROUP BY i.team_id, i.person_id
            """, [.text(budget.policy), SQLValue(budget.source.rawValue), SQLValue(budget.year)]
        ) { counts[Payee(team: try $0.text(0), person: try $0.text(1))] = try $0.int(2) }
        return counts
    }

    // MARK: Batches

    private static func numbered(_ row: Row) throws -> Numbered {
        var batch = try Batch(serializedBytes: try row.blob(2))
        let version = try row.int64(1)
        batch.etag = Etag.of(version: version)
        return Numbered(number: try row.int64(0), version: version, batch: batch)
    }

    package static func get(_ name: String, _ transaction: ReadTransaction) throws -> Numbered? {
        guard
            var found = try transaction.queryOne(
                "SELECT number, version, content FROM payment_batches WHERE name = ?", [.text(name)], numbered)
        else { return nil }
        found.batch.totals = try totals(found.number, transaction)
        return found
    }

    private static func totals(_ batch: Int64, _ transaction: ReadTransaction) throws
        -> [Cdt_Funding_V1_PaymentStateTotal]
    {
        try transaction.query(
            """
            SELECT state, count(*), CAST(sum(amount) AS BIGINT) FROM payment_instructions WHERE batch = ?
            GROUP BY state ORDER BY state
            """, [.integer(batch)]
        ) { row in
            try .with {
                $0.state = .init(rawValue: try row.int(0)) ?? .unspecified
                $0.instructions = try row.int64(1)
                $0.amountDong = try row.int64(2)
            }
        }
    }

    /// Newest first.
    package static func list(
        policy: String, state: Int?, before: Int64?, limit: Int, _ transaction: ReadTransaction
    ) throws -> [Numbered] {
        let state = SQLValue(state)
        let found = try transaction.query(
            """
            SELECT number, version, content FROM payment_batches
            WHERE (? = '' OR policy = ?) AND (CAST(? AS BIGINT) IS NULL OR state = ?)
                AND (CAST(? AS BIGINT) IS NULL OR number < ?) ORDER BY number DESC LIMIT ?
            """,
            [.text(policy), .text(policy), state, state, SQLValue(before), SQLValue(before), SQLValue(limit)], numbered)
        return try found.map { row in
            var row = row
            row.batch.totals = try totals(row.number, transaction)
            return row
        }
    }

    package static func insert(_ batch: Batch, _ instructions: [Instruction], _ transaction: WriteTransaction) throws {
        let content: [UInt8] = try batch.serializedBytes()
        let number = Int64(try transaction.count("SELECT coalesce(max(number), 0) + 1 FROM payment_batches"))
        try transaction.execute(
            """
            INSERT INTO payment_batches (number, name, policy, source, year, state, version, content)
            VALUES (?, ?, ?, ?, ?, ?, 1, ?)
            """,
            [
                .integer(number), .text(batch.name), .text(batch.policy), SQLValue(batch.budgetSource.rawValue),
                SQLValue(batch.year), SQLValue(batch.state.rawValue), .blob(content),
            ])
        for instruction in instructions {
            try transaction.executeLater(
                """
                INSERT INTO payment_instructions (name, batch, team_id, person_id, amount, state, bank_reference, paid_on,
                    note, recorded_by) VALUES (?, ?, ?, ?, ?, ?, '', '', '', '')
                """,
                [
                    .text(instruction.name), .integer(number), .text(instruction.payee.team),
                    .text(instruction.payee.person), .integer(instruction.amount), SQLValue(instruction.state.rawValue),
                ])
        }
    }

    package static func update(_ batch: Batch, _ transaction: WriteTransaction) throws {
        var stored = batch
        stored.etag = ""
        stored.totals = []
        let content: [UInt8] = try stored.serializedBytes()
        try transaction.execute(
            "UPDATE payment_batches SET state = ?, version = version + 1, content = ? WHERE name = ?",
            [SQLValue(batch.state.rawValue), .blob(content), .text(batch.name)])
    }

    // MARK: Instructions

    private static let columns = """
        i.name, i.team_id, i.person_id, coalesce(t.display_name, ''), i.amount, i.state, i.bank_reference, i.paid_on,
        i.note, i.recorded_by
        """

    private static func instruction(_ row: Row) throws -> Instruction {
        guard let state = PaymentState(rawValue: try row.int(5)) else {
            throw StorageError.misuse("\(try row.text(0)) cannot be read")
        }
        return Instruction(
            name: try row.text(0), payee: Payee(team: try row.text(1), person: try row.text(2)),
            teamName: try row.text(3), amount: try row.int64(4), state: state, bankReference: try row.text(6),
            paidOn: try row.text(7), note: try row.text(8), recordedBy: try row.text(9))
    }

    /// By team and person.
    package static func instructions(
        of batch: Int64, state: PaymentState? = nil, after: Payee? = nil, limit: Int, _ transaction: ReadTransaction
    ) throws -> [Instruction] {
        let state = SQLValue(state?.rawValue)
        return try transaction.query(
            """
            SELECT \(columns) FROM payment_instructions i LEFT JOIN teams t ON t.id = i.team_id
            WHERE i.batch = ? AND (CAST(? AS BIGINT) IS NULL OR i.state = ?) AND (i.team_id, i.person_id) > (?, ?)
            ORDER BY i.team_id, i.person_id LIMIT ?
            """,
            [
                .integer(batch), state, state, .text(after?.team ?? ""), .text(after?.person ?? ""), SQLValue(limit),
            ], instruction)
    }

    package static func instruction(_ name: String, of batch: Int64, _ transaction: ReadTransaction) throws
        -> Instruction?
    {
        try transaction.queryOne(
            """
            SELECT \(columns) FROM payment_instructions i LEFT JOIN teams t ON t.id = i.team_id
            WHERE i.name = ? AND i.batch = ?
            """, [.text(name), .integer(batch)], instruction)
    }

    package static func update(_ instruction: Instruction, _ transaction: WriteTransaction) throws {
        try transaction.executeLater(
            """
            UPDATE payment_instructions SET state = ?, bank_reference = ?, paid_on = ?, note = ?, recorded_by = ?
            WHERE name = ?
            """,
            [
                SQLValue(instruction.state.rawValue), .text(instruction.bankReference), .text(instruction.paidOn),
                .text(instruction.note), .text(instruction.recordedBy), .text(instruction.name),
            ])
    }
}
