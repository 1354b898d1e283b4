import CLibpq

/// What is done outside of a caller's transaction.
extension PostgresConnection {
    /// Runs statements each of which is a transaction, one after the other, in a session that is known to work.
    func runAlone(_ statements: [(String, [SQLValue])], take: @escaping (OpaquePointer) -> Void = { _ in }) throws {
        let link = try ready()
        for (sql, values) in statements {
            try link.send(text: PostgresSQL(sql).text, values: values) {
                take($0)
                return false
            }
            try link.sync()
        }
        try link.settle()
    }

    /// Whether the transaction with this mark was committed. If it was not, it never will be.
    func wasCommitted(_ mark: CommitMark) throws -> Bool {
        var isVoid: Bool?
        let isolation = "SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL READ COMMITTED"
        try runAlone([(isolation, []), (CommitMark.void, mark.values), (CommitMark.ask, mark.values)]) { result in
            guard PQntuples(result) == 1, let start = PQgetvalue(result, 0, 0) else { return }
            let bytes = UnsafeRawBufferPointer(start: start, count: Int(PQgetlength(result, 0, 0)))
            isVoid = PostgresValue.integer(of: PQftype(result, 0), bytes) == 1
        }
        guard let isVoid else { throw PostgresFailure.lost("the mark of a commit is gone") }
        return !isVoid
    }

    /// Before BEGIN: the transaction's view must be newer than the end of those it waited for.
    func lockForContended() throws {
        do {
            try runAlone([("SELECT pg_advisory_lock(7235542, hashtext(current_schema()))", [])])
        } catch PostgresFailure.blocked {
            // The queue is long. It is a matter of speed alone, so the write tries its luck without.
        }
    }

    func unlockContended() {
        // A session that is gone holds no lock.
        try? runAlone([("SELECT pg_advisory_unlock_all()", [])])
    }
}

extension PostgresConnection {
    /// How transactions that run at the same time see each other.
    enum Isolation: String {
        /// One view; for reads, and for writers that lock the rows they depend on.
        case snapshot = "ISOLATION LEVEL REPEATABLE READ"
        /// As if there were no others.
        case serializable = "ISOLATION LEVEL SERIALIZABLE"
        /// Each statement sees what is committed when it starts.
        case latest = "ISOLATION LEVEL READ COMMITTED"
    }
}
