import ServiceKit
import Shared
import Storage
import SwiftProtobuf

/// SQL of runs and their lines.
package enum RunStore {
    /// Wakes the worker.
    package static let startedChannel = "funding-runs-started"
    /// Wakes those who watch.
    package static let progressChannel = "funding-runs-progress"

    package typealias Run = Cdt_Funding_V1_Run

    /// A run with its number, which is short where thousands of lines refer to it.
    package struct Numbered: Sendable {
        package var number: Int64
        package var run: Run
    }

    static func numbered(_ row: Row) throws -> Numbered {
        var run = try Run(serializedBytes: try row.blob(1))
        // A run's life goes one way only, so that its state tells its versions apart.
        run.etag = Etag.of(version: Int64(run.state.rawValue))
        return Numbered(number: try row.int64(0), run: run)
    }

    package static func get(_ name: String, _ transaction: ReadTransaction) throws -> Numbered? {
        try transaction.queryOne("SELECT number, content FROM runs WHERE name = ?", [.text(name)], numbered)
    }

    /// The oldest run that is still to be computed.
    package static func nextRunning(_ transaction: ReadTransaction) throws -> Numbered? {
        try transaction.queryOne(
            "SELECT number, content FROM runs WHERE state = 1 ORDER BY number LIMIT 1", [], numbered)
    }

    /// The run of the same scope that is being computed.
    package static func running(_ run: Run, _ transaction: ReadTransaction) throws -> Run? {
        try transaction.queryOne(
            """
            SELECT number, content FROM runs
            WHERE unit = ? AND policy = ? AND from_month = ? AND to_month = ? AND state = 1 LIMIT 1
            """, scope(run), numbered)?.run
    }

    static func scope(_ run: Run) -> [SQLValue] {
        [.text(run.unit), .text(run.policy), .text(run.fromMonth), .text(run.toMonth)]
    }

    package static func list(unit: String, before: Int64?, limit: Int, _ transaction: ReadTransaction) throws
        -> [Numbered]
    {
        try transaction.query(
            """
            SELECT number, content FROM runs WHERE (? = '' OR unit = ?) AND (CAST(? AS BIGINT) IS NULL OR number < ?)
            ORDER BY number DESC LIMIT ?
            """, [.text(unit), .text(unit), SQLValue(before), SQLValue(before), SQLValue(limit)], numbered)
    }

    package static func insert(_ run: Run, _ transaction: WriteTransaction) throws {
        let content: [UInt8] = try run.serializedBytes()
        try transaction.execute(
            """
            INSERT INTO runs (number, name, state, unit, policy, from_month, to_month, snapshot_hash, content)
            SELECT coalesce(max(number), 0) + 1, ?, ?, ?, ?, ?, ?, ?, ? FROM runs
            """,
            [.text(run.name), SQLValue(run.state.rawValue)] + scope(run) + [.text(run.snapshotHash), .blob(content)])
        transaction.notify(startedChannel)
        transaction.notify(progressChannel)
    }

    package static func update(_ run: Run, _ transaction: WriteTransaction) throws {
        var run = run
        run.etag = ""
        let content: [UInt8] = try run.serializedBytes()
        try transaction.execute(
            "UPDATE runs SET state = ?, snapshot_hash = ?, content = ? WHERE name = ?",
            [SQLValue(run.state.rawValue), .text(run.snapshotHash), .blob(content), .text(run.name)])
        transaction.notify(progressChannel)
    }

    // MARK: Lines

    package struct StoredLine: Sendable {
        package var record: LineRecord
        /// The serialized `Evidence`, and the key it is kept under.
        package let evidence: [UInt8]
        let evidenceKey: [UInt8]

        package init(record: LineRecord, evidence: [UInt8]) {
            self.record = record
            self.evidence = evidence
            evidenceKey = Evidence.key(of: evidence)
        }
    }

    package static func insert(_ lines: [StoredLine], run: Int64, _ transaction: WriteTransaction) throws {
        for line in lines {
            let key = line.evidenceKey
            try transaction.executeLater(
                "INSERT INTO evidence (hash, content) VALUES (?, ?) ON CONFLICT (hash) DO NOTHING",
                [.blob(key), .blob(line.evidence)])
            let record = line.record
            try transaction.executeLater(
                """
                INSERT INTO run_lines (run, month, team_id, person_id, policy, component, policy_version, team_level,
                    rule, amount, days, reasons, needs_consolidation, yields_to, evidence, posted_before, to_post)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                """,
                [
                    .integer(run), .text(record.month.description), .text(record.team), .text(record.person ?? ""),
                    .text(record.policy), .text(record.component), SQLValue(record.policyVersion),
                    SQLValue(record.level.rawValue), SQLValue(record.rule.rawValue), .integer(record.amount),
                    .integer(Int64(record.days.bits)), .integer(Int64(record.reasons.rawValue)),
                    SQLValue(record.needsConsolidation), .text(record.yieldsTo ?? ""), .blob(key),
                    .integer(record.postedBefore), SQLValue(record.isToPost),
                ])
        }
    }

    /// Removes lines of a run that did not come to its end, a bounded number at a time; how many went.
    package static func clearLines(run: Int64, limit: Int, _ transaction: WriteTransaction) throws -> Int {
        try transaction.execute(
            """
            DELETE FROM run_lines WHERE run = ? AND (month, team_id, person_id, policy, component) IN
                (SELECT month, team_id, person_id, policy, component FROM run_lines WHERE run = ? LIMIT ?)
            """, [.integer(run), .integer(run), SQLValue(limit)])
    }

    package struct LineFilter: Sendable {
        package var team = ""
        package var reason: RefusalReason?
        /// Only lines that posting books.
        package var onlyToPost = false
        package init() {}
    }

    /// Where a page ends.
    package struct Position: Sendable, Hashable {
        package var month: String
        package var team: String
        package var person: String
        package var policy: String
        package var component: String

        package init(_ record: LineRecord) {
            month = record.month.description
            team = record.team
            person = record.person ?? ""
            policy = record.policy
            component = record.component
        }

        package var values: [String] { [month, team, person, policy, component] }

        package init?(_ values: [String]) {
            guard values.count == 5 else { return nil }
            (month, team, person, policy, component) = (values[0], values[1], values[2], values[3], values[4])
        }
    }

    /// By month, team, person, policy and component.
    package static func lines(
        run: Int64, _ filter: LineFilter, after: Position?, limit: Int, _ transaction: ReadTransaction
    ) throws -> [StoredLine] {
        let reason = filter.reason.map { Int64(RefusalReasons($0).rawValue) }
        return try transaction.query(
            """
            SELECT l.month, l.team_id, l.person_id, l.policy, l.component, l.policy_version, l.team_level, l.rule,
                l.amount, l.days, l.reasons, l.needs_consolidation, l.yields_to, e.content, l.posted_before, l.to_post
            FROM run_lines l JOIN evidence e ON e.hash = l.evidence
            WHERE l.run = ? AND (l.month, l.team_id, l.person_id, l.policy, l.component) > (?, ?, ?, ?, ?)
                AND (? = '' OR l.team_id = ?) AND (CAST(? AS BIGINT) IS NULL OR (l.reasons & ?) <> 0)
                AND (? = 0 OR l.to_post = 1)
            ORDER BY l.month, l.team_id, l.person_id, l.policy, l.component LIMIT ?
            """,
            [.integer(run)] + (after?.values ?? ["", "", "", "", ""]).map { .text($0) }
                + [.text(filter.team), .text(filter.team), SQLValue(reason), SQLValue(reason)]
                + [SQLValue(filter.onlyToPost), SQLValue(limit)]
        ) { row in
            guard let month = Month(try row.text(0)), let level = TeamLevel(rawValue: try row.int(6)),
                let rule = PartMonthRule(rawValue: try row.int(7))
            else { throw StorageError.misuse("a line of run \(run) cannot be read") }
            let person = try row.text(2)
            let yieldsTo = try row.text(12)
            var record = LineRecord(
                month: month, team: try row.text(1), level: level, person: person.isEmpty ? nil : person,
                policy: try row.text(3), policyVersion: try row.int(5), component: try row.text(4), rule: rule,
                amount: try row.int64(8), days: MonthDays(month, bits: UInt32(truncatingIfNeeded: try row.int64(9))),
                reasons: RefusalReasons(rawValue: UInt16(truncatingIfNeeded: try row.int64(10))),
                needsConsolidation: try row.bool(11), yieldsTo: yieldsTo.isEmpty ? nil : yieldsTo)
            record.postedBefore = try row.int64(14)
            record.isToPost = try row.bool(15)
            return StoredLine(record: record, evidence: try row.blob(13))
        }
    }
}
