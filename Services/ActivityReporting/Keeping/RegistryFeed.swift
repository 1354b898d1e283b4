import ChangeFeed
import ServiceKit
import Shared
import Storage
import SwiftProtobuf

/// Applies one event of `registry.facts`; the follower stores its cursor in the same transaction.
enum RegistryFeed {
    /// Wakes the reconciler.
    static let channel = "activity.changes"

    static func apply(_ event: FeedEvent, in tx: WriteTransaction) throws {
        if event.isTombstone {
            try bury(event.aggregate, version: event.version, in: tx)
        } else if let fact = try event.payload(as: Cdt_Registry_V1_MembershipFact.self) {
            let (team, id) = (ResourceName.lastID(fact.team), ResourceName.lastID(fact.membership))
            if try RegistryFactsStore.put(fact, team: team, id: id, version: event.version, in: tx) {
                try changed(team, in: tx)
            }
        } else if let fact = try event.payload(as: Cdt_Registry_V1_TeamFact.self) {
            let id = ResourceName.lastID(fact.team)
            if try RegistryFactsStore.put(fact, id: id, version: event.version, in: tx) { try changed(id, in: tx) }
        } else if let fact = try event.payload(as: Cdt_Registry_V1_UnitFact.self) {
            try put(fact, version: event.version, in: tx)
        }
        // Other payloads are of a newer Registry and not for this service.
    }

    /// Marks what the feed has told as old, before it is read again from the start. What the teams owed and reported
    /// stays, and is brought in step as the facts come again.
    static func reset(in tx: WriteTransaction) throws {
        for table in ["units", "teams", "memberships"] { try tx.execute("UPDATE \(table) SET version = -1") }
    }

    /// Buries what is still old when the feed has been read again: the Registry was restored and does not know it.
    static func settle(in tx: WriteTransaction) throws {
        func old(_ columns: String, of table: String) throws -> [[String]] {
            try tx.query("SELECT \(columns) FROM \(table) WHERE version = -1") { row in
                try (0..<columns.split(separator: ",").count).map { try row.text($0) }
            }
        }
        for keys in try old("team, id", of: "memberships") {
            try bury("teams/\(keys[0])/memberships/\(keys[1])", version: 0, in: tx)
        }
        for keys in try old("id", of: "teams") { try bury("teams/\(keys[0])", version: 0, in: tx) }
        for keys in try old("id", of: "units") { try bury("units/\(keys[0])", version: 0, in: tx) }
    }

    private static func put(_ fact: Cdt_Registry_V1_UnitFact, version: Int64, in tx: WriteTransaction) throws {
        let id = ResourceName.lastID(fact.unit.name)
        guard try RegistryFactsStore.put(fact, id: id, version: version, in: tx) else { return }
        try changed(unit: id, isHamlet: fact.unit.level == .hamlet, in: tx)
    }

    private static func changed(unit id: String, isHamlet: Bool, in tx: WriteTransaction) throws {
        if isHamlet {
            for team in try RegistryFactsStore.teams(everIn: id, in: tx) { try changed(team, in: tx) }
            return
        }
        try RegistryFactsStore.raiseRevision(PlaceStore.treeRevision, in: tx)
        // Which policy or waiver holds for a team depends on the units above it.
        if try tx.exists("SELECT 1 FROM policies") || tx.exists("SELECT 1 FROM waivers") {
            try PeriodStore.deriveAgain(in: tx)
            tx.notify(channel)
        }
    }

    private static func bury(_ aggregate: String, version: Int64, in tx: WriteTransaction) throws {
        let parts = aggregate.split(separator: "/").map(String.init)
        guard parts.count >= 2 else { return }
        if parts[0] == "units" {
            guard let unit = try RegistryFactsStore.unit(parts[1], in: tx),
                try RegistryFactsStore.bury(unit: unit.id, version: version, in: tx)
            else { return }
            try changed(unit: unit.id, isHamlet: unit.level == .hamlet, in: tx)
        } else if parts[0] != "teams" {
            return
        } else if parts.count == 4 {
            if try RegistryFactsStore.bury(membership: parts[3], of: parts[1], version: version, in: tx) {
                try changed(parts[1], in: tx)
            }
        } else if let team = try RegistryFactsStore.team(parts[1], in: tx) {
            // Out of sight is not active here; where it was counted stays.
            let fact = Cdt_Registry_V1_TeamFact.with {
                $0.team = aggregate
                $0.displayName = team.name
                $0.level = Cdt_Common_V1_TeamLevel(rawValue: team.level.rawValue) ?? .unspecified
                $0.placements = team.placements.map { place in
                    .with {
                        $0.unit = Names.name("units", place.unit)
                        $0.from = place.days.from?.description ?? ""
                        $0.to = place.days.to?.description ?? ""
                    }
                }
            }
            if try RegistryFactsStore.put(fact, id: team.id, version: version, in: tx) { try changed(team.id, in: tx) }
        }
    }

    private static func changed(_ team: String, in tx: WriteTransaction) throws {
        try RegistryFactsStore.markChanged(team, in: tx)
        tx.notify(channel)
    }
}
