import Foundation
import Storage

/// Which of several replicas on one PostgreSQL follows a topic: a row with a fencing token, as with `FeedSequencer`. Each
/// batch changes that row in the transaction that applies it, so of two that think it is their turn, only one commits.
/// Nobody's clock is compared with another's: who waits takes over when the row has not changed for the time of the lease,
/// by its own clock.
struct ConsumerLease: Sendable {
    /// Another replica follows now.
    struct Lost: Error {}

    /// The row as it was found.
    struct Found: Hashable, Sendable {
        var holder: String
        var fence: Int64
        var beat: Int64
    }

    let consumer: String
    /// Who this one is, in the row.
    let replica = UUID().uuidString.lowercased()

    func find(in tx: ReadTransaction) throws -> Found? {
        try tx.queryOne("SELECT holder, fence, beat FROM feed_consumers WHERE name = ?", [.text(consumer)]) {
            Found(holder: try $0.text(0), fence: try $0.int64(1), beat: try $0.int64(2))
        }
    }

    /// Takes the turn unless somebody else has since; the fence, or nil.
    func take(after found: Found, in tx: WriteTransaction) throws -> Int64? {
        let isTaken = try tx.execute(
            """
            UPDATE feed_consumers SET holder = ?, fence = fence + 1, beat = beat + 1
            WHERE name = ? AND fence = ? AND beat = ?
            """, [.text(replica), .text(consumer), .integer(found.fence), .integer(found.beat)])
        return isTaken == 1 ? found.fence + 1 : nil
    }

    /// Says that this one is alive, and throws when it is no longer its turn.
    func keep(_ fence: Int64, in tx: WriteTransaction) throws {
        let isHeld = try tx.execute(
            "UPDATE feed_consumers SET beat = beat + 1 WHERE name = ? AND holder = ? AND fence = ?",
            [.text(consumer), .text(replica), .integer(fence)])
        guard isHeld == 1 else { throw Lost() }
    }

    /// Lets another replica go on at once.
    func release(_ fence: Int64, in tx: WriteTransaction) throws {
        try tx.execute(
            "UPDATE feed_consumers SET holder = '', beat = beat + 1 WHERE name = ? AND holder = ? AND fence = ?",
            [.text(consumer), .text(replica), .integer(fence)])
    }
}
