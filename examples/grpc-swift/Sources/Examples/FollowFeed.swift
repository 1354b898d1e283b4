import ArgumentParser
import GRPCCore
import Shared
import SwiftProtobuf

/// Follows the Registry's change feed into a SQLite file: the teams as they are now, and every change once.
struct FollowFeed: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "follow_feed", abstract: "Follows the Registry's change feed into a SQLite file.")

    @Argument(help: "SQLite file; made when missing.") var database: String
    @Flag(help: "End when nothing newer is there, for a timer.") var once = false
    @Option(help: "At most so many events in one transaction.") var batch: Int32 = 0
    @OptionGroup var services: Services

    func run() async throws {
        let teams = try FollowedTeams(database)
        try await services.calling(services.registry) { client in
            var failures = 0
            while true {
                let before = await teams.stored
                do {
                    try await follow(Cdt_Feed_V1_FeedService.Client(wrapping: client), into: teams)
                    if once { return }
                } catch let error as RPCError {
                    failures = await teams.stored > before ? 1 : failures + 1
                    if error.code == .outOfRange {
                        tell(error.explained)
                        try await teams.beginAnew()
                    } else if error.code != .unauthenticated || failures > 1 {
                        // A token ends the stream with it; the file may hold a new one.
                        guard error.isWorthRetrying && failures < 8 else { throw error }
                    }
                    try await error.pause(attempt: failures)
                }
            }
        }
    }

    /// One stream, from the stored cursor on; returns when it ends, or when caught up, if that is what was asked for.
    private func follow(_ service: some Cdt_Feed_V1_FeedService.ClientProtocol, into teams: FollowedTeams) async throws
    {
        let cursor = try await teams.cursor()
        try await service.follow(
            .with { ($0.topic, $0.cursor, $0.maxBatch) = (FollowedTeams.topic, cursor, batch) }
        ) { [once] response in
            for try await message in response.messages {
                try await teams.store(message)
                // Returning ends the stream.
                if message.caughtUp && once { return }
            }
        }
    }
}
