import ServiceKit
import Shared
import Storage
import SwiftProtobuf

extension Reporting {
    /// A period as the contract shows it.
    private static func view(_ row: PeriodRow, _ figures: FigureStore, today: LocalDate, in tx: ReadTransaction) throws
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
            if let closedAt = row.closedAt { $0.closeTime = closedAt.timestamp }
            $0.closedBy = row.closedBy
            $0.closed = row.isClosed(ReportingCalendar(period: row.period, rules: .standard), on: today)
        }
    }

    /// Opens a period; the reconciler derives its obligations.
    func openPeriod(_ period: Month, _ keeper: ObligationKeeper) throws -> Result<Cdt_Activity_V1_Period, Refusal> {
        let (tx, now) = (keeper.tx, keeper.now)
        let last = now.localDate.calendarMonth.next
        guard let first = Month(year: 2022, month: 1), period >= first, period <= last else {
            return .failure(
                .invalid("period", "give a month from 2022-01 to \(last)", vi: "cần tháng từ 2022-01 đến \(last)"))
        }
        if let open = try PeriodStore.get(period, in: tx) {
            return .success(try Reporting.view(open, figures, today: now.localDate, in: tx))
        }
        try PeriodStore.open(period, now: now, in: tx)
        tx.notify(RegistryFeed.channel)
        let row = PeriodRow(period: period, openedAt: now, derivedTo: "")
        return .success(try Reporting.view(row, figures, today: now.localDate, in: tx))
    }

    /// Closes a period that has ended before its time. What it says then stays.
    func closePeriod(_ period: Month, by caller: String, _ keeper: ObligationKeeper) throws
        -> Result<Cdt_Activity_V1_Period, Refusal>
    {
        let (tx, now) = (keeper.tx, keeper.now)
        guard var row = try PeriodStore.get(period, in: tx) else { return .failure(.periodNotFound(period)) }
        if row.closedAt == nil {
            guard now.localDate > period.lastDay else { return .failure(.periodNotEnded(period)) }
            let pending = try PeriodStore.pendingTeams(row, in: tx)
            guard pending == 0 else { return .failure(.obligationsPending(period, teams: pending)) }
            try PeriodStore.close(period, by: caller, now: now, in: tx)
            row.closedAt = now
            row.closedBy = caller
        }
        return .success(try Reporting.view(row, figures, today: now.localDate, in: tx))
    }

    func period(_ period: Month) async throws -> Cdt_Activity_V1_Period {
        let today = clock.today
        let found = try await database.readPooled { [figures] tx in
            try PeriodStore.get(period, in: tx).map { try Reporting.view($0, figures, today: today, in: tx) }
        }
        guard let found else { throw Refusal.periodNotFound(period) }
        return found
    }

    /// Newest first, those before the given one.
    func periods(before: String?, limit: Int) async throws -> [Cdt_Activity_V1_Period] {
        let today = clock.today
        return try await database.readPooled { [figures] tx in
            try PeriodStore.list(before: before, limit: limit, in: tx)
                .map { try Reporting.view($0, figures, today: today, in: tx) }
        }
    }

    /// A period that was opened, if it is closed again or not.
    @discardableResult
    static func opened(_ period: Month, in tx: ReadTransaction) throws -> PeriodRow {
        guard let row = try PeriodStore.get(period, in: tx) else { throw Refusal.periodNotOpen(period) }
        return row
    }

    /// Teams whose obligations in an open period are not yet derived.
    static func pending(_ period: Month, in tx: ReadTransaction) throws -> Int {
        try PeriodStore.pendingTeams(try opened(period, in: tx), in: tx)
    }
}
