/// Rows that `executeLater` inserts into a table: many of them go to the server with one statement, which costs a part
/// of what as many statements do.
struct WaitingRows {
    let statement: PostgresStatement
    let table: String
    var rows: [[SQLValue]]

    /// How many rows go at once; each is a statement of its own to the server.
    fileprivate static let sizes = [64, 16, 4, 1]
    fileprivate static let most = 64
}

extension PostgresConnection {
    /// Keeps the row of a plain INSERT until many can be sent, and sends any other statement.
    ///
    /// Who reads or changes a table finds its rows sent before. Rows of different tables may arrive in another order
    /// than that in which they were written, so a row must not refer to one that the same transaction inserts later
    /// still.
    func enqueue(_ statement: PostgresStatement) throws {
        guard let table = statement.translation.insertedInto else {
            try sendRows(before: statement)
            return try send(statement)
        }
        guard let index = waitingRows.firstIndex(where: { $0.statement === statement }) else {
            // Other rows of the same table, with other columns.
            try sendRows { $0.table == table }
            waitingRows.append(WaitingRows(statement: statement, table: table, rows: [statement.values]))
            return
        }
        waitingRows[index].rows.append(statement.values)
        if waitingRows[index].rows.count == WaitingRows.most { try send(waitingRows.remove(at: index)) }
    }

    /// Sends the rows of the tables that a statement names.
    func sendRows(before statement: PostgresStatement) throws {
        try sendRows { statement.translation.names($0.table) }
    }

    func sendRows(where isWanted: (WaitingRows) -> Bool) throws {
        guard !waitingRows.isEmpty else { return }
        let wanted = waitingRows.filter(isWanted)
        waitingRows.removeAll(where: isWanted)
        for rows in wanted { try send(rows) }
    }

    private func send(_ waiting: WaitingRows) throws {
        var rest = waiting.rows[...]
        for size in WaitingRows.sizes {
            while rest.count >= size {
                let statement = try waiting.statement.inserting(rows: size)
                try statement.bind(rest.prefix(size).flatMap(\.self), rows: .all)
                defer { statement.finish() }
                try send(statement)
                rest = rest.dropFirst(size)
            }
        }
    }
}
