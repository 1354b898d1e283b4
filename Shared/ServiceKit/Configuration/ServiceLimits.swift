import HTTP2

/// Everything `--limit NAME=VALUE` may say: the bounds of the wire, and how often one caller may call.
struct ServiceLimits: Sendable {
    var wire = Limits()
    var callers = CallerLimits()

    static var names: [String] { Limits.names + CallerLimits.names }

    init(_ texts: [String]) throws(OptionProblem) {
        for text in texts {
            let parts = text.split(separator: "=", maxSplits: 1).map(String.init)
            guard parts.count == 2 else { throw OptionProblem("NAME=VALUE, for example concurrent-streams=100") }
            let wanted =
                CallerLimits.names.contains(parts[0])
                ? callers.set(parts[0], to: parts[1]) : wire.set(parts[0], to: parts[1])
            if let wanted { throw OptionProblem("\(parts[0])=VALUE with \(wanted)") }
        }
    }
}

/// How often one caller may call, over all its connections to this process. Off unless an operator says otherwise: only the
/// operator knows how busy an honest caller is.
package struct CallerLimits: Sendable {
    /// Every call but those of health and reflection; a stream is one call.
    package var calls: TokenBucket.Rate?
    /// Besides, calls that keep the service busy for long (`ServedMethod.isHeavy`).
    package var heavyCalls: TokenBucket.Rate?

    package init() {}

    private static var fields: KeyValuePairs<String, WritableKeyPath<CallerLimits, TokenBucket.Rate?>> {
        ["caller-calls": \.calls, "caller-heavy-calls": \.heavyCalls]
    }

    static var names: [String] { fields.map(\.key) }

    /// Sets a limit. Returns what would have been right when the text is not; nil: it is set.
    mutating func set(_ name: String, to text: String) -> String? {
        guard let path = Self.fields.first(where: { $0.key == name })?.value else {
            return "one of \(Self.names.joined(separator: ", "))"
        }
        let rate = TokenBucket.Rate(text)
        // One that never allows anything again would be a service nobody can use.
        guard text == "off" || rate.map({ $0.burst > 0 && $0.perSecond > 0 }) == true else {
            return "\(TokenBucket.Rate.expectation), both above zero, or off"
        }
        self[keyPath: path] = rate
        return nil
    }
}
