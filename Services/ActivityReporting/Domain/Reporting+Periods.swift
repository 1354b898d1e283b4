import ServiceKit
import Shared
import Storage
import SwiftProtobuf

extension Reporting {
    /// A period as the contract shows it.
    private static func view(_ row: PeriodRow, _ figures: FigureStore, in tx: ReadTransaction) throws
        -> Cdt_Activity_V1_Period
    {
        let pending = try PeriodStore.pendingTeams(row, in: tx)
        let obligations = try figures.obligations(row.period, in: tx)
        return .with {
            $0.name = "periods/\(row.period)"
            $0.openTime = row.openedAt.timestamp
            $0.pendingTeams = Int64(pending)
            $0.derived = pending == 0
            $0.obligations = Int64(obligations)
        }
    }

    /// Opens a period; the reconciler derives its obligations.
    func openPeriod(_ period: Month) async throws -> Cdt_Activity_V1_Period {
        let now = clock.now
        let last = now.localDate.calendarMonth.next
        guard let first = Month(year: 2022, month: 1), period >= first, period <= last else {
            throw Refusal.invalid(
                "period", "give a month from 2022-01 to \(last)", vi: "cần tháng từ 2022-01 đến \(last)")
        }
        return try await database.write { [figures] tx in
            if let open = try PeriodStore.get(period, in: tx) { return try Reporting.view(open, figures, in: tx) }
            try PeriodStore.open(period, now: now, in: tx)
            tx.notify(RegistryFeed.channel)
            return try Reporting.view(PeriodRow(period: period, openedAt: now, derivedTo: ""), figures, in: tx)
        }
    }

    func period(_ period: Month) async throws -> Cdt_Activity_V1_Period {
        let found = try await database.readPooled { [figures] tx in
            try PeriodStore.get(period, in: tx).map { try Reporting.view($0, figures, in: tx) }
        }
        guard let found else { throw Refusal.periodNotFound(period) }
        return found
    }

    /// Newest first, those before the given one.
    func periods(before: String?, limit: Int) async throws -> [Cdt_Activity_V1_Period] {
        try await database.readPooled { [figures] tx in
            try PeriodStore.list(before: before, limit: limit, in: tx).map { try Reporting.view($0, figures, in: tx) }
        }
    }

    /// Teams whose obligations in an open period are not yet derived.
    static func pending(_ period: Month, in tx: ReadTransaction) throws -> Int {
        guard let row = try PeriodStore.get(period, in: tx) else { throw Refusal.periodNotOpen(period) }
        return try PeriodStore.pendingTeams(row, in: tx)
    }
}
