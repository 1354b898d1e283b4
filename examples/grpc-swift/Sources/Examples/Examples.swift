import ArgumentParser

/// The three tasks every integrator has, with grpc-swift-2.
@main struct Examples: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cdt-grpc-swift-examples", abstract: "The three tasks every integrator has.",
        discussion: "Exit codes: 0 all is done; 1 something was refused; 64 wrong usage; 75 try again later.",
        subcommands: [ImportTeams.self, SubmitReports.self, FollowFeed.self])
}
