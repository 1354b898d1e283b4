import SQLite

/// A SQLite file.
final class Database {
    private let handle: OpaquePointer

    init(_ path: String) throws {
        var opened: OpaquePointer?
        let status = sqlite3_open(path, &opened)
        guard status == SQLITE_OK, let opened else {
            throw Refusal(description: "\(path): \(String(cString: sqlite3_errstr(status)))")
        }
        handle = opened
    }

    deinit { sqlite3_close(handle) }

    /// Runs one statement with the texts for its `?`, and returns its rows.
    @discardableResult func run(_ sql: String, _ values: String...) throws -> [[String]] {
        var prepared: OpaquePointer?
        try check(sqlite3_prepare_v2(handle, sql, -1, &prepared, nil))
        defer { sqlite3_finalize(prepared) }
        // -1 stands for SQLITE_TRANSIENT, a macro that Swift does not have: SQLite makes a copy.
        let copied = unsafeBitCast(-1, to: sqlite3_destructor_type.self)
        for (index, value) in values.enumerated() {
            try check(sqlite3_bind_text(prepared, Int32(index + 1), value, -1, copied))
        }
        var rows: [[String]] = []
        while true {
            let status = sqlite3_step(prepared)
            guard status == SQLITE_ROW else {
                try check(status == SQLITE_DONE ? SQLITE_OK : status)
                return rows
            }
            rows.append(
                (0..<sqlite3_column_count(prepared)).map { column in
                    sqlite3_column_text(prepared, column).map { String(cString: $0) } ?? ""
                })
        }
    }

    /// All of it, or nothing.
    func transaction(_ body: () throws -> Void) throws {
        try run("begin immediate")
        do {
            try body()
            try run("commit")
        } catch {
            _ = try? run("rollback")
            throw error
        }
    }

    private func check(_ status: Int32) throws {
        guard status == SQLITE_OK else {
            throw Refusal(description: "SQLite: \(String(cString: sqlite3_errmsg(handle)))")
        }
    }
}
