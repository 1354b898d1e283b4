import ChangeFeed
import ServiceKit
import Shared
import Storage
import SwiftProtobuf
import Telemetry

/// Applies one event of `registry.facts`; the follower keeps versions in order, and stores its cursor in the same
/// transaction.
enum RegistryFeed {
    /// Wakes the reconciler.
    static let channel = "activity.changes"

    static func apply(_ event: FeedEvent, in tx: WriteTransaction) throws {
        let cause = Causes.kept(event.traceparent)
        if event.isTombstone {
            try bury(event.aggregate, by: cause, in: tx)
        } else if let fact = try event.payload(as: Cdt_Registry_V1_MembershipFact.self) {
            let (team, id) = (ResourceName.lastID(fact.team), ResourceName.lastID(fact.membership))
            try RegistryFactsStore.put(fact, team: team, id: id, in: tx)
            try changed(team, by: cause, in: tx)
        } else if let fact = try event.payload(as: Cdt_Registry_V1_TeamFact.self) {
            let id = ResourceName.lastID(fact.team)
            try RegistryFactsStore.put(fact, id: id, in: tx)
            try changed(id, by: cause, in: tx)
        } else if let fact = try event.payload(as: Cdt_Registry_V1_UnitFact.self) {
            try put(fact, by: cause, in: tx)
        }
        // Other payloads are of a newer Registry and not for this service.
    }

    private static func put(_ fact: Cdt_Registry_V1_UnitFact, by cause: String, in tx: WriteTransaction) throws {
        let id = ResourceName.lastID(fact.unit.name)
        try RegistryFactsStore.put(fact, id: id, in: tx)
        try changed(unit: id, isHamlet: fact.unit.level == .hamlet, by: cause, in: tx)
    }

    private static func changed(
        unit id: String, isHamlet: Bool, by cause: String, in tx: WriteTransaction
    ) throws {
        if isHamlet {
            for team in try RegistryFactsStore.teams(everIn: id, in: tx) { try changed(team, by: cause, in: tx) }
            return
        }
        try RegistryFactsStore.raiseRevision(PlaceStore.treeRevision, in: tx)
        // Which policy or waiver holds for a team depends on the units above it.
        if try tx.exists("SELECT 1 FROM policies") || tx.exists("SELECT 1 FROM waivers") {
            try PeriodStore.deriveAgain(in: tx)
            tx.notify(channel)
        }
    }

    private static func bury(_ aggregate: String, by cause: String, in tx: WriteTransaction) throws {
        let parts = aggregate.split(separator: "/").map(String.init)
        guard parts.count >= 2 else { return }
        if parts[0] == "units" {
            guard let unit = try RegistryFactsStore.unit(parts[1], in: tx) else { return }
            try RegistryFactsStore.bury(unit: unit.id, in: tx)
            try changed(unit: unit.id, isHamlet: unit.level == .hamlet, by: cause, in: tx)
        } else if parts[0] != "teams" {
            return
        } else if parts.count == 4 {
            if try RegistryFactsStore.bury(membership: parts[3], of: parts[1], in: tx) {
                try changed(parts[1], by: cause, in: tx)
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
            try RegistryFactsStore.put(fact, id: team.id, in: tx)
            try changed(team.id, by: cause, in: tx)
        }
    }

    private static func changed(_ team: String, by cause: String, in tx: WriteTransaction) throws {
        try RegistryFactsStore.markChanged(team, by: cause, in: tx)
        tx.notify(channel)
    }
}
