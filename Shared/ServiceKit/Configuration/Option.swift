import Foundation

/// One thing an operator may set, by flag, environment variable or file.
package protocol AnyOption: Sendable {
    /// The flag without its dashes, and the key in the file: `admin-listen`.
    var name: String { get }
    /// What stands for the value in the help: `HOST:PORT`; nil for a flag without a value.
    var valueName: String? { get }
    var help: String { get }
    /// The default as one would write it; nil when there is none.
    var defaultText: String? { get }
    /// May be given several times, or separated by commas in an environment variable.
    var isList: Bool { get }
    /// Never shown in messages or logs.
    var isSecret: Bool { get }
    /// Throws unless the texts can be used.
    func check(_ texts: [String]) throws(OptionProblem)
}

extension AnyOption {
    /// `CDT_ADMIN_LISTEN`.
    package var environmentName: String {
        "CDT_" + name.uppercased().replacing("-", with: "_")
    }
    package var isFlag: Bool { valueName == nil }
}

/// An option and how its text becomes a value.
package struct Option<Value: Sendable>: AnyOption {
    package let name: String
    package let valueName: String?
    package let help: String
    package let defaultText: String?
    package let isList: Bool
    package let isSecret: Bool
    let parse: @Sendable ([String]) throws(OptionProblem) -> Value

    /// `parse` gets every text given; without any it gets the default, or an empty array when there is none.
    package init(
        _ name: String, valueName: String?, help: String, default defaultText: String? = nil, isList: Bool = false,
        isSecret: Bool = false, parse: @escaping @Sendable ([String]) throws(OptionProblem) -> Value
    ) {
        self.name = name
        self.valueName = valueName
        self.help = help
        self.defaultText = defaultText
        self.isList = isList
        self.isSecret = isSecret
        self.parse = parse
    }

    package func check(_ texts: [String]) throws(OptionProblem) { _ = try parse(texts) }
}

extension Option where Value == String {
    package static func text(_ name: String, valueName: String = "TEXT", default value: String, help: String) -> Self {
        Option(name, valueName: valueName, help: help, default: value) { texts throws(OptionProblem) in
            texts.last ?? value
        }
    }

    /// One of a few words.
    package static func choice(_ name: String, of words: [String], default value: String, help: String) -> Self {
        let list = words.joined(separator: ", ")
        return Option(name, valueName: "WORD", help: "\(help) One of \(list).", default: value) {
            texts throws(OptionProblem) in
            let text = texts.last ?? value
            guard words.contains(text) else { throw OptionProblem("one of \(list)") }
            return text
        }
    }
}

extension Option where Value == String? {
    package static func text(
        _ name: String, valueName: String = "TEXT", help: String, isSecret: Bool = false
    ) -> Self {
        Option(name, valueName: valueName, help: help, isSecret: isSecret) { texts throws(OptionProblem) in
            guard let text = texts.last else { return nil }
            guard !text.isEmpty else { throw OptionProblem("some text") }
            return text
        }
    }
}

extension Option where Value == Bool {
    /// A flag without a value; `true` or `false` in the environment and in the file.
    package static func flag(_ name: String, help: String) -> Self {
        Option(name, valueName: nil, help: help, default: "false") { texts throws(OptionProblem) in
            switch texts.last?.lowercased() {
            case nil, "false", "no", "0": false
            case "true", "yes", "1": true
            default: throw OptionProblem("true or false")
            }
        }
    }
}

extension Option where Value == Int {
    package static func integer(
        _ name: String, valueName: String = "N", in range: ClosedRange<Int>, default value: Int, help: String
    ) -> Self {
        Option(name, valueName: valueName, help: help, default: String(value)) { texts throws(OptionProblem) in
            guard let text = texts.last else { return value }
            guard let number = Int(text), range.contains(number) else {
                throw OptionProblem("a whole number from \(range.lowerBound) to \(range.upperBound)")
            }
            return number
        }
    }
}

extension Option where Value == Endpoint {
    package static func endpoint(_ name: String, default value: Endpoint, help: String) -> Self {
        Option(name, valueName: "HOST:PORT", help: help, default: value.description) { texts throws(OptionProblem) in
            guard let text = texts.last else { return value }
            guard let endpoint = Endpoint(text) else { throw OptionProblem(Endpoint.expectation) }
            return endpoint
        }
    }
}

extension Option where Value == [String: [Endpoint]] {
    /// `name=host:port`, several times; a name given twice has two addresses.
    package static func peers(_ name: String, known: [String: Endpoint], help: String) -> Self {
        let names = known.keys.sorted()
        let defaults = names.compactMap { name in known[name].map { "\(name)=\($0)" } }.joined(separator: ",")
        return Option(name, valueName: "NAME=HOST:PORT", help: help, default: defaults, isList: true) {
            texts throws(OptionProblem) in
            var given: [String: [Endpoint]] = [:]
            for text in texts {
                let parts = text.split(separator: "=", maxSplits: 1).map(String.init)
                guard parts.count == 2, names.contains(parts[0]), let endpoint = Endpoint(parts[1]) else {
                    throw OptionProblem(
                        "NAME=HOST:PORT, where NAME is one of \(names.joined(separator: ", ")), "
                            + "for example \(names.first ?? "registry")=127.0.0.1:50051")
                }
                given[parts[0], default: []].append(endpoint)
            }
            return given.merging(known.mapValues { [$0] }) { given, _ in given }
        }
    }
}

/// A host and a port to listen on or to connect to.
package struct Endpoint: Sendable, Hashable, CustomStringConvertible {
    package var host: String
    package var port: Int

    package init(host: String, port: Int) {
        self.host = host
        self.port = port
    }

    static let expectation = "HOST:PORT with a port from 0 to 65535, for example 127.0.0.1:50051 or [::1]:50051"

    /// Reads `host:port`; an IPv6 address stands in brackets.
    package init?(_ text: String) {
        guard let colon = text.lastIndex(of: ":"), let port = Int(text[text.index(after: colon)...]),
            (0...65_535).contains(port)
        else { return nil }
        var host = String(text[..<colon])
        if host.hasPrefix("[") {
            guard host.hasSuffix("]") else { return nil }
            host = String(host.dropFirst().dropLast())
        } else if host.contains(":") {
            return nil
        }
        guard !host.isEmpty, !host.contains(where: \.isWhitespace) else { return nil }
        self.init(host: host, port: port)
    }

    package var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }

    /// Reachable from this machine only.
    package var isLoopback: Bool {
        if host == "localhost" || host == "::1" { return true }
        let parts = host.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts[0] == "127" && parts.allSatisfy { UInt8($0) != nil }
    }
}
