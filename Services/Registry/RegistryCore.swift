import ChangeFeed
import RPC
import ServiceKit
import Shared
import Storage
import SwiftProtobuf

/// What the Registry's calls stand on.
package struct RegistryCore: Sendable {
    package let database: Database
    package let catalogue: UnitCatalogue
    package let outbox: Outbox
    package let tokens: PageTokens
    package let clock: Clock
    package let citizenIDs: CitizenIDs
    package let grants: GrantCatalogue
    package let progress: ReorganisationProgress

    /// The units in force now. A call that needs one consistent set of them takes it once.
    package var units: UnitIndex { catalogue.current }

    var recorder: Recorder { Recorder(outbox: outbox, units: units) }

    /// Loads the units into a new database, and reads them into memory.
    package static func open(
        database: Database, tokens: PageTokens, unitData: String? = nil, citizenIDs: CitizenIDs = .none,
        clock: Clock = .system, progress: ReorganisationProgress = ReorganisationProgress()
    ) async throws -> RegistryCore {
        let outbox = try await Outbox.open([Recorder.facts, Recorder.contacts], in: database)
        if try database.read({ try UnitStore.isEmpty(in: $0) }) {
            let data = try UnitFiles(directory: try UnitDataDirectory.find(unitData)).load()
            let recorder = Recorder(outbox: outbox, units: UnitIndex(data))
            let author = Author(actor: "registry", action: "LoadUnits", now: clock.now)
            try await database.write { tx in
                // Another process may have been faster.
                guard try UnitStore.isEmpty(in: tx) else { return }
                try UnitStore.insert(data, in: tx)
                try recorder.tellUnits(by: author, in: tx)
            }
        }
        try await recordShipped(in: database, clock: clock)
        let data = try await database.readPooled { try UnitStore.load(from: $0) }
        let core = RegistryCore(
            database: database, catalogue: UnitCatalogue(UnitIndex(data)), outbox: outbox, tokens: tokens, clock: clock,
            citizenIDs: citizenIDs, grants: GrantCatalogue(), progress: progress)
        try await FeedRetelling.find(core)
        return core
    }

    /// The reorganisations that the shipped files tell of are events like any other, applied.
    private static func recordShipped(in database: Database, clock: Clock) async throws {
        guard try database.read({ try ReorganisationStore.isEmpty(in: $0) }) else { return }
        let data = try await database.readPooled { try UnitStore.load(from: $0) }
        let shipped = ShippedReorganisations.read(data, now: clock.now)
        try await database.write { tx in
            guard try ReorganisationStore.isEmpty(in: tx) else { return }
            for event in shipped {
                try ReorganisationStore.insert(event.reorganisation, event.script, in: tx)
                try ReorganisationStore.keep(event.change, of: event.reorganisation.id, in: tx)
            }
        }
    }

    /// Takes the units anew when a reorganisation, perhaps by another replica, has changed them.
    package func refreshUnits() async throws {
        guard try database.read({ try UnitStore.edition(in: $0) }) != units.edition else { return }
        catalogue.replace(with: UnitIndex(try await database.readPooled { try UnitStore.load(from: $0) }))
    }

    /// A write that stands on the units: run again with the new ones when a reorganisation came in between.
    package func writeOnUnits<Value: Sendable>(
        isolation: WriteIsolation = .serializable, _ body: @escaping @Sendable (WriteTransaction) throws -> Value
    ) async throws -> Value {
        while true {
            let value = try await database.write(isolation: isolation) { [catalogue] tx -> Value? in
                guard try UnitStore.edition(in: tx) == catalogue.current.edition else { return nil }
                return try body(tx)
            }
            if let value { return value }
            try await refreshUnits()
        }
    }
}
