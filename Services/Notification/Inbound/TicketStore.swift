import ServiceKit
import Shared
import Storage
import SwiftProtobuf

/// What somebody wrote back.
struct Ticket: Sendable, Hashable {
    /// Raw values are those of the contract's `TicketState`.
    enum State: Int, Sendable, Hashable {
        case open = 1
        case answered = 2
    }

    var id: String
    var state = State.open
    var channel: ChannelKind
    var account: String
    /// Empty: nobody that is known.
    var person = ""
    /// `campaigns/{id}/deliveries/{id}`, or empty.
    var delivery = ""
    /// Bare, or empty.
    var team = ""
    var text: String
    var answer = ""
    var difficulty = ""
    var revision = 1
    var createdAt: Instant
    var answeredAt: Instant?
    /// The message that carries the answer, `campaigns/{id}/deliveries/{id}`, or empty.
    var answerDelivery = ""
    /// The article that it was answered with, bare, or empty.
    var article = ""

    var message: Cdt_Notification_V1_Ticket {
        .with {
            $0.name = "tickets/\(id)"
            $0.state = .init(rawValue: state.rawValue) ?? .unspecified
            $0.channel = .init(channel)
            $0.account = account
            $0.person = person.isEmpty ? "" : "people/\(person)"
            $0.delivery = delivery
            $0.team = team.isEmpty ? "" : "teams/\(team)"
            $0.text = text
            $0.answer = answer
            $0.difficulty = difficulty
            $0.etag = Etag.of(version: Int64(revision))
            $0.createTime = createdAt.timestamp
            if let answeredAt { $0.answerTime = answeredAt.timestamp }
            $0.answerDelivery = answerDelivery
            $0.article = article.isEmpty ? "" : "articles/\(article)"
        }
    }
}

enum TicketStore {
    private static let columns = """
        id, state, channel, account, person, delivery, team, body, answer, difficulty, revision, created_at, answered_at,
        answer_delivery, article
        """
    /// Longer texts are cut: nobody writes a report into a chat.
    private static let longestText = 4_000

    /// Writes a reply down, tied to who wrote it and to what they were told last.
    static func open(
        _ id: String, from person: String?, text: String, _ event: InboundEvent, now: Instant,
        _ transaction: WriteTransaction
    ) throws {
        var ticket = Ticket(
            id: id, channel: event.channel, account: event.account,
            text: String(String.UnicodeScalarView(text.nfc.unicodeScalars.prefix(longestText))), createdAt: now)
        if let person {
            ticket.person = person
            if let last = try DeliveryStore.newest(of: person, transaction) {
                ticket.delivery = "campaigns/\(last.campaign)/deliveries/\(last.id)"
                ticket.team = try DeliveryStore.subjects(last.id, transaction).first?.team ?? ""
            }
        }
        try insert(ticket, transaction)
    }

    static func insert(_ ticket: Ticket, _ transaction: WriteTransaction) throws {
        try transaction.execute(
            "INSERT INTO ticket (\(columns)) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                .text(ticket.id), SQLValue(ticket.state.rawValue), SQLValue(ticket.channel.rawValue),
                .text(ticket.account), .text(ticket.person), .text(ticket.delivery), .text(ticket.team),
                .text(ticket.text), .text(ticket.answer), .text(ticket.difficulty), SQLValue(ticket.revision),
                SQLValue(ticket.createdAt), SQLValue(ticket.answeredAt), .text(ticket.answerDelivery),
                .text(ticket.article),
            ])
    }

    static func answer(_ ticket: Ticket, _ transaction: WriteTransaction) throws {
        try transaction.execute(
            """
            UPDATE ticket SET state = ?, answer = ?, difficulty = ?, revision = ?, answered_at = ?, answer_delivery = ?,
                article = ? WHERE id = ?
            """,
            [
                SQLValue(ticket.state.rawValue), .text(ticket.answer), .text(ticket.difficulty),
                SQLValue(ticket.revision), SQLValue(ticket.answeredAt), .text(ticket.answerDelivery),
                .text(ticket.article), .text(ticket.id),
            ])
    }

    static func get(_ id: String, _ transaction: ReadTransaction) throws -> Ticket? {
        try transaction.queryOne("SELECT \(columns) FROM ticket WHERE id = ?", [.text(id)], ticket)
    }

    static func page(state: Ticket.State?, after: String, limit: Int, _ transaction: ReadTransaction) throws -> [Ticket]
    {
        let filter = state.map { " AND state = \($0.rawValue)" } ?? ""
        return try transaction.query(
            "SELECT \(columns) FROM ticket WHERE id > ?\(filter) ORDER BY id LIMIT ?", [.text(after), SQLValue(limit)],
            ticket)
    }

    static func countOpen(_ transaction: ReadTransaction) throws -> Int {
        try transaction.count("SELECT count(*) FROM ticket WHERE state = ?", [SQLValue(Ticket.State.open.rawValue)])
    }

    /// How many were answered with an article.
    static func count(article: String, _ transaction: ReadTransaction) throws -> Int {
        try transaction.count("SELECT count(*) FROM ticket WHERE article = ?", [.text(article)])
    }

    /// "Erasure reaches consumers": what the person wrote goes, what they were answered, and that it was them.
    static func erase(person: String, _ transaction: WriteTransaction) throws {
        let answers = try transaction.query(
            "SELECT answer_delivery FROM ticket WHERE person = ? AND answer_delivery <> ''", [.text(person)]
        ) { try $0.text(0) }
        for answer in answers {
            if let campaign = Names.delivery(answer)?.campaign {
                try CampaignStore.eraseParameters(campaign, transaction)
            }
        }
        try transaction.execute(
            "UPDATE ticket SET person = '', body = '', answer = '' WHERE person = ?", [.text(person)])
    }

    private static func ticket(_ row: Row) throws -> Ticket {
        Ticket(
            id: try row.text(0), state: Ticket.State(rawValue: try row.int(1)) ?? .open,
            channel: ChannelKind(rawValue: try row.int(2)) ?? .zaloText, account: try row.text(3),
            person: try row.text(4), delivery: try row.text(5), team: try row.text(6), text: try row.text(7),
            answer: try row.text(8), difficulty: try row.text(9), revision: try row.int(10),
            createdAt: try row.instant(11), answeredAt: try row.instantOrNull(12), answerDelivery: try row.text(13),
            article: try row.text(14))
    }
}
