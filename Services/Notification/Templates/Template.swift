/// A message with blanks: parameters with their types, and a body for each language and channel.
struct Template: Sendable, Hashable {
    struct Parameter: Sendable, Hashable {
        var name: String
        var type: ParameterType
        var description: String
    }

    struct Body: Sendable, Hashable {
        /// Mail subject or webhook title.
        var subject: String
        var text: String
    }

    struct Key: Sendable, Hashable {
        var language: Language
        var channel: ChannelKind
    }

    var id: String
    var version = 0
    var displayName: String
    var parameters: [Parameter]
    var bodies: [Key: Body]
    var isBuiltIn = false

    /// What the audience fills in, where a template declares it. `period`, `due_on` and `grace_until` need a report
    /// filter.
    static let audienceParameters: [String: ParameterType] = [
        "recipient_name": .text, "team_name": .text, "team_count": .integer, "unit_name": .text,
        "period": .month, "due_on": .date, "grace_until": .date,
    ]
    static let reportParameters: Set<String> = ["period", "due_on", "grace_until"]

    /// Every body's languages for a channel.
    func languages(for channel: ChannelKind) -> Set<Language> {
        Set(bodies.keys.lazy.filter { $0.channel == channel }.map(\.language))
    }
}

/// A message for one recipient, ready for a channel.
struct RenderedMessage: Sendable, Hashable {
    var subject: String
    var text: String
}
