/// A message with blanks: parameters with their types, and a body for each language and kind of channel.
struct Template: Sendable, Hashable {
    struct Parameter: Sendable, Hashable {
        var name: String
        var type: ParameterType
        var description: String
    }

    struct Key: Sendable, Hashable {
        var language: Language
        var kind: BodyKind

        init(language: Language, kind: BodyKind) {
            self.language = language
            self.kind = kind
        }

        init(language: Language, channel: ChannelKind) { self.init(language: language, kind: channel.body) }
    }

    var id: String
    var version = 0
    var displayName: String
    var parameters: [Parameter]
    var bodies: [Key: TemplateBody]
    var isBuiltIn = false

    /// What the audience fills in, where a template declares it; some need a filter.
    static let audienceParameters: [String: ParameterType] = [
        "recipient_name": .text, "team_name": .text, "team_count": .integer, "unit_name": .text,
        "period": .month, "due_on": .date, "grace_until": .date, "report_count": .integer,
        "payment_count": .integer, "payment_amount": .dong, "policy_title": .text, "payment_year": .text,
        "course_title": .text, "session_date": .date, "session_when": .text, "session_where": .text,
        "session_trainer": .text, "cancellation_reason": .text,
    ]
    static let reportParameters: Set<String> = ["period", "due_on", "grace_until", "report_count"]
    static let paymentParameters: Set<String> = ["payment_count", "payment_amount", "policy_title", "payment_year"]
    static let trainingParameters: Set<String> = [
        "course_title", "session_date", "session_when", "session_where", "session_trainer", "cancellation_reason",
    ]
}

/// What a template says over one kind of channel.
struct TemplateBody: Sendable, Hashable {
    /// A value of a template that is registered with Zalo.
    struct Value: Sendable, Hashable {
        var name: String
        var text: String
        /// Longest value; the contract's 0 is read as `longestValue`.
        var limit: Int
    }

    /// One text of a body, and what holds for it.
    struct Field: Sendable, Hashable {
        /// As it is called in the contract, from the body on.
        var path: String
        var text: String
        /// In characters after NFC.
        var limit: Int
        var isLine: Bool
    }

    static let longestValue = 400
    /// "With its blanks filled at most 5 segments"; more characters than these can never be.
    static let longestSMS = 5 * 153
    static let mostSegments = 5

    /// Mail subject or webhook title; empty for the others.
    var subject: String
    /// Empty for a Zalo template, whose text is registered there.
    var text: String
    var providerTemplate = ""
    var values: [Value] = []
    /// Of a short message: as it is written, with tone marks.
    var isAccented = false

    /// The texts in which blanks may stand, in the order of `replacing`.
    func fields(_ kind: BodyKind) -> [Field] {
        switch kind {
        case .email:
            [
                Field(path: "subject", text: subject, limit: 200, isLine: true),
                Field(path: "text", text: text, limit: 100_000, isLine: false),
            ]
        case .webhook:
            [
                Field(path: "title", text: subject, limit: 200, isLine: true),
                Field(path: "text", text: text, limit: 4_000, isLine: false),
            ]
        case .sms: [Field(path: "text", text: text, limit: TemplateBody.longestSMS, isLine: false)]
        case .zaloText, .zaloGroup: [Field(path: "text", text: text, limit: 2_000, isLine: false)]
        case .zaloTemplate:
            values.enumerated().map { index, value in
                Field(path: "parameters[\(index)].text", text: value.text, limit: value.limit, isLine: true)
            }
        }
    }

    /// The message that comes of other texts for the fields.
    func rendered(_ kind: BodyKind, _ texts: [String]) -> RenderedMessage {
        switch kind {
        case .email, .webhook: RenderedMessage(subject: texts[0], text: texts[1])
        case .zaloText, .zaloGroup: RenderedMessage(subject: "", text: texts[0])
        case .sms:
            RenderedMessage(sms: SMSText(texts[0], accented: isAccented))
        case .zaloTemplate:
            RenderedMessage(
                subject: "", text: zip(values, texts).map { "\($0.name): \($1)" }.joined(separator: "\n"),
                providerTemplate: providerTemplate,
                values: zip(values, texts).map { RenderedMessage.Value(name: $0.name, text: $1) })
        }
    }
}

/// A message for one recipient, ready for a channel.
struct RenderedMessage: Sendable, Hashable {
    struct Value: Sendable, Hashable {
        var name: String
        var text: String
    }

    var subject: String
    var text: String
    var providerTemplate = ""
    var values: [Value] = []
    var sms: SMSText?

    init(subject: String, text: String, providerTemplate: String = "", values: [Value] = []) {
        self.subject = subject
        self.text = text
        self.providerTemplate = providerTemplate
        self.values = values
    }

    init(sms: SMSText) {
        subject = ""
        text = sms.text
        self.sms = sms
    }
}
