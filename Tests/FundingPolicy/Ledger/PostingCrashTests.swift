import Foundation
import FundingPolicy
import ServiceKit
import Shared
import Storage
import SwiftProtobuf
import TestSupport
import Testing

/// "Resumable after kill -9 without double posting", with the program itself.
@Suite(.onBothEngines) struct PostingCrashTests {
    private static let teams = 9000

    @Test(.timeLimit(.minutes(15)))
    func aServiceThatIsKilledAgainAndAgainPostsEachLineOnce() async throws {
        let folder = try ScratchFolder()
        defer { folder.remove() }
        var arguments = try TestDatabase.serviceArguments()
        let location: DatabaseConfiguration.Location =
            arguments.count == 2 ? .postgres(arguments[1]) : .sqlite(path: folder.path("funding.db"))
        arguments += [
            "--data", folder.path, "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--peer",
            "registry=127.0.0.1:1", "--peer", "activity=127.0.0.1:1",
        ]
        let name = try await open(location) { service in
            try await service.apply((0..<Self.teams).map { Fixture.team("t\($0)", in: "ht") })
            try await service.appropriate(Fixture.haTinh, 2024, Int64(Self.teams) * 600_000)
            let run = try await service.run(.with { $0.fromMonth = "2024-10" })
            #expect(run.linesToPost == Int64(Self.teams))
            _ = try await service.runs.approve(.with { $0.name = run.name }, caller: "checker", key: nil)
            _ = try await service.runs.post(.with { $0.name = run.name }, caller: "poster", key: nil)
            return run.name
        }
        // Killed after an ever longer time, so that on any machine it is killed while it starts, while it posts, and
        // comes to its end at last.
        var pause = Duration.milliseconds(100)
        var steps: [Int64] = []
        for _ in 0..<12 {
            let service = try BackgroundProcess(["\(PackageFolder.products)/funding-policy"] + arguments)
            try await Task.sleep(for: pause)
            _ = await service.stop(by: SIGKILL)
            pause = pause * 3 / 2
            let run = try await open(location) { service in
                try await service.expectSoundBooks()
                let run = try service.runs.get(.with { $0.name = name }).run
                let entries = try service.database.read {
                    try $0.count("SELECT count(*) FROM ledger_entries WHERE due IS NOT NULL")
                }
                #expect(run.linesPosted == Int64(entries))
                return run
            }
            steps.append(run.linesPosted)
            if run.state == .posted { break }
            if steps.count == 11 { pause = .seconds(120) }
        }
        #expect(steps == steps.sorted() && steps.last == Int64(Self.teams), "\(steps)")
        try await open(location) { service in
            let payable = try await service.balance(Fixture.haTinh, 2024, .payable)
            let committed = try await service.balance(Fixture.haTinh, 2024, .committed)
            #expect(payable == Int64(Self.teams) * 600_000 && committed == 0)
        }
    }

    /// The database while the program does not run.
    private func open<T: Sendable>(
        _ location: DatabaseConfiguration.Location, _ body: (Fixture) async throws -> T
    ) async throws -> T {
        let database = try await Database.open(
            DatabaseConfiguration(location: location), migrations: FundingPolicyDefinition.allMigrations)
        do {
            let result = try await body(try await Fixture(database))
            await database.close()
            return result
        } catch {
            await database.close()
            throw error
        }
    }
}
