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
            let (name, value) = (parts[0], parts[1])
            let wanted: String?
            if let path = CallerLimits.path(name) {
                wanted = callers.set(path, to: value)
            } else if Limits.names.contains(name) {
                wanted = wire.set(name, to: value)
            } else {
                throw OptionProblem("NAME=VALUE, where NAME is one of \(Self.names.joined(separator: ", "))")
            }
            if let wanted { throw OptionProblem("\(name)=VALUE with \(wanted)") }
        }
    }
}

/// How often one caller may call, over all its connections to this process. Off unless an operator says otherwise: only
/// the operator knows how busy an honest caller is.
package struct CallerLimits: Sendable {
    /// Every call but those of health and reflection; a stream is one call.
    package var calls: TokenBucket.Rate?
    /// Besides, calls that keep the service busy for long (`ServedMethod.isHeavy`).
    package var heavyCalls: TokenBucket.Rate?

    package init() {}

    typealias Path = WritableKeyPath<CallerLimits, TokenBucket.Rate?>

    private static var fields: KeyValuePairs<String, Path> {
        ["caller-calls": \.calls, "caller-heavy-calls": \.heavyCalls]
    }

    static var names: [String] { fields.map(\.key) }

    /// Where the limit of a name is kept; nil: there is none of that name.
    static func path(_ name: String) -> Path? { fields.first { $0.key == name }?.value }

    /// Sets a limit. Returns what would have been right when the text is not; nil: it is set.
    mutating func set(_ path: Path, to text: String) -> String? {
        let rate = TokenBucket.Rate(text)
        // One that never allows anything again would be a service nobody can use.
        guard text == "off" || rate.map({ $0.burst > 0 && $0.perSecond > 0 }) == true else {
            return "\(TokenBucket.Rate.expectation), both above zero, or off"
        }
        self[keyPath: path] = rate
        return nil
    }
}
