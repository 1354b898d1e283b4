import RPC
import ServiceKit
import Shared
import Storage
import SwiftProtobuf

extension NotificationService {
    func listTickets(_ request: Cdt_Notification_V1_ListTicketsRequest, context: ServerContext) async throws
        -> Cdt_Notification_V1_ListTicketsResponse
    {
        try admitInNation(.read, context)
        let state = Ticket.State(rawValue: request.state.rawValue)
        if request.state != .unspecified, state == nil {
            throw ServiceError.invalid(ViolationList(violations: [.unknownValue("state")]), reason: "UNKNOWN_VALUE")
        }
        let page = try await page(
            of: request, Method.listTickets,
            read: { try TicketStore.page(state: state, after: $0?.first ?? "", limit: $1, $2) }, position: { [$0.id] })
        return .with { ($0.tickets, $0.nextPageToken) = (page.rows.map(\.message), page.next) }
    }

    func answerTicket(_ request: Cdt_Notification_V1_AnswerTicketRequest, context: ServerContext) async throws
        -> Cdt_Notification_V1_AnswerTicketResponse
    {
        try admitInNation(.decide, context)
        let id = try self.id(request.name, in: "tickets")
        var found: [Violation] = []
        let article = request.article.isEmpty ? nil : Names.uuid(request.article, in: "articles")
        if !request.article.isEmpty, article == nil { found.append(.invalidName("article", form: "articles/{id}")) }
        if !request.answer.isEmpty || article == nil,
            let violation = Template.textViolation(
                request.answer.withLineFeeds, field: "answer", limit: 4_000, isLine: false)
        {
            found.append(violation)
        }
        if !request.difficulty.isEmpty, ResourceName.id(request.difficulty, in: "difficulties") == nil {
            found.append(.invalidName("difficulty", form: "difficulties/{id}"))
        }
        guard found.isEmpty else {
            throw ServiceError.invalid(ViolationList(violations: found), reason: "INVALID_ANSWER")
        }
        let now = clock.now
        let answer = TicketAnswer(channels: channels, now: now)
        return try await once(request.requestID, of: request, context, now: now) { transaction in
            guard var ticket = try TicketStore.get(id, transaction) else { return .failure(.noTicket(request.name)) }
            guard ticket.state == .open else {
                return .failure(
                    .failedPrecondition(
                        reason: "TICKET_ANSWERED", subject: request.name,
                        "\(request.name) was answered; an answer stays as it is",
                        vi: "\(request.name) đã được trả lời; câu trả lời không đổi được"))
            }
            var text = request.answer.withLineFeeds.nfc
            if let article {
                guard let known = try ArticleStore.get(article, transaction) else {
                    return .failure(.noArticle(request.article))
                }
                ticket.article = article
                if text.isEmpty { text = known.answer }
            }
            (ticket.state, ticket.answer, ticket.answeredAt) = (.answered, text, now)
            ticket.difficulty = request.difficulty
            ticket.revision += 1
            if !request.recordOnly { ticket.answerDelivery = try answer.send(text, to: ticket, transaction) ?? "" }
            try TicketStore.answer(ticket, transaction)
            let message = ticket.message
            return .success(.with { $0.ticket = message })
        }
    }
}

extension ServiceError {
    static func noTicket(_ name: String) -> ServiceError {
        .notFound(type: Names.ticket, name: name, reason: "TICKET_NOT_FOUND", listedBy: "ListTickets")
    }
}
