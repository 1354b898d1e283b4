import ArgumentParser
import Foundation
import RPC
import Shared
import SwiftProtobuf
import Synchronization

/// The names of a file, handed out one by one to who asks.
final class Work: Sendable {
    private let names: [String]
    private let next: Atomic<Int>

    init(file: String, from first: Int) throws {
        names = try String(contentsOfFile: file, encoding: .utf8).split(separator: "\n").map(String.init)
        next = Atomic(first)
    }

    func take() -> String? {
        let i = next.wrappingAdd(1, ordering: .relaxed).oldValue
        return i < names.count ? names[i] : nil
    }

    var all: [String] { names }
}

/// Submits one report after the other, each answered before the next is sent.
struct Submit: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Submit reports for some seconds, one in each call.")

    @Argument(help: "HOST:PORT.") var server: String
    @Argument(help: "File with names of obligations.") var names: String
    @ArgumentParser.Option(help: "Names to leave out at the beginning.") var from = 0
    @ArgumentParser.Option(help: "Callers at once.") var callers = 64
    @ArgumentParser.Option(help: "Connections.") var connections = 4
    @ArgumentParser.Option(help: "Seconds.") var seconds = 4.0

    func run() async throws {
        let clients = try (0..<min(connections, callers)).map { _ in try RPCClient.to(server) }
        let work = try Work(file: names, from: from)
        let begun = ContinuousClock.now
        let end = begun + .seconds(seconds)
        let times = try await withThrowingTaskGroup(of: [Duration].self) { group in
            for caller in 0..<callers {
                let activity = Activity(clients[caller % clients.count])
                group.addTask {
                    var times: [Duration] = []
                    while ContinuousClock.now < end, let name = work.take() {
                        guard let submission = Cdt_Activity_V1_ReportSubmission.usual(for: name, salt: 0) else {
                            throw ValidationError("\(name) names no obligation")
                        }
                        let sent = ContinuousClock.now
                        let answer = try await activity.submitReport(.with { $0.submission = submission })
                        times.append(ContinuousClock.now - sent)
                        guard answer.outcome == .applied else { throw ValidationError("\(name): \(answer)") }
                    }
                    return times
                }
            }
            return try await group.reduce(into: []) { $0 += $1 }
        }
        let spent = ContinuousClock.now - begun
        for client in clients { await client.close() }
        tell(times, in: spent)
    }
}

/// Submits the reports of a share of the obligations in a stream, with the day each was received, and corrects some.
struct Fill: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Submit the reports of a share of the obligations.")

    @Argument(help: "HOST:PORT.") var server: String
    @Argument(help: "File with names of obligations.") var names: String
    @ArgumentParser.Option(help: "First day on which a report may be received.") var day: String
    @ArgumentParser.Option(help: "Share of the obligations, in percent.") var percent: UInt64 = 90
    @ArgumentParser.Option(help: "Share of the reports that are corrected, in percent.") var corrected: UInt64 = 2
    @ArgumentParser.Option(help: "Other numbers give other reports.") var salt: UInt64 = 1

    func run() async throws {
        let client = try RPCClient.to(server)
        let chosen = try Work(file: names, from: 0).all.filter { Chance($0, salt).number(20) % 100 < percent }
        guard let first = Int(day.suffix(2)) else { throw ValidationError("\(day) is no day") }
        let prefix = day.prefix(8)
        let begun = ContinuousClock.now
        let call = try await Activity(client).submitReports(options: .init(timeout: .seconds(3600)))
        async let outcomes = {
            var counts: [Cdt_Activity_V1_SubmitOutcome: Int] = [:]
            var progress = Progress()
            for try await response in call.responses {
                for verdict in response.verdicts { counts[verdict.outcome, default: 0] += 1 }
                progress.tell(
                    "\(counts.values.reduce(0, +)) answered, of \(chosen.count) reports and their corrections")
            }
            return counts
        }()
        var message = Cdt_Activity_V1_SubmitReportsRequest()
        func send(_ submission: Cdt_Activity_V1_ReportSubmission) async throws {
            message.submissions.append(submission)
            guard message.submissions.count == 250 else { return }
            try await call.requests.send(message)
            message = .init()
        }
        // In an order that is not that of the store.
        for name in chosen.sorted(by: { Chance($0, salt).number(21) < Chance($1, salt).number(21) }) {
            guard var submission = Cdt_Activity_V1_ReportSubmission.usual(for: name, salt: salt) else { continue }
            let chance = Chance(name, salt)
            let offset = Int(chance.number(22) % 10)
            submission.report.source = .import
            submission.report.declaredOn = "\(prefix)\(offset + first < 10 ? "0" : "")\(offset + first)"
            try await send(submission)
            guard chance.number(23) % 100 < corrected else { continue }
            submission.operationID += " again"
            submission.baseVersion = 1
            submission.report.activities[0].count += 1
            submission.report.counters[1].value += 1
            try await send(submission)
        }
        if !message.submissions.isEmpty { try await call.requests.send(message) }
        call.requests.finish()
        let counts = try await outcomes
        tell([
            "reports": Double(chosen.count), "applied": Double(counts[.applied] ?? 0),
            "duplicate": Double(counts[.duplicate] ?? 0), "conflict": Double(counts[.conflict] ?? 0),
            "rejected": Double((counts[.rejected] ?? 0) + (counts[.keptForReview] ?? 0)),
            "seconds": seconds(ContinuousClock.now - begun),
        ])
        await client.close()
    }
}
