import Logging
import ServiceKit
import Storage

/// Brings obligations in step with changed facts, in small transactions that leave room for others.
struct Reconciler: Sendable {
    let database: Database
    let clock: Clock
    let maps: PlaceMaps
    let slots: SumSlots
    let feed: ActivityFeed
    let logger: Logger
    /// Teams in one transaction: some twenty milliseconds' work.
    var chunk = 250

    /// Works until cancelled: what was left when the process ended, then at once when facts change, and every minute
    /// for the clock.
    func run() async {
        // Listening before the first look: what is committed after it is an element here.
        var commits = database.commits(on: RegistryFeed.channel, every: .seconds(60)).makeAsyncIterator()
        repeat {
            do {
                while try await step(), !Task.isCancelled {}
                // Facts come in streams: what arrives within a moment is derived in one go.
                try await Task.sleep(for: .milliseconds(100))
            } catch is CancellationError {
                return
            } catch {
                // The work is still marked, and is tried again at the next element.
                logger.error(
                    "Obligations could not be derived; trying again within a minute", metadata: ["error": "\(error)"])
            }
        } while await commits.next() != nil
    }

    /// One piece of work; false when there is none.
    func step() async throws -> Bool {
        let now = clock.now
        let todo = try await database.readPooled { [maps, chunk] tx in
            // Seen and kept outside the writer, so that it need not be built there.
            _ = try maps.map(in: tx)
            let periods = try PeriodStore.all(in: tx)
            return Todo(
                missing: try Reconciler.currentPeriods(now.localDate, in: tx).filter { month in
                    !periods.contains { $0.period == month }
                },
                changed: try RegistryFactsStore.changedTeams(limit: chunk, in: tx),
                underived: periods.first { $0.derivedTo != nil }?.period)
        }
        if !todo.missing.isEmpty {
            try await database.write { tx in
                for month in todo.missing { try PeriodStore.open(month, now: now, in: tx) }
            }
            return true
        }
        if !todo.changed.isEmpty {
            try await deriveChanged(todo.changed, now: now)
            return true
        }
        if let period = todo.underived {
            try await deriveNext(of: period, now: now)
            return true
        }
        return false
    }

    private struct Todo: Sendable {
        var missing: [Month]
        var changed: [String]
        var underived: Month?
    }

    /// The month of the day and the one before; the next one too, where a policy's period of that name has begun.
    private static func currentPeriods(_ today: LocalDate, in tx: ReadTransaction) throws -> [Month] {
        let month = today.calendarMonth
        let early = try tx.exists(
            "SELECT 1 FROM policies WHERE start_day > 1 AND start_day <= ?", [SQLValue(today.day)])
        return [month.previous, month] + (early ? [month.next] : [])
    }

    private func deriveChanged(_ teams: [String], now: Instant) async throws {
        try await database.write { [maps, slot = slots.any, feed] tx in
            var keeper = ObligationKeeper(tx, now: now, maps: maps, slot: slot, feed: feed)
            let periods = try PeriodStore.all(in: tx).map(\.period)
            // Late facts change what is not closed; a team that has moved takes all its periods along.
            let changing = try PeriodStore.changing(on: now.localDate, in: tx).map(\.period)
            for id in teams {
                guard let cause = try RegistryFactsStore.change(of: id, in: tx) else { continue }
                try RegistryFactsStore.unmarkChanged(id, in: tx)
                keeper.traceparent = cause
                // A membership may be told before its team; the team's own fact marks it again.
                guard let team = try RegistryFactsStore.team(id, in: tx) else { continue }
                let placed = try keeper.place(team, periods: periods)
                try keeper.derive(placed, in: changing)
            }
            try keeper.finish()
            tx.notify(FigureStore.channel)
        }
    }

    /// The next teams of a period that is being derived.
    private func deriveNext(of period: Month, now: Instant) async throws {
        try await database.write { [maps, slot = slots.any, feed, chunk] tx in
            guard let row = try PeriodStore.get(period, in: tx), let done = row.derivedTo else { return }
            let teams = try RegistryFactsStore.teams(after: done, limit: chunk, in: tx)
            guard let first = teams.first, let last = teams.last else {
                return try PeriodStore.setDerived(period, to: nil, in: tx)
            }
            var keeper = ObligationKeeper(tx, now: now, maps: maps, slot: slot, feed: feed)
            let periods = try PeriodStore.all(in: tx).map(\.period)
            let placed = try teams.map { try keeper.place($0, periods: periods) }
            try keeper.derive(
                placed, period,
                memberships: try RegistryFactsStore.memberships(from: first.id, through: last.id, in: tx),
                existing: try ObligationStore.list(period, from: first.id, through: last.id, in: tx))
            try keeper.finish()
            try PeriodStore.setDerived(period, to: teams.count < chunk ? nil : last.id, in: tx)
            tx.notify(FigureStore.channel)
        }
    }
}
