import ArgumentParser

/// The command-line client of the suite.
package struct Cdt: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "cdt",
        abstract: "Client of the registry of community digital technology teams and of its sister services.",
        discussion: ExitCodes.help,
        subcommands: [
            UnitsCommand.self, TeamsCommand.self, PeopleCommand.self, DuplicatesCommand.self, CoverageCommand.self,
            ImportCommand.self, ExportCommand.self, ReorganisationsCommand.self, AuditCommand.self, GrantsCommand.self,
            ProgrammeCommand.self, ReportCommand.self, DifficultiesCommand.self, PlatformsCommand.self,
            TrainingCommand.self, FundCommand.self, NotifyCommand.self, HealthCommand.self, GenerateCommand.self,
            AdminCommand.self,
        ])

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
        } catch let failure as CallFailure {
            tellOnStandardError("cdt: \(failure)")
            exit(withError: ExitCode(failure.exitCode))
        } catch let error as CSVError {
            tellOnStandardError("cdt: \(error)")
            exit(withError: ExitCode(ExitCodes.refusedInput))
        } catch {
            exit(withError: error)
        }
    }
}
