import RPC
import ServiceKit
import Shared
import Storage
import SwiftProtobuf

/// Knowledge: articles, and what becomes of them.
extension NotificationService {
    func createArticle(_ request: Cdt_Notification_V1_CreateArticleRequest, context: ServerContext) async throws
        -> Cdt_Notification_V1_CreateArticleResponse
    {
        try admit(.administer, atName: request.article.unit, context)
        let now = clock.now
        let ticketID = request.ticket.isEmpty ? nil : try id(request.ticket, in: "tickets", field: "ticket")
        var message = request.article
        if let ticketID {
            // What people have written is seen, and so published, by those who see tickets.
            try admitInNation(.decide, context)
            guard let ticket = try database.read({ try TicketStore.get(ticketID, $0) }) else {
                throw ServiceError.noTicket(request.ticket)
            }
            guard ticket.state == .answered else { throw ServiceError.notAnswered(request.ticket) }
            if message.text.isEmpty { message.text = ticket.answer }
            guard message.kind == .answer else {
                throw ServiceError.invalid(
                    ViolationList(violations: [
                        Violation(
                            field: "article.kind", reason: "CONFLICT",
                            description: "what is made from a ticket is an ANSWER",
                            descriptionVi: "bài tạo từ phiếu hỏi phải là ANSWER")
                    ]), reason: "INVALID_ARTICLE")
            }
        }
        let article = try checked(message, id: UUIDv7.next(at: now).description, now: now)
        return try await once(request.requestID, of: request, context, now: now) { transaction in
            try ArticleStore.insert(article, transaction)
            if let ticketID, var ticket = try TicketStore.get(ticketID, transaction) {
                ticket.article = article.id
                ticket.revision += 1
                try TicketStore.answer(ticket, transaction)
            }
            return .success(.with { $0.article = article.message })
        }
    }

    func updateArticle(_ request: Cdt_Notification_V1_UpdateArticleRequest, context: ServerContext) async throws
        -> Cdt_Notification_V1_UpdateArticleResponse
    {
        try admit(.administer, atName: request.article.unit, context)
        let now = clock.now
        let id = try self.id(request.article.name, in: "articles", field: "article.name")
        try admit(.administer, atUnitOfKept: database.read { try ArticleStore.get(id, $0)?.unit }, context)
        let wanted = try checked(request.article, id: id, now: now)
        let (name, etag) = (request.article.name, request.article.etag)
        return try await once(request.requestID, of: request, context, now: now) { transaction in
            guard let current = try ArticleStore.get(id, transaction) else { return .failure(.noArticle(name)) }
            if let refusal = Etag.refusal(etag, version: Int64(current.revision), name: name) {
                return .failure(refusal)
            }
            guard current.kind == wanted.kind, current.unit == wanted.unit else {
                return .failure(
                    .invalid(
                        "article.kind", reason: "IMMUTABLE", "kind and unit stay; write another article",
                        vi: "loại và đơn vị không đổi được; hãy tạo bài khác"))
            }
            var updated = wanted
            (updated.revision, updated.createdAt) = (current.revision + 1, current.createdAt)
            try ArticleStore.update(updated, transaction)
            let message = updated.message
            return .success(.with { $0.article = message })
        }
    }

    func getArticle(_ request: Cdt_Notification_V1_GetArticleRequest, context: ServerContext) async throws
        -> Cdt_Notification_V1_GetArticleResponse
    {
        try admitSomewhere(.read, context)
        let id = try self.id(request.name, in: "articles")
        let found = try await database.readPooled { transaction in
            try ArticleStore.get(id, transaction).map { article in
                (
                    article, try DeliveryStore.reach(article: id, transaction),
                    try ArticleStore.campaigns(id, transaction), try TicketStore.count(article: id, transaction)
                )
            }
        }
        guard let (article, reach, campaigns, tickets) = found else { throw ServiceError.noArticle(request.name) }
        return .with {
            $0.article = article.message
            $0.tickets = Int64(tickets)
            $0.reach = .with {
                $0.campaigns = Int64(campaigns)
                $0.recipients = Int64(reach.recipients)
                $0.sent = Int64(reach.sent)
                $0.delivered = Int64(reach.delivered)
                $0.read = Int64(reach.read)
                $0.acknowledged = Int64(reach.acknowledged)
            }
        }
    }

    func listArticles(_ request: Cdt_Notification_V1_ListArticlesRequest, context: ServerContext) async throws
        -> Cdt_Notification_V1_ListArticlesResponse
    {
        try admitSomewhere(.read, context)
        let kind = Article.Kind(rawValue: request.kind.rawValue)
        var found: [Violation] = []
        if request.kind != .unspecified, kind == nil { found.append(.unknownValue("kind")) }
        if !request.subject.isEmpty, !Template.isID(request.subject) { found.append(.invalidTopic("subject")) }
        guard found.isEmpty else {
            throw ServiceError.invalid(ViolationList(violations: found), reason: "UNKNOWN_VALUE")
        }
        let filter = ArticleStore.Filter(
            kind: kind, subject: request.subject, query: TextFolding.fold(request.query))
        let page = try await page(
            of: request, Method.listArticles,
            read: { try ArticleStore.page(filter, before: $0?.first, limit: $1, $2) }, position: { [$0.id] })
        return .with { ($0.articles, $0.nextPageToken) = (page.rows.map(\.message), page.next) }
    }

    func publishArticle(_ request: Cdt_Notification_V1_PublishArticleRequest, context: ServerContext) async throws
        -> Cdt_Notification_V1_PublishArticleResponse
    {
        try admit(.send, atName: request.audience.unit, context)
        let id = try self.id(request.name, in: "articles")
        guard let article = try database.read({ try ArticleStore.get(id, $0) }) else {
            throw ServiceError.noArticle(request.name)
        }
        let name = request.template.isEmpty ? "templates/article" : request.template
        let template = try template(name, version: 0).template
        let values = ["title": article.title, "text": article.text, "url": article.url]
        var content = try checked(
            .with {
                $0.displayName = article.title
                $0.audience = request.audience
                $0.template = name
                // A template need not say all of it.
                $0.parameters = values.filter { value in template.parameters.contains { $0.name == value.key } }
                $0.language = .init(rawValue: article.language.rawValue) ?? .unspecified
                $0.channels = request.channels
                $0.topic = request.topic
                $0.acknowledge = request.acknowledge
            })
        content.article = id
        let now = clock.now
        let sendAt = request.hasSendTime ? Instant(request.sendTime) : nil
        try checkSendable(content, at: max(sendAt ?? now, now))
        let draft = Campaign(
            id: UUIDv7.next(at: now).description, content: content, state: .draft, revision: 1, createdAt: now,
            updatedAt: now)
        return try await once(request.requestID, of: request, context, now: now) { transaction in
            switch CampaignRules.launch(draft, at: sendAt, etag: "", now: now) {
            case .failure(let refusal): return .failure(refusal.error("campaigns/\(draft.id)"))
            case .success(let launched):
                try CampaignStore.insert(draft, transaction)
                try store(launched, transaction)
                try TrainingCopy.noteTold(launched.content.audience, transaction)
                return .success(.with { $0.campaign = launched.message })
            }
        }
    }

    private func checked(_ message: Cdt_Notification_V1_Article, id: String, now: Instant) throws -> Article {
        let article = try refusing("INVALID_ARTICLE") { Article.reading(message, id: id, now: now) }
        _ = try unit(article.unit)
        return article
    }
}

extension ServiceError {
    static func noArticle(_ name: String) -> ServiceError {
        .notFound(type: Names.article, name: name, reason: "ARTICLE_NOT_FOUND", listedBy: "ListArticles")
    }

    fileprivate static func notAnswered(_ name: String) -> ServiceError {
        .failedPrecondition(
            reason: "TICKET_NOT_ANSWERED", subject: name, "\(name) has no answer yet; answer it first",
            vi: "\(name) chưa được trả lời; hãy trả lời trước")
    }
}

extension Cdt_Notification_V1_ListArticlesRequest: PagedRequest {}
