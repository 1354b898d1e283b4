import ServiceKit
import Shared
import Storage
import SwiftProtobuf

/// Rows of campaigns. What is fixed on creation is kept as the contract's message; what changes has columns.
enum CampaignStore {
    private static let columns = """
        id, payload, state, revision, send_at, sending_day, expanded_through, teams_expanded, teams_total, created_at,
        updated_at, paused_from
        """

    static func insert(_ campaign: Campaign, _ transaction: WriteTransaction) throws {
        let payload: [UInt8] = try campaign.content.message.serializedBytes()
        try transaction.execute(
            """
            INSERT INTO campaign (id, payload, state, active, revision, send_at, sending_day, expanded_through,
                teams_expanded, teams_total, created_at, updated_at, acknowledge, article)
            VALUES (?, ?, ?, 0, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            """,
            [
                .text(campaign.id), .blob(payload), SQLValue(campaign.state.rawValue), SQLValue(campaign.revision),
                SQLValue(campaign.sendAt), SQLValue(campaign.sendingDay?.description),
                .text(campaign.expandedThrough), SQLValue(campaign.teamsExpanded), SQLValue(campaign.teamsTotal),
                SQLValue(campaign.createdAt), SQLValue(campaign.updatedAt),
                SQLValue(campaign.content.asksAcknowledgement), .text(campaign.content.article),
            ])
    }

    /// Keeps by which call a campaign was launched, for spans.
    static func launched(_ id: String, by traceparent: String, _ transaction: WriteTransaction) throws {
        try transaction.execute(
            "UPDATE campaign SET traceparent = ? WHERE id = ?", [.text(traceparent), .text(id)])
    }

    /// Takes the values out of what a campaign has said: they named somebody who is erased.
    static func eraseParameters(_ id: String, _ transaction: WriteTransaction) throws {
        guard var content = try get(id, transaction)?.content else { return }
        content.parameters = content.parameters.mapValues { _ in "…" }
        try transaction.execute(
            "UPDATE campaign SET payload = ? WHERE id = ?",
            [.blob(try content.message.serializedBytes()), .text(id)])
    }

    /// Stores what changes. `active`: whether the dispatcher has something to do for it.
    static func update(_ campaign: Campaign, active: Bool, _ transaction: WriteTransaction) throws {
        try transaction.execute(
            """
            UPDATE campaign SET state = ?, active = ?, revision = ?, send_at = ?, sending_day = ?, expanded_through = ?,
                teams_expanded = ?, teams_total = ?, updated_at = ?, paused_from = ? WHERE id = ?
            """,
            [
                SQLValue(campaign.state.rawValue), SQLValue(active), SQLValue(campaign.revision),
                SQLValue(campaign.sendAt), SQLValue(campaign.sendingDay?.description),
                .text(campaign.expandedThrough), SQLValue(campaign.teamsExpanded), SQLValue(campaign.teamsTotal),
                SQLValue(campaign.updatedAt), SQLValue(campaign.pausedFrom?.rawValue), .text(campaign.id),
            ])
        transaction.notify(CampaignSignal.channel(campaign.id))
    }

    static func get(_ id: String, _ transaction: ReadTransaction) throws -> Campaign? {
        try transaction.queryOne("SELECT \(columns) FROM campaign WHERE id = ?", [.text(id)], campaign)
    }

    /// Those the dispatcher has something to do for, in the order of creation.
    static func active(_ transaction: ReadTransaction) throws -> [Campaign] {
        try transaction.query("SELECT \(columns) FROM campaign WHERE active = 1 ORDER BY id", [], campaign)
    }

    /// A page, newest first (ids rise with time).
    static func page(before: String?, state: CampaignState?, limit: Int, _ transaction: ReadTransaction) throws
        -> [Campaign]
    {
        var conditions: [String] = []
        var bindings: [SQLValue] = []
        if let before {
            conditions.append("id < ?")
            bindings.append(.text(before))
        }
        if let state {
            conditions.append("state = ?")
            bindings.append(SQLValue(state.rawValue))
        }
        let filter = conditions.isEmpty ? "" : "WHERE " + conditions.joined(separator: " AND ")
        bindings.append(SQLValue(limit))
        return try transaction.query(
            "SELECT \(columns) FROM campaign \(filter) ORDER BY id DESC LIMIT ?", bindings, campaign)
    }

    private static func campaign(_ row: Row) throws -> Campaign {
        let message = try Cdt_Notification_V1_Campaign(serializedBytes: try row.blob(1))
        guard let state = CampaignState(rawValue: try row.int(2)), let content = CampaignContent(stored: message) else {
            throw StorageError.corrupt("campaign \(try row.text(0)) cannot be read; it was written by a newer release")
        }
        return Campaign(
            id: try row.text(0), content: content, state: state, revision: try row.int(3),
            sendAt: try row.instantOrNull(4),
            sendingDay: try row.dateOrNull(5),
            pausedFrom: try row.intOrNull(11).flatMap { CampaignState(rawValue: $0) }, expandedThrough: try row.text(6),
            teamsExpanded: try row.int(7), teamsTotal: try row.int(8),
            createdAt: try row.instant(9), updatedAt: try row.instant(10))
    }
}

/// Commit signals of this service.
enum CampaignSignal {
    /// Something about this campaign or its messages has changed.
    static func channel(_ campaign: String) -> String { "campaign/\(campaign)" }
    /// The dispatcher has something new to do.
    static let work = "dispatch"
}
