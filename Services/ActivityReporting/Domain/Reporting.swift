import Logging
import RPC
import ServiceKit
import Shared
import Storage

/// The service without its wire: what every call does, over the database.
package final class Reporting: Sendable {
    let database: Database
    let clock: Clock
    let maps = PlaceMaps()
    let figures = FigureStore()
    let platforms = PlatformBooks()
    let slots: SumSlots
    let feed: ActivityFeed

    init(database: Database, clock: Clock, feed: @escaping ActivityFeed) {
        self.database = database
        self.clock = clock
        self.feed = feed
        slots = database.dialect == .sqlite ? .one : .several
    }

    func reconciler(logger: Logger) -> Reconciler {
        Reconciler(database: database, clock: clock, maps: maps, slots: slots, feed: feed, logger: logger)
    }

    /// A write over obligations: everything a closure needs comes in as a value.
    func keep<T: Sendable>(_ body: @escaping @Sendable (inout ObligationKeeper) throws -> T) async throws -> T {
        let now = clock.now
        let traceparent = TraceContext.current?.traceparent ?? ""
        return try await database.write { [maps, slot = slots.any, feed] tx in
            var keeper = ObligationKeeper(
                tx, now: now, traceparent: traceparent, maps: maps, slot: slot, feed: feed)
            let result = try body(&keeper)
            try keeper.finish()
            tx.notify(FigureStore.channel)
            return result
        }
    }
}
