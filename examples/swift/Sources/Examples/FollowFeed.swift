import ArgumentParser
import RPC
import Shared
import SwiftProtobuf

/// Follows the Registry's change feed into a SQLite file: the teams as they are now, and every change once.
///
/// What a response says and its cursor are stored in one transaction. So killed at any moment and started again, it misses
/// nothing and does nothing twice. What you do with a change belongs into the same transaction.
struct FollowFeed: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "follow_feed", abstract: "Follows the Registry's change feed into a SQLite file.")

    @Argument(help: "SQLite file; made when missing.") var database: String
    @Flag(help: "End when nothing newer is there, for a timer.") var once = false
    @Option(help: "At most so many events in one transaction.") var batch: Int32 = 0
    @OptionGroup var services: Services

    private static let topic = "registry.facts"

    func run() async throws {
        let state = try Database(database)
        try state.run("create table if not exists cursor (topic text primary key, cursor text not null)")
        try state.run(
            "create table if not exists team (name text primary key, version integer not null, display_name text not null)"
        )
        try state.run(
            "create table if not exists change (sequence integer not null, name text not null, version integer not null)"
        )
        try await services.calling(services.registry) { client in
            var failures = 0
            while true {
                do {
                    try await follow(.init(client), into: state) { failures = 0 }
                    if once { return }
                } catch let error as RPCError {
                    failures += 1
                    if error.code == .outOfRange {
                        tell(error.explained)
                        try beginAnew(state)
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
    private func follow(
        _ service: Cdt_Feed_V1_FeedService.Client, into state: Database, wentWell: () -> Void
    ) async throws {
        let cursor = try state.run("select cursor from cursor where topic = ?", Self.topic).first?.first ?? ""
        let call = try await service.follow(
            .with { ($0.topic, $0.cursor, $0.maxBatch) = (Self.topic, cursor, batch) })
        for try await response in call.responses {
            try state.transaction {
                for event in response.events { try apply(event, to: state) }
                if response.caughtUp {
                    // After a new beginning: what was not seen again is gone.
                    try state.run("insert into change select 0, name, 0 from team where version = 0")
                    try state.run("delete from team where version = 0")
                }
                try state.run("insert or replace into cursor values (?, ?)", Self.topic, response.cursor)
            }
            if !response.events.isEmpty { say("\(response.events.count) events applied") }
            wentWell()
            if response.caughtUp && once { return }
        }
    }

    /// One change. An event carries the whole state, so a version that is not newer than ours says nothing new.
    private func apply(_ event: Cdt_Feed_V1_Event, to state: Database) throws {
        let name = event.aggregate
        guard name.hasPrefix("teams/") && !name.contains("/memberships/") else { return }
        let known = try state.run("select version, display_name from team where name = ?", name).first
        if event.tombstone {
            // It has left what we may see.
            try state.run("delete from team where name = ?", name)
        } else {
            if let version = known?.first.flatMap(Int64.init), version >= event.version { return }
            let fact = try Cdt_Registry_V1_TeamFact(unpackingAny: event.payload)
            try state.run("insert or replace into team values (?, ?, ?)", name, "\(event.version)", fact.displayName)
            // Read again after a new beginning, and nothing new.
            if known == ["0", fact.displayName] { return }
        }
        try state.run("insert into change values (?, ?, ?)", "\(event.sequence)", name, "\(event.version)")
    }

    /// The history no longer reaches our cursor: all is read again. Version 0: not seen again yet.
    private func beginAnew(_ state: Database) throws {
        try state.transaction {
            try state.run("update team set version = 0")
            try state.run("delete from cursor")
        }
    }
}
