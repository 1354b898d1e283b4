import ArgumentParser
import Foundation
import RPC
import Shared
import SwiftProtobuf
import Synchronization

/// Asks for figures, one call after the other.
struct Figures: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Ask for the figures of a unit for some seconds.")

    @Argument(help: "HOST:PORT.") var server: String
    @Argument(help: "Period, YYYY-MM.") var period: String
    @ArgumentParser.Option(help: "The unit; empty: the nation.") var unit = ""
    @ArgumentParser.Option(help: "The date of the tree; empty: the period's end.") var treeDate = ""
    @ArgumentParser.Option(help: "Seconds.") var seconds = 3.0

    func run() async throws {
        let client = try RPCClient.to(server)
        let activity = Activity(client)
        var times: [Duration] = []
        let request = Cdt_Activity_V1_GetFiguresRequest.with {
            $0.period = period
            $0.unit = unit
            $0.treeDate = treeDate
        }
        // The first builds the tree in the server's memory.
        for _ in 0..<20 { _ = try await activity.getFigures(request) }
        let begun = ContinuousClock.now
        while ContinuousClock.now < begun + .seconds(seconds) {
            let sent = ContinuousClock.now
            let answer = try await activity.getFigures(request)
            times.append(ContinuousClock.now - sent)
            guard answer.figures.expected > 0 else { throw ValidationError("nothing is expected in \(period)") }
        }
        tell(times, in: ContinuousClock.now - begun)
        await client.close()
    }
}

/// Writes the figures of all units, for who recounts them.
struct Units: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Write the figures of units, one a line: what is expected and came, times helped, a flow and a stock."
    )

    @Argument(help: "HOST:PORT.") var server: String
    @Argument(help: "Period, YYYY-MM.") var period: String
    @Argument(help: "The date of the tree.") var treeDate: String

    func run() async throws {
        let client = try RPCClient.to(server)
        let activity = Activity(client)
        let achievements = Cdt_Activity_V1_AchievementService.Client(client)
        func write(_ figures: [Cdt_Activity_V1_Figures], _ sums: [Cdt_Activity_V1_Achievements]) throws {
            let achieved = Dictionary(sums.map { ($0.unit, $0) }) { first, _ in first }
            for figures in figures {
                guard let sums = achieved[figures.unit] else {
                    throw ValidationError("\(figures.unit) has figures, but no sums")
                }
                let numbers = [
                    figures.expected, figures.received, figures.onTime, figures.late,
                    figures.missing + figures.due + figures.notDue, sums.activities.reduce(0) { $0 + $1.count },
                    sums.value(.flow, "e_payment_accounts_opened"), sums.value(.stock, "digital_stores"),
                ]
                let unit = String(figures.unit.dropFirst("units/".count))
                print(([unit] + numbers.map(\.description)).joined(separator: " "))
            }
        }
        let nation = try await activity.getFigures(
            .with {
                $0.period = period
                $0.treeDate = treeDate
            })
        let achieved = try await achievements.getAchievements(
            .with {
                $0.period = period
                $0.treeDate = treeDate
            })
        try write([nation.figures], [achieved.achievements])
        for level in [Cdt_Registry_V1_UnitLevel.province, .district, .commune] {
            try write(
                try await figures(level, activity), try await sums(level, achievements))
        }
        await client.close()
    }

    private func figures(_ level: Cdt_Registry_V1_UnitLevel, _ activity: Activity) async throws
        -> [Cdt_Activity_V1_Figures]
    {
        var request = Cdt_Activity_V1_ListFiguresRequest.with {
            $0.period = period
            $0.treeDate = treeDate
            $0.unitLevel = level
            $0.pageSize = 2000
        }
        var all: [Cdt_Activity_V1_Figures] = []
        repeat {
            let page = try await activity.listFigures(request)
            all += page.figures
            request.pageToken = page.nextPageToken
        } while !request.pageToken.isEmpty
        return all
    }

    private func sums(
        _ level: Cdt_Registry_V1_UnitLevel, _ achievements: Cdt_Activity_V1_AchievementService.Client
    ) async throws -> [Cdt_Activity_V1_Achievements] {
        var request = Cdt_Activity_V1_ListAchievementsRequest.with {
            $0.period = period
            $0.treeDate = treeDate
            $0.unitLevel = level
            $0.pageSize = 1000
        }
        var all: [Cdt_Activity_V1_Achievements] = []
        repeat {
            let page = try await achievements.listAchievements(request)
            all += page.achievements
            request.pageToken = page.nextPageToken
        } while !request.pageToken.isEmpty
        return all
    }
}

extension Cdt_Activity_V1_Achievements {
    fileprivate func value(_ kind: Cdt_Activity_V1_CounterKind, _ code: String) -> Int64 {
        counters.first { $0.kind == kind && $0.code == code }?.value ?? 0
    }
}

/// Watches the nation, submits a report now and then, and says how long it took until the watcher was told.
struct Watch: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Measure the delay of WatchFigures.")

    @Argument(help: "HOST:PORT.") var server: String
    @Argument(help: "File with names of obligations.") var names: String
    @ArgumentParser.Option(help: "Names to leave out at the beginning.") var from = 0
    @ArgumentParser.Option(help: "Reports to submit.") var reports = 20

    func run() async throws {
        let client = try RPCClient.to(server)
        let activity = Activity(client)
        let work = try Work(file: names, from: from)
        guard from < work.all.count else { throw ValidationError("\(names) has no name after the first \(from)") }
        let period = work.all[from].dropFirst("obligations/".count).prefix(7)
        let call = try await activity.watchFigures(.with { $0.period = String(period) })
        var responses = call.responses.makeAsyncIterator()
        guard var received = try await responses.next()?.figures.received else { return }
        var times: [Duration] = []
        let begun = ContinuousClock.now
        for _ in 0..<reports {
            // It tells at most twice a second: after a pause it tells at once.
            try await Task.sleep(for: .milliseconds(700))
            guard let name = work.take(), let submission = Cdt_Activity_V1_ReportSubmission.usual(for: name, salt: 0)
            else {
                break
            }
            _ = try await activity.submitReport(.with { $0.submission = submission })
            let answered = ContinuousClock.now
            while let next = try await responses.next() {
                guard next.figures.received > received else { continue }
                received = next.figures.received
                break
            }
            times.append(ContinuousClock.now - answered)
        }
        call.cancel()
        tell(times, in: ContinuousClock.now - begun)
        await client.close()
    }
}
