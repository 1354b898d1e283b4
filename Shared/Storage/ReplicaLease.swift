import Foundation

/// Whose turn it is, of several replicas on one PostgreSQL, to do what only one may do: a row with a fencing token.
/// Each batch of the work changes that row in its own transaction, so of two that think it is their turn, only one
/// commits. Nobody's clock is compared with another's: who waits takes over when the row has not changed for a while,
/// by its own clock.
package struct ReplicaLease: Sendable {
    /// Somebody else has taken over.
    package struct Lost: Error {
        package init() {}
    }

    /// The row as it was found: `beat` rises with each sign of life, `fence` with each turn.
    package struct Row: Hashable, Sendable {
        package var holder: String
        package var fence: Int64
        package var beat: Int64

        package var isFree: Bool { holder.isEmpty }
    }

    private let table: String
    private let column: String
    private let key: SQLValue
    /// Who this one is, in the row.
    package let replica = UUID().uuidString.lowercased()

    /// - Parameters:
    ///   - table: It has the columns `holder`, `fence` and `beat`; the row is the user's to put there.
    ///   - column: The column that tells the row by its `key`.
    package init(table: String, column: String, key: SQLValue) {
        self.table = table
        self.column = column
        self.key = key
    }

    package func find(in tx: ReadTransaction) throws -> Row? {
        try tx.queryOne("SELECT holder, fence, beat FROM \(table) WHERE \(column) = ?", [key]) {
            Row(holder: try $0.text(0), fence: try $0.int64(1), beat: try $0.int64(2))
        }
    }

    /// Takes the turn unless somebody else has since; the fence, or nil.
    package func take(after found: Row, in tx: WriteTransaction) throws -> Int64? {
        let isTaken = try tx.execute(
            """
            UPDATE \(table) SET holder = ?, fence = fence + 1, beat = beat + 1
            WHERE \(column) = ? AND fence = ? AND beat = ?
            """, [.text(replica), key, .integer(found.fence), .integer(found.beat)])
        return isTaken == 1 ? found.fence + 1 : nil
    }

    /// Takes the turn whoever has it; the fence. Who had it loses it with its next sign of life.
    package func seize(in tx: WriteTransaction) throws -> Int64 {
        let fence = try tx.queryOne(
            """
            UPDATE \(table) SET holder = ?, fence = fence + 1, beat = beat + 1 WHERE \(column) = ? RETURNING fence
            """, [.text(replica), key]
        ) { try $0.int64(0) }
        guard let fence else { throw StorageError.misuse("there is no turn \(key) in \(table)") }
        return fence
    }

    /// Says that this one is alive, and throws when it is no longer its turn.
    package func keep(_ fence: Int64, in tx: WriteTransaction) throws {
        let isHeld = try tx.execute(
            "UPDATE \(table) SET beat = beat + 1 WHERE \(column) = ? AND holder = ? AND fence = ?",
            [key, .text(replica), .integer(fence)])
        guard isHeld == 1 else { throw Lost() }
    }

    /// Says that this one is alive, and takes the turn back when somebody else has it; the fence.
    package func keepOrSeize(_ fence: Int64, in tx: WriteTransaction) throws -> Int64 {
        do {
            try keep(fence, in: tx)
            return fence
        } catch is Lost {
            return try seize(in: tx)
        }
    }

    /// Lets another replica go on at once.
    package func release(_ fence: Int64, in tx: WriteTransaction) throws {
        try tx.execute(
            "UPDATE \(table) SET holder = '', beat = beat + 1 WHERE \(column) = ? AND holder = ? AND fence = ?",
            [key, .text(replica), .integer(fence)])
    }

    /// What one that waits for its turn has seen.
    package struct Watch: Sendable {
        private var seen: (row: Row, since: ContinuousClock.Instant)?

        package init() {}

        /// Whether the turn is there to be taken: nobody has it, or who has it has given no sign of life for so long.
        package mutating func mayTake(_ row: Row, after patience: Duration) -> Bool {
            guard !row.isFree else { return true }
            guard let seen, seen.row == row else {
                self.seen = (row, .now)
                return false
            }
            return seen.since + patience < .now
        }

        package mutating func forget() { seen = nil }
    }
}
