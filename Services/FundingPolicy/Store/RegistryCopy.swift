import ChangeFeed
import ServiceKit
import Shared
import Storage
import SwiftProtobuf

/// Keeps this service's own copy of the registry's facts: `registry.facts`, event by event.
///
/// An event carries the whole state of its aggregate, so each one replaces what was there.
package enum RegistryCopy {
    package static let topic = "registry.facts"

    /// Puts one event into the database, in the transaction that moves the cursor.
    package static func apply(_ event: FeedEvent, in transaction: WriteTransaction) throws {
        if event.isTombstone {
            try remove(event.aggregate, in: transaction)
        } else if let fact = try event.payload(as: Cdt_Registry_V1_UnitFact.self) {
            try put(fact, in: transaction)
        } else if let fact = try event.payload(as: Cdt_Registry_V1_TeamFact.self) {
            try put(fact, in: transaction)
        } else if let fact = try event.payload(as: Cdt_Registry_V1_MembershipFact.self) {
            try put(fact, in: transaction)
        }
        // Other payloads are facts that money does not depend on.
    }

    private static func remove(_ aggregate: String, in transaction: WriteTransaction) throws {
        if aggregate.contains("/memberships/") {
            try transaction.execute("DELETE FROM memberships WHERE id = ?", [.text(aggregate)])
        } else if aggregate.hasPrefix("teams/") {
            try clearTeam(aggregate, in: transaction)
            try transaction.execute("DELETE FROM teams WHERE id = ?", [.text(aggregate)])
        } else if aggregate.hasPrefix("units/") {
            try clearUnit(aggregate, in: transaction)
            try transaction.execute("DELETE FROM units WHERE id = ?", [.text(aggregate)])
        }
    }

    // MARK: Units

    private static func put(_ fact: Cdt_Registry_V1_UnitFact, in transaction: WriteTransaction) throws {
        let unit = fact.unit
        let validity = try range(unit.validFrom, unit.validTo, of: unit.name)
        try transaction.execute(
            """
            INSERT INTO units (id, level, code, display_name, from_day, end_day) VALUES (?, ?, ?, ?, ?, ?)
            ON CONFLICT (id) DO UPDATE SET level = excluded.level, code = excluded.code,
                display_name = excluded.display_name, from_day = excluded.from_day, end_day = excluded.end_day
            """,
            [
                .text(unit.name), .integer(Int64(unit.level.rawValue)), .text(unit.code), .text(unit.displayName),
                SQLValue(validity.from), SQLValue(validity.exclusiveEnd),
            ])
        try clearUnit(unit.name, in: transaction)
        var placements = fact.placements
        if placements.isEmpty, !unit.parent.isEmpty {
            placements = [
                .with {
                    $0.parent = unit.parent
                    $0.from = unit.validFrom
                    $0.to = unit.validTo
                }
            ]
        }
        for (position, placement) in placements.enumerated() {
            let days = try range(placement.from, placement.to, of: unit.name)
            try transaction.execute(
                "INSERT INTO unit_parents (unit_id, position, parent_id, from_day, end_day) VALUES (?, ?, ?, ?, ?)",
                [
                    .text(unit.name), SQLValue(position), .text(placement.parent), SQLValue(days.from),
                    SQLValue(days.exclusiveEnd),
                ])
            try link(placement.parent, unit.name, via: unit.name, in: transaction)
        }
        for (position, successor) in unit.successors.enumerated() {
            try transaction.execute(
                "INSERT INTO unit_successors (unit_id, position, successor_id) VALUES (?, ?, ?)",
                [.text(unit.name), SQLValue(position), .text(successor)])
            // A territory holds what its units were before …
            try link(successor, unit.name, via: unit.name, in: transaction)
            // … and what its districts and communes became. What a province became is more than its territory.
            if unit.level.rawValue >= Cdt_Registry_V1_UnitLevel.district.rawValue {
                try link(unit.name, successor, via: unit.name, in: transaction)
            }
        }
    }

    private static func link(_ from: String, _ to: String, via: String, in transaction: WriteTransaction) throws {
        try transaction.execute(
            "INSERT INTO unit_links (from_id, to_id, via) VALUES (?, ?, ?) ON CONFLICT (from_id, to_id, via) DO NOTHING",
            [.text(from), .text(to), .text(via)])
    }

    private static func clearUnit(_ id: String, in transaction: WriteTransaction) throws {
        try transaction.execute("DELETE FROM unit_parents WHERE unit_id = ?", [.text(id)])
        try transaction.execute("DELETE FROM unit_successors WHERE unit_id = ?", [.text(id)])
        try transaction.execute("DELETE FROM unit_links WHERE via = ?", [.text(id)])
    }

    // MARK: Teams

    private static func put(_ fact: Cdt_Registry_V1_TeamFact, in transaction: WriteTransaction) throws {
        let document = fact.hasDecision ? fact.decision : nil
        let decision = try document.map { try range($0.effectiveFrom, $0.effectiveTo, of: fact.team) }
        let issued = try document.map { try range($0.issuedOn, "", of: fact.team).from } ?? nil
        try transaction.execute(
            """
            INSERT INTO teams (id, level, display_name, decision_number, decision_issuer, decision_issued_on,
                decision_from, decision_end) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
            ON CONFLICT (id) DO UPDATE SET level = excluded.level, display_name = excluded.display_name,
                decision_number = excluded.decision_number, decision_issuer = excluded.decision_issuer,
                decision_issued_on = excluded.decision_issued_on, decision_from = excluded.decision_from,
                decision_end = excluded.decision_end
            """,
            [
                .text(fact.team), .integer(Int64(fact.level.rawValue)), .text(fact.displayName),
                SQLValue(document?.number), SQLValue(document?.issuer), SQLValue(issued), SQLValue(decision?.from),
                SQLValue(decision?.exclusiveEnd),
            ])
        try clearTeam(fact.team, in: transaction)
        for (position, period) in fact.statusHistory.enumerated() {
            let days = try range(period.from, period.to, of: fact.team)
            try transaction.execute(
                "INSERT INTO team_statuses (team_id, position, status, from_day, end_day) VALUES (?, ?, ?, ?, ?)",
                [
                    .text(fact.team), SQLValue(position), SQLValue(period.status.rawValue), SQLValue(days.from),
                    SQLValue(days.exclusiveEnd),
                ])
        }
        for (position, placement) in fact.placements.enumerated() {
            let days = try range(placement.from, placement.to, of: fact.team)
            try transaction.execute(
                "INSERT INTO team_placements (team_id, position, unit_id, from_day, end_day) VALUES (?, ?, ?, ?, ?)",
                [
                    .text(fact.team), SQLValue(position), .text(placement.unit), SQLValue(days.from),
                    SQLValue(days.exclusiveEnd),
                ])
        }
    }

    private static func clearTeam(_ id: String, in transaction: WriteTransaction) throws {
        try transaction.execute("DELETE FROM team_statuses WHERE team_id = ?", [.text(id)])
        try transaction.execute("DELETE FROM team_placements WHERE team_id = ?", [.text(id)])
    }

    // MARK: Memberships

    private static func put(_ fact: Cdt_Registry_V1_MembershipFact, in transaction: WriteTransaction) throws {
        if fact.void {
            try transaction.execute("DELETE FROM memberships WHERE id = ?", [.text(fact.membership)])
            return
        }
        let days = try range(fact.from, fact.to, of: fact.membership)
        try transaction.execute(
            """
            INSERT INTO memberships (id, team_id, person_id, from_day, end_day) VALUES (?, ?, ?, ?, ?)
            ON CONFLICT (id) DO UPDATE SET team_id = excluded.team_id, person_id = excluded.person_id,
                from_day = excluded.from_day, end_day = excluded.end_day
            """,
            [
                .text(fact.membership), .text(fact.team), .text(fact.person), SQLValue(days.from),
                SQLValue(days.exclusiveEnd),
            ])
    }

    /// The registry's days. A text that is no day stops the feed rather than being read as "open": money hangs on it.
    private static func range(_ from: String, _ to: String, of resource: String) throws -> DateRange {
        func day(_ text: String) throws -> LocalDate? {
            if text.isEmpty { return nil }
            guard let day = LocalDate(text) else { throw BrokenFact(resource: resource, text: text) }
            return day
        }
        return DateRange(from: try day(from), to: try day(to))
    }
}

/// A fact of the feed that cannot be read.
package struct BrokenFact: Error, CustomStringConvertible {
    package let resource: String
    package let text: String
    package var description: String { "\(resource) holds \"\(text)\" where a date YYYY-MM-DD belongs" }
}
