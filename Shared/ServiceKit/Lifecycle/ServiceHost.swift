import Foundation
import Logging
import NIOCore
import UnixSignals

/// The whole of a service's `main.swift`:
///
/// ```swift
/// await ServiceHost.main(Registry.self)
/// ```
package enum ServiceHost {
    /// The release, as `--version` says it.
    package static let version = "0.1.0"

    /// Runs the service until it is told to stop. Exit status: 0 stopped in order, 1 failed, 2 wrong options.
    package static func main(_ definition: any ServiceDefinition.Type) async -> Never {
        let arguments = Array(CommandLine.arguments.dropFirst())
        switch Command(arguments) {
        case .help:
            Terminal.say(help(definition))
            exit(0)
        case .version:
            Terminal.say("\(definition.identity.name) \(version)\n")
            exit(0)
        case .probe(let rest): await probe(definition, arguments: rest)
        case .perform(let action, let rest): await perform(action, of: definition, arguments: rest)
        case .serve(let rest): await serve(definition, arguments: rest)
        }
    }

    /// What the command line asks for.
    enum Command: Sendable, Hashable {
        case help
        case version
        case probe([String])
        case perform(StoreActions.Action, [String])
        case serve([String])

        init(_ arguments: [String]) {
            if arguments.contains("--help") || arguments.contains("-h") {
                self = .help
            } else if arguments.contains("--version") {
                self = .version
            } else if arguments.contains("--health-probe") {
                self = .probe(arguments.filter { $0 != "--health-probe" })
            } else {
                var rest = arguments
                let action = StoreActions.Action(&rest)
                self = action.map { .perform($0, rest) } ?? .serve(arguments)
            }
        }
    }

    /// Every option of a service, its own after the common ones.
    package static func options(of definition: any ServiceDefinition.Type) -> [any AnyOption] {
        CommonOptions(definition).all + definition.options
    }

    package static func settings(
        of definition: any ServiceDefinition.Type, arguments: [String],
        environment: [String: String] = ProcessInfo.processInfo.environment
    ) throws -> Settings {
        try Settings(arguments: arguments, environment: environment, options: options(of: definition))
    }

    static func help(_ definition: any ServiceDefinition.Type) -> String {
        HelpText.text(
            program: CommandLine.arguments.first.map { URL(fileURLWithPath: $0).lastPathComponent }
                ?? definition.identity.name, summary: definition.identity.title,
            options: options(of: definition) + [Settings.file],
            actions: [
                ("--help", "Show this."),
                ("--version", "Show the release."),
                ("--health-probe", "Ask the service at --listen whether it serves: exit status 0 if so, else 1."),
            ] + StoreActions.help)
    }

    /// Starts a service inside this process, on free ports unless told otherwise; for tests.
    package static func start(
        _ definition: any ServiceDefinition.Type, arguments: [String], environment: [String: String] = [:],
        log: LogWriter = LogWriter(), logger: Logger? = nil
    ) async throws -> RunningService {
        var arguments = arguments
        for option in ["--listen", "--admin-listen"]
        where !arguments.contains(where: { $0 == option || $0.hasPrefix(option + "=") }) {
            arguments += [option, "127.0.0.1:0"]
        }
        let settings = try settings(of: definition, arguments: arguments, environment: environment)
        let logger = logger ?? Logger(label: definition.identity.name) { JSONLogHandler(label: $0, writer: log) }
        return try await RunningService.start(definition, settings: settings, log: log, logger: logger)
    }

    private static func serve(_ definition: any ServiceDefinition.Type, arguments: [String]) async -> Never {
        let name = definition.identity.name
        let log = LogWriter()
        // A reader of the log or the terminal that goes away must not take the service with it.
        signal(SIGPIPE, SIG_IGN)
        do {
            let settings = try settings(of: definition, arguments: arguments)
            let level = Logger.Level(rawValue: try settings[CommonOptions(definition).logLevel]) ?? .info
            LoggingSystem.bootstrap { JSONLogHandler(label: $0, writer: log, level: level) }
            let logger = Logger(label: name)
            let stopper = Stopper(
                grace: try settings[CommonOptions(definition).grace], logger: logger, log: log)
            // Trapped before anything is opened: a signal ends a long start as well.
            let signals = await UnixSignalsSequence(trapping: .sigterm, .sigint)
            let stopping = Task { await stopper.obey(signals) }
            let service = try await RunningService.start(definition, settings: settings, log: log, logger: logger)
            stopper.started(service)
            Terminal.say(greeting(service, settings, definition))
            logger.info("ready", metadata: ["listen": "\(service.endpoint)", "admin": "\(service.adminEndpoint)"])
            StartMemory.release()
            await stopping.value
            exit(0)
        } catch let error as ConfigurationError {
            log.flush()
            for problem in error.problems { Terminal.complain("\(name): \(problem)\n") }
            exit(2)
        } catch {
            log.flush()
            Terminal.complain("\(name): cannot start: \(error)\n")
            exit(1)
        }
    }

    private static func perform(
        _ action: StoreActions.Action, of definition: any ServiceDefinition.Type, arguments: [String]
    ) async -> Never {
        let name = definition.identity.name
        do {
            let settings = try settings(of: definition, arguments: arguments)
            Terminal.say("\(name): \(try await StoreActions.perform(action, of: definition, settings: settings))\n")
            exit(0)
        } catch let error as ConfigurationError {
            for problem in error.problems { Terminal.complain("\(name): \(problem)\n") }
            exit(2)
        } catch {
            Terminal.complain("\(name): \(error)\n")
            exit(1)
        }
    }

    static func greeting(
        _ service: RunningService, _ settings: Settings, _ definition: any ServiceDefinition.Type
    ) -> String {
        let options = CommonOptions(definition)
        let data = (try? settings[options.data]) ?? ""
        let isAuthenticated = (try? settings[options.jwks]) != nil
        let isEncrypted = (try? settings[options.tlsCertificate]) != nil
        let callers =
            (isAuthenticated ? "callers show tokens" : "callers are not authenticated")
            + (isEncrypted ? ", TLS" : ", no TLS")
        let reach =
            service.endpoint.isLoopback
            ? "this machine only, \(callers)"
            : isAuthenticated && isEncrypted
                ? "any machine that reaches it, \(callers)"
                : "ANY MACHINE THAT REACHES IT, \(callers) (--insecure-listen)"
        return "\(service.identity.name) \(version) takes calls on \(service.endpoint) (\(reach)); "
            + "data in \(data); operators: http://\(service.adminEndpoint)/readyz\n"
    }
}

/// The terminal of who started the process; logs go another way.
enum Terminal {
    static func say(_ text: String) { write(text, to: .standardOutput) }
    static func complain(_ text: String) { write(text, to: .standardError) }

    /// A closed terminal is nobody's problem but its owner's.
    private static func write(_ text: String, to handle: FileHandle) { try? handle.write(contentsOf: Data(text.utf8)) }
}
