import RPC
import ServiceKit
import Shared
import Storage
import SwiftProtobuf

/// What policies would cost, and others beside them. Nothing is written.
package struct Simulations: Sendable {
    private struct CellKey: Hashable, Comparable {
        var month: Month
        /// Code and name of the province, so that cells come as people list provinces.
        var code: String
        var province: String
        var level: TeamLevel

        static func < (a: CellKey, b: CellKey) -> Bool {
            (a.month, a.code, a.province, a.level) < (b.month, b.code, b.province, b.level)
        }
    }

    private struct Cell {
        var amount: Int64 = 0
        var teams: Int64 = 0
        var persons: Int64 = 0
    }

    let queries: EntitlementQueries

    package init(queries: EntitlementQueries) { self.queries = queries }

    package func simulate(
        _ request: Cdt_Funding_V1_SimulatePoliciesRequest,
        send: (Cdt_Funding_V1_SimulatePoliciesResponse) async throws -> Void
    ) async throws {
        var check = Violations()
        _ = check.name(request.unit, of: "units", "unit", required: false)
        for (field, references) in [("policies", request.policies), ("alternatives", request.alternatives)] {
            for (index, reference) in references.enumerated() {
                _ = check.name(reference.policy, of: "policies", "\(field)[\(index)].policy")
                check.require(
                    reference.version >= 0, "\(field)[\(index)].version", "must not be negative", vi: "không được âm")
            }
        }
        // "A simulation covers every month that its period touches, whole."
        let months = EntitlementQueries.months(request.fromMonth, request.toMonth, &check)
        let treeDate = check.date(request.treeDate, "tree_date", required: false)
        try check.refuse()
        guard let months else { return }
        let freshness = queries.freshness()
        let plans = try await queries.database.readPooled { transaction in
            let reader = FactsReader(transaction)
            if !request.unit.isEmpty, try reader.unit(request.unit) == nil {
                throw FundingErrors.unitNotFound(request.unit)
            }
            func plan(_ references: [Cdt_Funding_V1_PolicyReference]) throws -> Sweep.Plan {
                try Sweep(
                    months: months, unit: request.unit,
                    policies: try EntitlementQueries.policies(references, transaction)
                ).plan(reader)
            }
            return try [plan(request.policies)] + (request.alternatives.isEmpty ? [] : [plan(request.alternatives)])
        }
        var finder = ProvinceFinder(date: treeDate ?? months.upperBound.lastDay)
        var names: [String: String] = [:]
        var cells: [[CellKey: Cell]] = plans.map { _ in [:] }
        var tallies = plans.map { Tally(policies: $0.rules.policies) }
        let total = plans.reduce(0) { $0 + $1.candidates.count }
        var done = 0
        for (side, plan) in plans.enumerated() {
            for chunk in plan.chunks {
                // Each chunk is a read of its own: a slow client holds no reader.
                let (results, provinces, next) = try await queries.database.readPooled { [finder] transaction in
                    var finder = finder
                    let reader = FactsReader(transaction)
                    do {
                        let results = try plan.compute(chunk, transaction)
                        let provinces = try results.map { try finder.province(of: $0.team, in: reader) }
                        return (results, provinces, finder)
                    } catch is Money.Overflow {
                        throw FundingErrors.tooLarge()
                    }
                }
                finder = next
                for (result, province) in zip(results, provinces) {
                    try tallies[side].add(result)
                    if let province { names[province.id] = province.displayName }
                    try Simulations.add(result, province, to: &cells[side])
                }
                done += chunk.count
                let amounts = tallies.map(\.amount)
                let reached = done
                try await send(
                    .with {
                        $0.amountDong = amounts[0]
                        $0.alternativeAmountDong = amounts.count > 1 ? amounts[1] : 0
                        $0.teamsDone = Int64(reached)
                        $0.teamsTotal = Int64(total)
                        $0.freshness = freshness
                    })
            }
        }
        let (sums, table, shown) = (tallies, cells, names)
        try await send(
            .with {
                $0.cells = Simulations.messages(table, shown)
                $0.amountDong = sums[0].amount
                $0.totals = sums[0].totals
                if sums.count > 1 {
                    $0.alternativeAmountDong = sums[1].amount
                    $0.alternativeTotals = sums[1].totals
                }
                $0.teamsDone = Int64(total)
                $0.teamsTotal = Int64(total)
                $0.complete = true
                $0.freshness = freshness
            })
    }

    private static func add(
        _ result: Sweep.TeamResult, _ province: UnitFacts?, to cells: inout [CellKey: Cell]
    ) throws(Money.Overflow) {
        var persons: [Month: Set<String>] = [:]
        var paid: Set<Month> = []
        func key(_ month: Month) -> CellKey {
            CellKey(month: month, code: province?.code ?? "", province: province?.id ?? "", level: result.team.level)
        }
        for line in result.lines where line.amount > 0 {
            let cell = cells[key(line.month)]?.amount ?? 0
            cells[key(line.month), default: Cell()].amount = try Money.add(cell, line.amount)
            paid.insert(line.month)
            if let person = line.person { persons[line.month, default: []].insert(person) }
        }
        for month in paid { cells[key(month), default: Cell()].teams += 1 }
        for (month, found) in persons { cells[key(month), default: Cell()].persons += Int64(found.count) }
    }

    private static func messages(_ sides: [[CellKey: Cell]], _ names: [String: String])
        -> [Cdt_Funding_V1_SimulationCell]
    {
        let other = sides.count > 1 ? sides[1] : nil
        let keys = Set(sides.flatMap(\.keys)).sorted()
        return keys.map { key in
            let first = sides[0][key] ?? Cell()
            let second = other.map { $0[key] ?? Cell() }
            return .with {
                $0.month = key.month.description
                $0.province = key.province
                $0.provinceDisplayName = names[key.province] ?? ""
                $0.teamLevel = .init(rawValue: key.level.rawValue) ?? .unspecified
                $0.amountDong = first.amount
                $0.teamsPaid = first.teams
                $0.personsPaid = first.persons
                if let second {
                    $0.alternativeAmountDong = second.amount
                    $0.alternativeTeamsPaid = second.teams
                    $0.alternativePersonsPaid = second.persons
                    $0.differenceDong = second.amount - first.amount
                }
            }
        }
    }
}
