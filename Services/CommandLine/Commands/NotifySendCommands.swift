import ArgumentParser
import Foundation
import RPC
import Shared
import SwiftProtobuf

/// Who is told, as arguments name it.
struct AudienceArguments: ParsableArguments {
    @Argument(help: "units/{id}, vn, or a national code of today.")
    var unit: String
    @Option(help: "Only teams of this level: commune or hamlet.")
    var level: String?
    @Option(help: "Only members with this role: leader, deputy or member; may be repeated.")
    var role: [String] = []
    @Option(
        help: """
            Only about payments that stand so: who is paid is told; of a team its leader, without one its deputies, or those \
            of --role.
            """)
    var payment: Cdt_Notification_V1_PaymentCondition?
    @Option(help: "Only payments that came to stand so on this day or later, YYYY-MM-DD.")
    var paymentSince: DayArgument?
    @Option(help: "Only payments that came to stand so on this day or before, YYYY-MM-DD.")
    var paymentUntil: DayArgument?
    @Option(help: "Those in the unit whom a session invites, trainingSessions/{id}, as long as it is to be held.")
    var session: String?
    @Flag(help: "Of --session: as long as it is cancelled.")
    var sessionCancelled = false
    @Option(
        help: """
            A level of a relay, from the top: province-focal-points, commune-focal-points, leaders, members; at least two. The \
            next one is told when somebody of the level above has acknowledged, or when time is up.
            """)
    var relay: [String] = []
    @Option(help: "Hours after which the next level is told without an acknowledgement.")
    var waitHours: Int32 = 24

    func validate() throws {
        guard payment != nil || (paymentSince == nil && paymentUntil == nil) else {
            throw ValidationError("--payment-since and --payment-until need --payment.")
        }
        guard session != nil || !sessionCancelled else { throw ValidationError("--session-cancelled needs --session.") }
        guard session == nil || (payment == nil && level == nil && role.isEmpty && relay.isEmpty) else {
            throw ValidationError("--session says who is told: leave --level, --role, --payment and --relay out.")
        }
    }

    func audience(_ suite: Connections) async throws -> Cdt_Notification_V1_Audience {
        let named = try await suite.unitName(unit, on: "")
        // Notification takes no empty unit: nobody writes to the whole country by leaving something out.
        return try audience(in: named.isEmpty ? try await suite.nationName() : named)
    }

    /// - Parameter name: Resource name of the unit.
    func audience(in name: String) throws -> Cdt_Notification_V1_Audience {
        var audience = Cdt_Notification_V1_Audience()
        audience.unit = name
        if let level { audience.teamLevels = [try enumArgument(Cdt_Common_V1_TeamLevel.self, level, "--level")] }
        audience.roles = try role.map { try enumArgument(Cdt_Registry_V1_MemberRole.self, $0, "--role") }
        if !relay.isEmpty {
            audience.relay.levels = try relay.map {
                try enumArgument(Cdt_Notification_V1_RelayLevel.self, $0, "--relay")
            }
            audience.relay.waitHours = waitHours
        }
        if let payment { audience.payment.condition = payment }
        if let paymentSince { audience.payment.changedSince = paymentSince.start }
        if let paymentUntil { audience.payment.changedUntil = paymentUntil.end }
        if let session {
            audience.training.session = session
            audience.training.condition = sessionCancelled ? .cancelled : .planned
        }
        return audience
    }
}

struct NotifySendCommand: ServiceCommand {
    static let configuration = CommandConfiguration(
        commandName: "send", abstract: "Tell an audience something, once or level by level.",
        discussion: """
            The plan is shown first: how many people, over which channel, how long. --plan stops there.
            Example: cdt notify send 42 --title "Họp giao ban" --text "8 giờ thứ Hai." --relay province-focal-points \\
              --relay leaders --relay members --channel zalo-text --channel sms
            Example: cdt notify send 42 --payment returned --payment-since 2024-11-01 --template templates/payment-returned
            Example: cdt notify send 42 --session trainingSessions/0190… --template templates/training-invitation
            """)

    @OptionGroup var who: AudienceArguments
    @Option(help: "What it is about.")
    var title = ""
    @Option(help: "What it says.")
    var text = ""
    @Option(help: "templates/{id}; with another one than this give its parameters.")
    var template = "templates/announcement"
    @Option(help: "Value of a parameter of the template, NAME=VALUE; may be repeated.")
    var parameter: [String] = []
    @Option(help: "A channel, in order of preference; may be repeated. Default: email.")
    var channel: [String] = []
    @Option(help: "Topic that people may opt out of.")
    var topic = ""
    @Flag(help: "The law demands it: opt-outs do not hold.")
    var statutory = false
    @Flag(help: "Ask everybody to acknowledge; a relay always does.")
    var acknowledge = false
    @Flag(help: "In English instead of Vietnamese.")
    var english = false
    @Flag(help: "Show the plan and send nothing.")
    var plan = false
    @Flag(help: "Do not wait until the messages are out; a relay is never waited for.")
    var noWait = false
    @OptionGroup var connection: ConnectionOptions

    func run(_ suite: Connections, _ output: Output) async throws {
        var campaign = Cdt_Notification_V1_Campaign()
        campaign.audience = try await who.audience(suite)
        campaign.displayName = title.isEmpty ? template : title
        campaign.template = template
        campaign.parameters = try parameterArguments(parameter)
        if !title.isEmpty { campaign.parameters["title"] = title }
        if !text.isEmpty { campaign.parameters["text"] = text }
        campaign.channels = try channelArguments(channel)
        campaign.language = english ? .en : .vi
        (campaign.topic, campaign.statutory, campaign.acknowledge) = (topic, statutory, acknowledge)
        try await launch(
            campaign, planOnly: plan, waiting: !noWait && !campaign.audience.hasRelay, suite, output)
    }
}

struct NotifyAcknowledgeCommand: ServiceCommand {
    static let configuration = CommandConfiguration(
        commandName: "acknowledge", abstract: "Record that a recipient has acknowledged a message.")

    @Argument(help: "campaigns/{id}/deliveries/{id}.")
    var delivery: String
    @OptionGroup var connection: ConnectionOptions

    func run(_ suite: Connections, _ output: Output) async throws {
        let answer = try await suite.notification.acknowledgeDelivery(
            .with { ($0.requestID, $0.name) = (UUID().uuidString, delivery) }, options: suite.call)
        try output.show(answer) {
            "acknowledged \(answer.delivery.acknowledgeTime.date.formatted(.iso8601))"
        }
    }
}

struct NotifyArticlesCommand: ServiceCommand {
    static let configuration = CommandConfiguration(
        commandName: "articles",
        abstract: "Guides, training documents, good practices and answers; with a name: how far one has come.")

    @Argument(help: "articles/{id}.")
    var article = ""
    @Option(help: "guide, training-document, good-practice or answer.")
    var kind: String?
    @Option(help: "Only those with this subject.")
    var subject = ""
    @Option(help: "Only those whose title has words that begin so.")
    var query = ""
    @OptionGroup var connection: ConnectionOptions

    func run(_ suite: Connections, _ output: Output) async throws {
        guard article.isEmpty else { return try await showOne(suite, output) }
        var request = Cdt_Notification_V1_ListArticlesRequest()
        if let kind { request.kind = try enumArgument(Cdt_Notification_V1_ArticleKind.self, kind, "--kind") }
        (request.subject, request.query) = (subject, query)
        var answer = Cdt_Notification_V1_ListArticlesResponse()
        answer.articles = try await allPages { token, size in
            (request.pageToken, request.pageSize) = (token, size)
            let page = try await suite.notification.listArticles(request, options: suite.call)
            return (page.articles, page.nextPageToken)
        }
        try output.show(answer) {
            var table = Table("ARTICLE", "KIND", "TITLE", "SUBJECTS")
            for article in answer.articles {
                table.add(
                    article.name, label(article.kind), article.title, article.subjects.joined(separator: ", "))
            }
            return table
        }
    }

    private func showOne(_ suite: Connections, _ output: Output) async throws {
        let answer = try await suite.notification.getArticle(.with { $0.name = article }, options: suite.call)
        try output.show(answer) {
            let (article, reach) = (answer.article, answer.reach)
            return """
                \(label(article.kind)) \(article.title)
                \(article.text)\(article.url.isEmpty ? "" : "\n" + article.url)
                \(grouped(reach.campaigns)) campaigns, \(grouped(reach.recipients)) recipients: \
                \(grouped(reach.sent)) sent, \(grouped(reach.delivered)) delivered, \(grouped(reach.read)) read, \
                \(grouped(reach.acknowledged)) acknowledged; answers \(grouped(answer.tickets)) tickets
                """
        }
    }
}

struct NotifyArticleAddCommand: ServiceCommand {
    static let configuration = CommandConfiguration(
        commandName: "article-add", abstract: "Write an article down; nothing is sent.",
        discussion: """
            With --ticket it is the answer that was given to a ticket; the title is then the question, in words that name nobody.
            """)

    @Argument(help: "units/{id}, vn, or a national code of today: who it is of.")
    var unit: String
    @Option(help: "One line.")
    var title: String
    @Option(help: "At most 1,500 characters; with --ticket the answer that was given.")
    var text = ""
    @Option(help: "guide, training-document, good-practice or answer.")
    var kind = "guide"
    @Option(help: "Where the whole document lies, https://….")
    var url = ""
    @Option(help: "What it is about; may be repeated.")
    var subject: [String] = []
    @Option(help: "tickets/{id} whose answer it publishes.")
    var ticket = ""
    @OptionGroup var connection: ConnectionOptions

    func run(_ suite: Connections, _ output: Output) async throws {
        var request = Cdt_Notification_V1_CreateArticleRequest()
        (request.requestID, request.ticket) = (UUID().uuidString, ticket)
        request.article.unit = try await suite.unitName(unit, on: "")
        if request.article.unit.isEmpty { request.article.unit = try await suite.nationName() }
        request.article.kind =
            ticket.isEmpty ? try enumArgument(Cdt_Notification_V1_ArticleKind.self, kind, "--kind") : .answer
        (request.article.title, request.article.text) = (title, text)
        (request.article.url, request.article.subjects) = (url, subject)
        let answer = try await suite.notification.createArticle(request, options: suite.call)
        try output.show(answer) { answer.article.name }
    }
}

struct NotifyPublishCommand: ServiceCommand {
    static let configuration = CommandConfiguration(
        commandName: "publish", abstract: "Publish an article to an audience.")

    @Argument(help: "articles/{id}.")
    var article: String
    @OptionGroup var who: AudienceArguments
    @Option(help: "A channel, in order of preference; may be repeated. Default: email.")
    var channel: [String] = []
    @Option(help: "Topic that people may opt out of.")
    var topic = ""
    @Flag(help: "Ask everybody to acknowledge; a relay always does.")
    var acknowledge = false
    @OptionGroup var connection: ConnectionOptions

    func run(_ suite: Connections, _ output: Output) async throws {
        var request = Cdt_Notification_V1_PublishArticleRequest()
        (request.requestID, request.name) = (UUID().uuidString, article)
        request.audience = try await who.audience(suite)
        request.channels = try channelArguments(channel)
        (request.topic, request.acknowledge) = (topic, acknowledge)
        let answer = try await suite.notification.publishArticle(request, options: suite.call)
        try output.show(answer) { "launched \(answer.campaign.name)" }
    }
}
