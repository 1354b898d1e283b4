/// The flags of a command line, read strictly: a flag nobody knows, a stray word and a missing value are refused.
///
/// swift-configuration's own reader of flags passes over what it does not know and splits at commas, so that a typing
/// error would silently start a service with its defaults.
struct CommandLineFlags: Sendable {
    private(set) var texts: [String: [String]] = [:]

    init(_ arguments: [String], options: [any AnyOption]) throws(ConfigurationError) {
        let byName = Dictionary(options.map { ($0.name, $0) }) { first, _ in first }
        var problems: [String] = []
        var rest = arguments[...]
        while let argument = rest.popFirst() {
            guard argument.hasPrefix("--"), argument != "--" else {
                problems.append("unexpected argument \"\(argument)\": every option begins with --, see --help")
                continue
            }
            let parts = argument.dropFirst(2).split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let name = String(parts.first ?? "")
            let attached = parts.count == 2 ? String(parts[1]) : nil
            guard let option = byName[name] else {
                problems.append(
                    "unknown option --\(name)" + Suggestion.text(for: name, among: byName.keys, prefix: "--"))
                // What follows is most likely its value, not another mistake.
                if attached == nil, let next = rest.first, !next.hasPrefix("--") { rest = rest.dropFirst() }
                continue
            }
            if option.isFlag {
                texts[name, default: []].append(attached ?? "true")
            } else if let attached {
                texts[name, default: []].append(attached)
            } else if let next = rest.first, !next.hasPrefix("--") {
                texts[name, default: []].append(next)
                rest = rest.dropFirst()
            } else {
                problems.append("--\(name) needs a value: --\(name) \(option.valueName ?? "VALUE")")
            }
        }
        for (name, given) in texts.sorted(by: { $0.key < $1.key }) where given.count > 1 && byName[name]?.isList != true
        {
            problems.append("--\(name) is given \(given.count) times; give it once")
        }
        if !problems.isEmpty { throw ConfigurationError(problems) }
    }
}

/// "Did you mean": the known word nearest to one that is not.
enum Suggestion {
    static func text(for word: String, among known: some Sequence<String>, prefix: String = "") -> String {
        nearest(to: word, among: known).map { "; did you mean \(prefix)\($0)?" } ?? "; see --help"
    }

    static func nearest(to word: String, among known: some Sequence<String>) -> String? {
        let candidates = known.map { (word: $0, distance: distance(word, $0)) }
            .sorted { ($0.distance, $0.word) < ($1.distance, $1.word) }
        guard let best = candidates.first, best.distance <= max(2, word.count / 3) else { return nil }
        return best.word
    }

    /// Levenshtein's distance.
    static func distance(_ a: String, _ b: String) -> Int {
        let a = Array(a.utf8)
        let b = Array(b.utf8)
        var row = Array(0...b.count)
        for (i, x) in a.enumerated() {
            var diagonal = row[0]
            row[0] = i + 1
            for (j, y) in b.enumerated() {
                let above = row[j + 1]
                row[j + 1] = min(above + 1, row[j] + 1, diagonal + (x == y ? 0 : 1))
                diagonal = above
            }
        }
        return row[b.count]
    }
}
