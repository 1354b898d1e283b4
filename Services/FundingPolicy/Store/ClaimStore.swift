import ServiceKit
import Shared
import Storage
import SwiftProtobuf

/// SQL of claims.
package enum ClaimStore {
    package typealias Claim = Cdt_Funding_V1_Claim

    package struct Numbered: Sendable {
        package var number: Int64
        package var version: Int64
        package var claim: Claim
    }

    private static func numbered(_ row: Row) throws -> Numbered {
        var claim = try Claim(serializedBytes: try row.blob(2))
        let version = try row.int64(1)
        claim.etag = Etag.of(version: version)
        return Numbered(number: try row.int64(0), version: version, claim: claim)
    }

    package static func get(_ name: String, _ transaction: ReadTransaction) throws -> Numbered? {
        try transaction.queryOne(
            "SELECT number, version, content FROM claims WHERE name = ?", [.text(name)], numbered)
    }

    package struct Filter: Sendable {
        package var team = ""
        package var policy = ""
        package var state: Int?
        package init() {}
    }

    /// Newest first.
    package static func list(_ filter: Filter, before: Int64?, limit: Int, _ transaction: ReadTransaction) throws
        -> [Numbered]
    {
        let state = SQLValue(filter.state)
        return try transaction.query(
            """
            SELECT number, version, content FROM claims
            WHERE (? = '' OR team_id = ?) AND (? = '' OR policy = ?) AND (CAST(? AS BIGINT) IS NULL OR state = ?)
                AND (CAST(? AS BIGINT) IS NULL OR number < ?) ORDER BY number DESC LIMIT ?
            """,
            [
                .text(filter.team), .text(filter.team), .text(filter.policy), .text(filter.policy), state, state,
                SQLValue(before), SQLValue(before), SQLValue(limit),
            ], numbered)
    }

    /// Claims of a team under other policies that wait or were approved, oldest first.
    package static func standing(team: String, besides policy: String, _ transaction: ReadTransaction) throws -> [Claim]
    {
        try transaction.query(
            """
            SELECT number, version, content FROM claims WHERE team_id = ? AND policy <> ? AND state IN (1, 2)
            ORDER BY number
            """, [.text(team), .text(policy)], numbered
        ).map(\.claim)
    }

    package static func insert(_ claim: Claim, _ transaction: WriteTransaction) throws {
        let content: [UInt8] = try claim.serializedBytes()
        try transaction.execute(
            """
            INSERT INTO claims (number, name, team_id, policy, state, version, content)
            SELECT coalesce(max(number), 0) + 1, ?, ?, ?, ?, 1, ? FROM claims
            """,
            [.text(claim.name), .text(claim.team), .text(claim.policy), SQLValue(claim.state.rawValue), .blob(content)])
    }

    package static func update(_ claim: Claim, _ transaction: WriteTransaction) throws {
        var stored = claim
        stored.etag = ""
        let content: [UInt8] = try stored.serializedBytes()
        try transaction.execute(
            "UPDATE claims SET state = ?, version = version + 1, content = ? WHERE name = ?",
            [SQLValue(claim.state.rawValue), .blob(content), .text(claim.name)])
    }

    // MARK: Worked days

    /// What the team's approved claims have taken from the ceiling per person and worked day.
    package static func usedByDay(
        team: String, policy: String, component: String, _ transaction: ReadTransaction
    ) throws -> [WorkDay: Int64] {
        var used: [WorkDay: Int64] = [:]
        try transaction.forEach(
            """
            SELECT person_id, day, CAST(sum(amount) AS BIGINT) FROM claim_days
            WHERE team_id = ? AND policy = ? AND component = ? GROUP BY person_id, day
            """, [.text(team), .text(policy), .text(component)]
        ) { used[WorkDay(person: try $0.text(0), date: try $0.date(1))] = try $0.int64(2) }
        return used
    }

    /// Days of these persons in approved claims of whatever team.
    package static func days(
        of persons: [String], policy: String, component: String, _ transaction: ReadTransaction
    ) throws -> Set<WorkDay> {
        var days: Set<WorkDay> = []
        for person in persons {
            try transaction.forEach(
                "SELECT day FROM claim_days WHERE policy = ? AND component = ? AND person_id = ?",
                [.text(policy), .text(component), .text(person)]
            ) { days.insert(WorkDay(person: person, date: try $0.date(0))) }
        }
        return days
    }

    package static func insert(
        _ days: [(day: WorkDay, amount: Int64)], claim: Numbered, _ transaction: WriteTransaction
    ) throws {
        for (day, amount) in days {
            try transaction.executeLater(
                """
                INSERT INTO claim_days (claim, policy, component, team_id, person_id, day, amount)
                VALUES (?, ?, ?, ?, ?, ?, ?)
                """,
                [
                    .integer(claim.number), .text(claim.claim.policy), .text(claim.claim.component),
                    .text(claim.claim.team), .text(day.person), SQLValue(day.date), .integer(amount),
                ])
        }
    }

    /// The days of a claim that was taken back may be claimed again.
    package static func removeDays(of claim: Numbered, _ transaction: WriteTransaction) throws {
        try transaction.execute(
            "DELETE FROM claim_days WHERE team_id = ? AND policy = ? AND component = ? AND claim = ?",
            [
                .text(claim.claim.team), .text(claim.claim.policy), .text(claim.claim.component),
                .integer(claim.number),
            ])
    }
}
