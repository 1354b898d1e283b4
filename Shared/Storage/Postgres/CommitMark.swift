import Foundation

/// A row that a transaction writes in its last round trip, so that its outcome can be asked for when the connection
/// broke before the server had confirmed the commit.
///
/// Who asks takes the mark's place in the table first, and so waits for a transaction that is still under way; one that
/// comes later finds the place taken and fails. The answer is therefore final.
struct CommitMark: Sendable, Hashable {
    /// Microseconds since 1970, so that new rows stand beside each other and old ones can be removed.
    var at: Int64
    /// Random, because several processes write at the same moment.
    var nonce: Int64

    init() {
        at = Int64(Date().timeIntervalSince1970 * 1_000_000)
        nonce = .random(in: 0 ... .max)
    }

    static let migrations = MigrationSet(
        "storage",
        [
            Migration(
                version: 1, name: "marks of commits",
                sql: """
                    CREATE TABLE storage_commits (
                        at BIGINT NOT NULL,
                        nonce BIGINT NOT NULL,
                        -- 1: its transaction was given up and can no longer be committed
                        is_void BIGINT NOT NULL,
                        PRIMARY KEY (at, nonce)
                    )
                    """)
        ])

    static let record = "INSERT INTO storage_commits (at, nonce, is_void) VALUES (?, ?, 0)"
    static let void = "INSERT INTO storage_commits (at, nonce, is_void) VALUES (?, ?, 1) ON CONFLICT DO NOTHING"
    static let ask = "SELECT is_void FROM storage_commits WHERE at = ? AND nonce = ?"
    static let purge = "DELETE FROM storage_commits WHERE at < ?"

    var values: [SQLValue] { [.integer(at), .integer(nonce)] }

    /// Marks are asked for within minutes; a day allows for clocks that disagree.
    static func purgeable(at now: Date = Date()) -> Int64 { Int64(now.timeIntervalSince1970 - 86_400) * 1_000_000 }
}
