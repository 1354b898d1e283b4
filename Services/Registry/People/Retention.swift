import ServiceKit
import Shared
import Storage
import SwiftProtobuf

/// "Retention after membership ends" (Law 91/2025/QH15): whoever has been in no team for as long as the operator says
/// is erased like somebody who asked for it, and the audit says so.
package struct Retention: Sendable {
    let core: RegistryCore
    /// Days after the last day in a team; 0: people are kept.
    let days: Int
    private static let step = 200

    static let option = Option<Int>.integer(
        "retain-people-days", valueName: "DAYS", in: 0...36_500, default: 3_650,
        help:
            "People are erased, and their memberships kept under a pseudonym, so many days after their last day in a team. "
            + "0 keeps them for ever.")

    /// Erases everybody whose time is over. Returns how many.
    @discardableResult
    package func run() async throws -> Int {
        guard days > 0 else { return 0 }
        let last = core.clock.today.adding(days: -days)
        var after: UniqueID?
        var erased = 0
        while true {
            let due = try await core.database.readPooled { [after] in
                try RetentionStore.due(lastDayBefore: last, after: after, limit: Self.step, in: $0)
            }
            guard let end = due.last else { break }
            let author = Author(actor: "registry", action: "EraseAfterRetention", now: core.clock.now)
            erased += try await core.database.write { [core] tx in
                var count = 0
                for id in due {
                    // Somebody may have joined again in the meantime.
                    guard try RetentionStore.isDue(id, lastDayBefore: last, in: tx),
                        let person = try PersonStore.person(id, in: tx)
                    else { continue }
                    let memberships = try MembershipStore.memberships(ofPersonAlone: id, in: tx)
                    _ = try core.recorder.erase(person, memberships: memberships, by: author, in: tx)
                    count += 1
                }
                return count
            }
            after = end
        }
        if erased > 0 { try await ErasureCalls(core: core).eraseHistory() }
        return erased
    }
}

/// Whose last day in a team is long past. A record that was merged goes with the one it leads to: its memberships are
/// there.
enum RetentionStore {
    /// The record that a person's memberships are with: that at the end, where one was merged after another.
    private static let holder = """
        CASE WHEN p.merged_into IS NULL THEN p.id ELSE (
            WITH RECURSIVE chain (id, next) AS (
                SELECT p.id, p.merged_into UNION ALL
                SELECT s.id, s.merged_into FROM chain c JOIN person s ON s.id = c.next)
            SELECT id FROM chain WHERE next IS NULL) END
        """

    /// Erasing the holder touches its memberships, which must not put off those that were merged into it.
    private static let isOver = """
        p.erased_at IS NULL
            AND EXISTS (SELECT 1 FROM membership m WHERE m.person_id = \(holder))
            AND NOT EXISTS (SELECT 1 FROM membership m
                WHERE m.person_id = \(holder) AND m.is_void = 0 AND m.valid_to > ?)
            AND NOT EXISTS (SELECT 1 FROM membership m JOIN person h ON h.id = m.person_id
                WHERE m.person_id = \(holder) AND m.is_void = 1 AND m.updated_at > ? AND h.erased_at IS NULL)
        """

    /// The first day after the last one, and midnight of that day: a void membership is no day in a team, but says that
    /// somebody looked at the person.
    private static func bindings(_ last: LocalDate) -> [SQLValue] {
        [SQLValue(last), SQLValue(Instant(last))]
    }

    static func due(lastDayBefore last: LocalDate, after: UniqueID?, limit: Int, in tx: ReadTransaction) throws
        -> [UniqueID]
    {
        try tx.query(
            "SELECT p.id FROM person p WHERE p.id > ? AND \(isOver) ORDER BY p.id LIMIT ?",
            [after.map { SQLValue($0) } ?? .blob([])] + bindings(last) + [SQLValue(limit)]
        ) { try $0.id(0) }
    }

    static func isDue(_ id: UniqueID, lastDayBefore last: LocalDate, in tx: ReadTransaction) throws -> Bool {
        try tx.exists("SELECT 1 FROM person p WHERE p.id = ? AND \(isOver)", [SQLValue(id)] + bindings(last))
    }
}
