import Configuration
import Foundation

/// What an operator set: flags before environment before file before defaults. Checked whole before anything starts.
package struct Settings: Sendable {
    /// Where a text came from, for messages.
    private enum Source: Sendable, Hashable {
        case flag, environment
        case file(String)

        func place(of option: any AnyOption) -> String {
            switch self {
            case .flag: "--\(option.name)"
            case .environment: "environment variable \(option.environmentName)"
            case .file(let path): "\"\(option.name)\" in \(path)"
            }
        }
    }

    private struct Layer: Sendable {
        let source: Source
        let values: any ConfigSnapshot
    }

    /// The file is itself an option.
    package static let file = Option<String?>.text(
        "config", valueName: "FILE", help: "A JSON file of options by name, for example {\"log-level\": \"debug\"}.")

    private var layers: [Layer]

    /// Reads flags, environment and file, and refuses what no option takes. All problems are told at once.
    package init(arguments: [String], environment: [String: String], options: [any AnyOption]) throws {
        let options = options + [Settings.file]
        let flags = try CommandLineFlags(arguments, options: options)
        let secrets = Set(options.filter(\.isSecret).map(\.name))
        let values = flags.texts.map { name, texts in
            (AbsoluteConfigKey([name]), ConfigValue(.stringArray(texts), isSecret: secrets.contains(name)))
        }
        layers = [
            Layer(source: .flag, values: InMemoryProvider(values: Dictionary(uniqueKeysWithValues: values)).snapshot()),
            Layer(
                source: .environment,
                values: EnvironmentVariablesProvider(environmentVariables: environment).prefixKeys(with: "cdt")
                    .snapshot()
            ),
        ]
        if let path = try self[Settings.file] {
            layers.append(Layer(source: .file(path), values: try Settings.read(file: path, options: options)))
        }
        let problems = options.compactMap { problem(with: $0) }
        if !problems.isEmpty { throw ConfigurationError(problems) }
    }

    /// The value of an option that was among those given to `init`.
    package subscript<Value>(option: Option<Value>) -> Value {
        get throws {
            do {
                return try option.parse(try given(option).texts)
            } catch let problem as OptionProblem {
                throw ConfigurationError("--\(option.name): expected \(problem.expected)")
            }
        }
    }

    /// Whether anybody set it.
    package func isSet(_ option: any AnyOption) -> Bool { (try? given(option).source) != nil }

    private func problem(with option: any AnyOption) -> String? {
        do {
            let given = try given(option)
            do {
                try option.check(given.texts)
                return nil
            } catch {
                guard let place = given.source?.place(of: option) else {
                    return "--\(option.name) is missing: give \(error.expected)"
                }
                let text = option.isSecret ? "" : " is \"\(given.texts.joined(separator: ","))\","
                return "\(place)\(text) expected \(error.expected)"
            }
        } catch { return "\(error)" }
    }

    /// The texts of the first layer that has any.
    private func given(_ option: any AnyOption) throws -> (texts: [String], source: Source?) {
        for layer in layers {
            if let texts = try Settings.texts(of: option, in: layer) { return (texts, layer.source) }
        }
        return ([], nil)
    }

    private static func texts(of option: any AnyOption, in layer: Layer) throws -> [String]? {
        let key = AbsoluteConfigKey([option.name])
        // The library asks for one type at a time; a file may say 20, true, "x" or ["x", "y"].
        let types: [ConfigType] =
            switch layer.source {
            case .flag: [.stringArray]
            case .environment: option.isList ? [.stringArray] : [.string]
            case .file: [.string, .stringArray, .int, .double]
            }
        if case .file = layer.source, option.isFlag {
            guard let value = try? layer.values.value(forKey: key, type: .bool) else {
                throw ConfigurationError("\(layer.source.place(of: option)): expected true or false")
            }
            return value.value.map { texts(of: $0.content) }
        }
        for type in types {
            guard let found = try? layer.values.value(forKey: key, type: type) else { continue }
            guard let value = found.value else { return nil }
            if case .stringArray(let texts) = value.content, texts.count != 1, !option.isList { break }
            return texts(of: value.content)
        }
        throw ConfigurationError(wrongShape(of: option, from: layer.source))
    }

    private static func wrongShape(of option: any AnyOption, from source: Source) -> String {
        "\(source.place(of: option)): expected \(option.isList ? "a list" : "one value")"
    }

    private static func texts(of content: ConfigContent) -> [String] {
        switch content {
        case .string(let text): [text]
        case .stringArray(let texts): texts
        case .int(let number): [String(number)]
        case .double(let number): [String(number)]
        case .bool(let value): [String(value)]
        default: []
        }
    }

    private static func read(file path: String, options: [any AnyOption]) throws -> JSONSnapshot {
        let data: Data
        do {
            data = try Data(contentsOf: URL(fileURLWithPath: path))
        } catch { throw ConfigurationError("the configuration file \(path) cannot be read; check --config") }
        guard let object = (try? JSONSerialization.jsonObject(with: data)) as? [String: Any] else {
            throw ConfigurationError(
                "the configuration file \(path) is not a JSON object of options, for example {\"log-level\": \"debug\"}"
            )
        }
        let names = Set(options.map(\.name))
        let unknown = object.keys.filter { !names.contains($0) || $0 == Settings.file.name }.sorted()
        if !unknown.isEmpty {
            throw ConfigurationError(
                unknown.map { "unknown option \"\($0)\" in \(path)" + Suggestion.text(for: $0, among: names) })
        }
        // The library would see options of other names in an object, and the option itself would keep its default.
        let nested = options.filter { object[$0.name] is [String: Any] }
        if !nested.isEmpty { throw ConfigurationError(nested.map { wrongShape(of: $0, from: .file(path)) }) }
        do {
            return try JSONSnapshot(data: data.bytes, providerName: path, parsingOptions: .default)
        } catch { throw ConfigurationError("the configuration file \(path) cannot be used: \(error)") }
    }
}
