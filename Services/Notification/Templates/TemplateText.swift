/// A body with blanks: text in which `{{name}}` stands for the value of a parameter.
///
/// There is no other syntax: no conditions, no loops, so that whoever approves a template sees what will be sent.
struct TemplateText: Sendable, Hashable {
    enum Piece: Sendable, Hashable {
        case literal(String)
        case parameter(String)
    }

    enum Defect: Error, Sendable, Hashable {
        /// `{{` without `}}` after it; the text from there on.
        case unclosed(String)
        /// What stands between the braces is no parameter name.
        case badName(String)
    }

    let pieces: [Piece]

    init(parsing text: String) throws(Defect) {
        var pieces: [Piece] = []
        var rest = Substring(text)
        while let open = rest.firstRange(of: "{{") {
            if open.lowerBound > rest.startIndex { pieces.append(.literal(String(rest[..<open.lowerBound]))) }
            let inner = rest[open.upperBound...]
            guard let close = inner.firstRange(of: "}}") else {
                throw .unclosed(String(rest[open.lowerBound...].prefix(40)))
            }
            let name = inner[..<close.lowerBound].filter { $0 != " " }
            guard TemplateText.isParameterName(name) else { throw .badName(String(name.prefix(60))) }
            pieces.append(.parameter(name))
            rest = inner[close.upperBound...]
        }
        if !rest.isEmpty { pieces.append(.literal(String(rest))) }
        self.pieces = pieces
    }

    /// "Lower-case letters, digits and underscores, beginning with a letter; at most 40."
    static func isParameterName(_ name: some StringProtocol) -> Bool {
        guard let first = name.utf8.first, (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(first) else { return false }
        return name.utf8.count <= 40
            && name.utf8.allSatisfy { byte in
                (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) || byte == UInt8(ascii: "_")
                    || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
            }
    }

    var parameterNames: Set<String> {
        var names: Set<String> = []
        for case .parameter(let name) in pieces { names.insert(name) }
        return names
    }

    /// The text with every blank filled. Values are put in as they are: braces in a value mean nothing.
    func filled(_ value: (String) -> String?) -> String {
        var out = ""
        for piece in pieces {
            switch piece {
            case .literal(let text): out += text
            case .parameter(let name): out += value(name) ?? ""
            }
        }
        return out
    }
}
