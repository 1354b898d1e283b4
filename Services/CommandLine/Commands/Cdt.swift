import ArgumentParser

/// The command-line client of the suite.
package struct Cdt: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "cdt",
        abstract: "Client of the registry of community digital technology teams and of its sister services.",
        subcommands: [GenerateCommand.self])

    package init() {}

    /// Runs the command of the process's arguments and ends the process with its exit code.
    package static func runProcess() async {
        do {
            var command = try parseAsRoot()
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
        } catch {
            exit(withError: error)
        }
    }
}
