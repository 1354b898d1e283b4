import ArgumentParser

/// The three tasks every integrator has, with the suite's own client.
@main struct Examples: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cdt-examples", abstract: "The three tasks every integrator has.",
        discussion: "Exit codes: 0 all is done; 1 something was refused; 64 wrong usage; 75 try again later.",
        subcommands: [ImportTeams.self, SubmitReports.self, FollowFeed.self])
}
