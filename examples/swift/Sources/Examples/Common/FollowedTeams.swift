import Shared
import SwiftProtobuf

/// A SQLite file with the teams as they are now, every change once, and how far the feed has been followed.
///
/// What a response says and its cursor are stored in one transaction. So killed at any moment and started again, it
/// misses nothing and does nothing twice. What you do with a change belongs into the same transaction.
actor FollowedTeams {
    static let topic = "registry.facts"

    /// How many responses this process has stored.
    private(set) var stored = 0
    private let database: Database

    init(_ path: String) throws {
        database = try Database(path)
        try database.run("create table if not exists cursor (topic text primary key, cursor text not null)")
        try database.run(
            "create table if not exists team (name text primary key, version integer not null, display_name text not null)"
        )
        try database.run(
            "create table if not exists change (sequence integer not null, name text not null, version integer not null)"
        )
    }

    /// Where to go on; empty: at the beginning.
    func cursor() throws -> String {
        try database.run("select cursor from cursor where topic = ?", Self.topic).first?.first ?? ""
    }

    func store(_ response: Cdt_Feed_V1_FollowResponse) throws {
        try database.transaction {
            for event in response.events { try apply(event) }
            if response.caughtUp {
                // After a new beginning: what was not seen again is gone.
                try database.run("insert into change select 0, name, 0 from team where version = 0")
                try database.run("delete from team where version = 0")
            }
            try database.run("insert or replace into cursor values (?, ?)", Self.topic, response.cursor)
        }
        stored += 1
        if !response.events.isEmpty { say("\(response.events.count) events applied") }
    }

    /// The history no longer reaches our cursor: all is read again. Version 0: not seen again yet.
    func beginAnew() throws {
        try database.transaction {
            try database.run("update team set version = 0")
            try database.run("delete from cursor")
        }
    }

    /// One change. An event carries the whole state, so a version that is not newer than ours says nothing new.
    private func apply(_ event: Cdt_Feed_V1_Event) throws {
        let name = event.aggregate
        guard name.hasPrefix("teams/") && !name.contains("/memberships/") else { return }
        let known = try database.run("select version, display_name from team where name = ?", name).first
        if event.tombstone {
            // It has left what we may see.
            try database.run("delete from team where name = ?", name)
        } else {
            if let version = known?.first.flatMap(Int64.init), version >= event.version { return }
            let fact = try Cdt_Registry_V1_TeamFact(unpackingAny: event.payload)
            try database.run("insert or replace into team values (?, ?, ?)", name, "\(event.version)", fact.displayName)
            // Read again after a new beginning, and nothing new.
            if known == ["0", fact.displayName] { return }
        }
        try database.run("insert into change values (?, ?, ?)", "\(event.sequence)", name, "\(event.version)")
    }
}
