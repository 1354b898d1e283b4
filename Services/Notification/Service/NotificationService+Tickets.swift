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
        let page = try pageTokens.page(of: request, Method.listTickets, size: 50, maximum: 500)
        let state = Ticket.State(rawValue: request.state.rawValue)
        if request.state != .unspecified, state == nil {
            throw ServiceError.invalid(ViolationList(violations: [.unknownValue("state")]), reason: "UNKNOWN_VALUE")
        }
        let found = try await database.readPooled { transaction in
            try TicketStore.page(state: state, after: page.position?.first ?? "", limit: page.size + 1, transaction)
        }
        var response = Cdt_Notification_V1_ListTicketsResponse()
        response.tickets = found.prefix(page.size).map(\.message)
        if found.count > page.size {
            response.nextPageToken = try pageTokens.token(
                after: [found[page.size - 1].id], of: request, Method.listTickets)
        }
        return response
    }

    func answerTicket(_ request: Cdt_Notification_V1_AnswerTicketRequest, context: ServerContext) async throws
        -> Cdt_Notification_V1_AnswerTicketResponse
    {
        try admitInNation(.decide, context)
        let id = try self.id(request.name, in: "tickets")
        var found: [Violation] = []
        if let violation = Template.textViolation(
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
        let (name, now) = (request.name, clock.now)
        let (answer, difficulty) = (request.answer.withLineFeeds.nfc, request.difficulty)
        return try await once(request.requestID, of: request, context, now: now) { transaction in
            guard var ticket = try TicketStore.get(id, transaction) else {
                return .failure(.notFound(type: Names.ticket, name: name, reason: "TICKET_NOT_FOUND"))
            }
            guard ticket.state == .open else {
                return .failure(
                    .failedPrecondition(
                        reason: "TICKET_ANSWERED", subject: name, "\(name) was answered; an answer stays as it is",
                        vi: "\(name) đã được trả lời; câu trả lời không đổi được"))
            }
            ticket.state = .answered
            (ticket.answer, ticket.difficulty, ticket.answeredAt) = (answer, difficulty, now)
            ticket.revision += 1
            try TicketStore.answer(ticket, transaction)
            let message = ticket.message
            return .success(.with { $0.ticket = message })
        }
    }
}
