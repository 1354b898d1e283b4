import ServiceKit
import Storage

/// Sums of what reports tell, per place and per bucket (see `PlaceCover`) and month.
///
/// Like the figures they change in the transaction that changes the report, so they are exact at any moment. Of a stock
/// the rows say by how much it rose or fell in each month; up to a month they add up to the stock.
struct AchievementStore: Sendable {
    struct Changes {
        struct Key: Hashable {
            var counted: TeamRow.CountedAt
            var month: Month
            var measure: Measure
        }
        private(set) var sums: [Key: Amount] = [:]

        mutating func add(_ amount: Amount, _ measure: Measure, _ month: Month, at counted: TeamRow.CountedAt) {
            sums[Key(counted: counted, month: month, measure: measure), default: .zero] += amount
        }
    }

    /// - Parameter slot: the one to add in; readers sum over all.
    func apply(_ changes: Changes, slot: Int, in tx: WriteTransaction) throws {
        struct Holder: Hashable {
            var scope: SumScope
            var id: Int
            var level: TeamLevel
            var month: Month
            var measure: Measure
        }
        var sums: [Holder: Amount] = [:]
        for (key, amount) in changes.sums where amount != .zero {
            for (scope, id) in key.counted.holders {
                sums[
                    Holder(
                        scope: scope, id: id, level: key.counted.level, month: key.month, measure: key.measure),
                    default: .zero] += amount
            }
        }
        for (holder, amount) in sums where amount != .zero {
            try tx.execute(
                """
                INSERT INTO achievements (kind, scope, holder, month, measure, level, slot, value, terms, at_least, nearly)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                ON CONFLICT (kind, scope, holder, month, measure, level, slot) DO UPDATE SET
                    value = achievements.value + excluded.value, terms = achievements.terms + excluded.terms,
                    at_least = achievements.at_least + excluded.at_least, nearly = achievements.nearly + excluded.nearly
                """,
                [
                    SQLValue(holder.measure.kind.rawValue), SQLValue(holder.scope.rawValue), SQLValue(holder.id),
                    .text(holder.month.description), .text(holder.measure.text), SQLValue(holder.level.rawValue),
                    SQLValue(slot), .integer(amount.value), .integer(amount.values), .integer(amount.atLeast),
                    .integer(amount.nearly),
                ])
        }
    }

    /// The rows of some months in the sums that a cover names.
    func forEach(
        _ kind: Measure.Kind, _ cover: PlaceCover, from: Month?, through: Month, level: TeamLevel?,
        in tx: ReadTransaction, _ body: (Month, Measure, Amount) -> Void
    ) throws {
        for part in cover.parts {
            var sql = """
                SELECT month, measure, level, value, terms, at_least, nearly, holder FROM achievements
                WHERE kind = ? AND scope = ? AND month >= ? AND month <= ?
                """
            var bindings: [SQLValue] = [
                SQLValue(kind.rawValue), SQLValue(part.scope.rawValue), .text(from?.description ?? ""),
                .text(through.description),
            ]
            if let holder = part.holder {
                sql += " AND holder = ?"
                bindings.append(SQLValue(holder))
            }
            try tx.forEach(sql, bindings) { row in
                guard try part.wanted.contains(row.int(7)), try level.map({ try row.int(2) == $0.rawValue }) ?? true,
                    let month = Month(try row.text(0)), let measure = Measure(kind, text: try row.text(1))
                else { return }
                let amount = Amount(
                    value: try row.int64(3), values: try row.int64(4), atLeast: try row.int64(5),
                    nearly: try row.int64(6))
                body(month, measure, part.isMinus ? .zero - amount : amount)
            }
        }
    }
}

/// The stocks that reports tell of, as they stand.
enum StockStore {
    static func values(of team: String, _ code: String, in tx: ReadTransaction) throws -> [StockValue] {
        try tx.query(
            "SELECT person, counted, source, value, at_least, nearly FROM stocks WHERE team = ? AND code = ?",
            [.text(team), .text(code)]
        ) { row in
            StockValue(
                person: try row.text(0), counted: Month(try row.text(1)) ?? Month(index: 0),
                source: Month(try row.text(2)) ?? Month(index: 0),
                amount: Amount(
                    value: try row.int64(3), values: 1, atLeast: try row.int64(4), nearly: try row.int64(5)))
        }
    }

    static func codes(of team: String, in tx: ReadTransaction) throws -> [String] {
        try tx.query("SELECT DISTINCT code FROM stocks WHERE team = ? ORDER BY code", [.text(team)]) {
            try $0.text(0)
        }
    }

    /// Replaces what one subject's report for a period tells of a stock.
    ///
    /// - Parameter isFirst: there is nothing to replace.
    static func replace(
        _ key: ObligationKey, _ code: String, with values: [StockValue], isFirst: Bool, in tx: WriteTransaction
    ) throws {
        if !isFirst {
            try tx.execute(
                "DELETE FROM stocks WHERE team = ? AND code = ? AND source = ? AND person = ?",
                [.text(key.team), .text(code), .text(key.period.description), .text(key.person)])
        }
        for value in values {
            try tx.execute(
                """
                INSERT INTO stocks (team, code, counted, source, person, value, at_least, nearly)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?)
                """,
                [
                    .text(key.team), .text(code), .text(value.counted.description), .text(value.source.description),
                    .text(value.person), .integer(value.amount.value), .integer(value.amount.atLeast),
                    .integer(value.amount.nearly),
                ])
        }
    }
}
