import ArgumentParser
import Foundation
import RPC
import Shared
import SwiftProtobuf

/// Who calls Activity reporting in `./dev bench activity` and `./dev oracle activity`.
@main struct BenchActivity: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench-activity",
        subcommands: [Open.self, Names.self, Submit.self, Fill.self, Figures.self, Units.self, Watch.self, Policy.self])
}

typealias Activity = Cdt_Activity_V1_ActivityReportingService.Client

extension RPCClient {
    /// - Parameter address: HOST:PORT.
    static func to(_ address: String) throws -> RPCClient {
        guard let target = RPCClient.Target(address) else { throw ValidationError("\(address) is not HOST:PORT") }
        return try RPCClient(targets: [target], options: .init(defaultTimeout: .seconds(300)))
    }
}

/// A line of `key value` for the script.
func tell(_ values: KeyValuePairs<String, Double>) {
    print(values.map { "\($0.key) \($0.value)" }.joined(separator: "\n"))
}

func seconds(_ duration: Duration) -> Double { Double(duration / .nanoseconds(1)) / 1e9 }

/// Calls, seconds and percentiles.
func tell(_ times: [Duration], in spent: Duration) {
    let sorted = times.sorted()
    func percentile(_ part: Double) -> Double {
        sorted.isEmpty ? 0 : seconds(sorted[min(sorted.count - 1, Int(Double(sorted.count) * part))])
    }
    tell([
        "calls": Double(sorted.count), "seconds": seconds(spent), "p50": percentile(0.5), "p99": percentile(0.99),
        "most": sorted.last.map(seconds) ?? 0,
    ])
}

/// Says on standard error, every ten seconds, how far long work is.
struct Progress {
    private var last = ContinuousClock.now

    mutating func tell(_ text: @autoclosure () -> String) {
        let now = ContinuousClock.now
        guard now - last > .seconds(10) else { return }
        last = now
        FileHandle.standardError.write(Data("    \(text())\n".utf8))
    }
}

/// Opens periods and waits until their obligations are derived.
struct Open: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Open periods, and wait until all is derived.")

    @Argument(help: "HOST:PORT.") var server: String
    @Argument(help: "Periods, YYYY-MM.") var periods: [String]
    @ArgumentParser.Option(help: "Obligations to wait for in each; -1: whatever there is.") var expect = -1
    @ArgumentParser.Option(help: "Seconds without any change after which it gives up.") var patience = 300.0

    func run() async throws {
        let client = try RPCClient.to(server)
        let activity = Activity(client)
        let begun = ContinuousClock.now
        for period in periods { _ = try await activity.openPeriod(.with { $0.period = period }) }
        var (obligations, moved) = (0, begun)
        var progress = Progress()
        for period in periods {
            while true {
                let now = try await activity.getPeriod(.with { $0.name = "periods/\(period)" })
                let known = Int(now.period.obligations)
                if known != obligations { moved = .now }
                obligations = known
                if now.period.derived, now.registry.connected, expect < 0 ? known > 0 : known == expect { break }
                guard ContinuousClock.now - moved < .seconds(patience) else {
                    throw ValidationError(
                        "\(period) has stood at \(known) obligations for \(Int(patience)) s, with \(now.period.pendingTeams) "
                            + "teams to be derived, the Registry \(now.registry.connected ? "connected" : "gone"); "
                            + "expected were \(expect)")
                }
                progress.tell("\(period): \(known) obligations, \(now.period.pendingTeams) teams to be derived")
                try await Task.sleep(for: .milliseconds(200))
            }
        }
        tell(["obligations": Double(obligations), "seconds": seconds(ContinuousClock.now - begun)])
        await client.close()
    }
}

/// Writes the names of the obligations of a period that have no report.
struct Names: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Write the names of obligations without a report.")

    @Argument(help: "HOST:PORT.") var server: String
    @Argument(help: "Period, YYYY-MM.") var period: String
    @Argument(help: "File to write, a name a line.") var file: String

    func run() async throws {
        let client = try RPCClient.to(server)
        let activity = Activity(client)
        var names: [String] = []
        var request = Cdt_Activity_V1_ListObligationsRequest.with {
            $0.period = period
            $0.pageSize = 5000
        }
        repeat {
            let page = try await activity.listObligations(request)
            names += page.obligations.filter { $0.reportVersion == 0 }.map(\.name)
            request.pageToken = page.nextPageToken
        } while !request.pageToken.isEmpty
        try names.joined(separator: "\n").write(toFile: file, atomically: true, encoding: .utf8)
        tell(["names": Double(names.count)])
        await client.close()
    }
}

/// Reporting of every member everywhere.
struct Policy: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Have each member of every team report from a day on.")

    @Argument(help: "HOST:PORT.") var server: String
    @Argument(help: "First day of a month.") var day: String

    func run() async throws {
        let client = try RPCClient.to(server)
        let nation = try await Activity(client).getFigures(.with { $0.period = String(day.prefix(7)) }).figures.unit
        _ = try await Activity(client).setReportingPolicy(
            .with {
                $0.policy.jurisdiction = nation
                $0.policy.validFrom = day
                $0.policy.communeTeamSubject = .member
                $0.policy.hamletTeamSubject = .member
                $0.policy.startDay = 1
                $0.policy.dueDay = 5
                $0.policy.graceDays = 3
            })
        await client.close()
    }
}

extension Cdt_Activity_V1_ReportSubmission {
    /// A report as they usually are: some activities, a flow, a stock and a few words.
    static func usual(for obligation: String, salt: UInt64) -> Cdt_Activity_V1_ReportSubmission? {
        let parts = obligation.dropFirst("obligations/".count).split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count >= 2 else { return nil }
        let chance = Chance(obligation, salt)
        return .with {
            $0.operationID = "\(salt) \(obligation)"
            $0.report.period = String(parts[0])
            $0.report.team = "teams/\(parts[1])"
            $0.report.person = parts.count > 2 ? "people/\(parts[2])" : ""
            $0.report.activities = [Cdt_Activity_V1_Skill.onlinePublicServices, .onlinePayment, .selfProtection].map {
                skill in
                .with {
                    $0.skill = skill
                    $0.beneficiary = .resident
                    $0.channel = .homeVisit
                    $0.count = Int64(chance.number(skill.rawValue) % 20) + 1
                }
            }
            $0.report.counters = [
                .with {
                    $0.code = "e_payment_accounts_opened"
                    $0.kind = .flow
                    $0.value = Int64(chance.number(10) % 9)
                },
                .with {
                    $0.code = "digital_stores"
                    $0.kind = .stock
                    $0.value = Int64(chance.number(11) % 50) + 50
                },
            ]
            $0.report.narrative =
                "Đi từng ngõ, gõ từng nhà, hướng dẫn bà con; số hộ đã đến: \(chance.number(12) % 1_000_000)"
        }
    }
}

/// Numbers that hang on a name only, so that who recounts can draw them again.
struct Chance {
    private let seed: UInt64

    init(_ text: String, _ salt: UInt64) {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325 ^ salt
        for byte in text.utf8 { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01b3 }
        seed = hash
    }

    func number(_ i: Int) -> UInt64 {
        var z = seed &+ UInt64(i + 1) &* 0x9e37_79b9_7f4a_7c15
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }
}
