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
        }
    }
}

enum TicketStore {
    private static let columns = """
        id, state, channel, account, person, delivery, team, body, answer, difficulty, revision, created_at, answered_at
        """
    /// Longer texts are cut: nobody writes a report into a chat.
    private static let longestText = 4_000

    /// Writes a reply down, tied to who wrote it and to what they were told last.
    static func open(
        _ id: String, user: String, text: String, _ event: InboundEvent, now: Instant, _ transaction: WriteTransaction
    ) throws {
        var ticket = Ticket(
            id: id, channel: event.channel, account: event.account,
            text: String(String.UnicodeScalarView(text.nfc.unicodeScalars.prefix(longestText))), createdAt: now)
        if event.channel != .sms, let person = try person(zaloUser: user, transaction) {
            ticket.person = person
            if let last = try DeliveryStore.newest(of: person, transaction) {
                ticket.delivery = "campaigns/\(last.campaign)/deliveries/\(last.id)"
                ticket.team = try DeliveryStore.subjects(last.id, transaction).first?.team ?? ""
            }
        }
        try insert(ticket, transaction)
    }

    /// By the first of the user ids that the Registry knows of a person.
    private static func person(zaloUser user: String, _ transaction: ReadTransaction) throws -> String? {
        guard ZaloID.isID(user) else { return nil }
        // Nearly everybody has one id, which the index finds; only then are those with several gone through.
        for (condition, value) in [("= ?", user), ("LIKE ?", user + "\n%")] {
            let person = try transaction.queryOne(
                "SELECT person FROM known_contact WHERE zalo_user_ids \(condition) ORDER BY person LIMIT 1",
                [.text(value)]
            ) { try $0.text(0) }
            if let person { return person }
        }
        return nil
    }

    static func insert(_ ticket: Ticket, _ transaction: WriteTransaction) throws {
        try transaction.execute(
            "INSERT INTO ticket (\(columns)) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                .text(ticket.id), SQLValue(ticket.state.rawValue), SQLValue(ticket.channel.rawValue),
                .text(ticket.account), .text(ticket.person), .text(ticket.delivery), .text(ticket.team),
                .text(ticket.text), .text(ticket.answer), .text(ticket.difficulty), SQLValue(ticket.revision),
                SQLValue(ticket.createdAt), SQLValue(ticket.answeredAt),
            ])
    }

    static func answer(_ ticket: Ticket, _ transaction: WriteTransaction) throws {
        try transaction.execute(
            "UPDATE ticket SET state = ?, answer = ?, difficulty = ?, revision = ?, answered_at = ? WHERE id = ?",
            [
                SQLValue(ticket.state.rawValue), .text(ticket.answer), .text(ticket.difficulty),
                SQLValue(ticket.revision), SQLValue(ticket.answeredAt), .text(ticket.id),
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

    private static func ticket(_ row: Row) throws -> Ticket {
        Ticket(
            id: try row.text(0), state: Ticket.State(rawValue: try row.int(1)) ?? .open,
            channel: ChannelKind(rawValue: try row.int(2)) ?? .zaloText, account: try row.text(3),
            person: try row.text(4), delivery: try row.text(5), team: try row.text(6), text: try row.text(7),
            answer: try row.text(8), difficulty: try row.text(9), revision: try row.int(10),
            createdAt: try row.instant(11), answeredAt: try row.instantOrNull(12))
    }
}
