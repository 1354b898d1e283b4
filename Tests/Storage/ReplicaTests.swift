import Foundation
import TestSupport
import Testing

@testable import Storage

/// Two replicas of a service on one PostgreSQL database behave as one.
@Suite(.onPostgres, .timeLimit(.minutes(5))) struct ReplicaTests {
    private func withReplicas(_ body: ([Database]) async throws -> Void) async throws {
        let place = try TestDatabase.fresh()
        var replicas: [Database] = []
        for _ in 0..<2 { replicas.append(try await Database.open(place, migrations: [notes])) }
        try await body(replicas)
        for replica in replicas { await replica.close() }
    }

    @Test func theLastSeatIsGivenOnce() async throws {
        try await withReplicas { replicas in
            try await expectLastSeatGivenOnce(replicas)
        }
    }

    @Test func changesOfTheSameRowAddUp() async throws {
        try await withReplicas { replicas in
            try await replicas[0].write { try $0.execute("INSERT INTO notes (id, body, size) VALUES (1, 'sum', 0)") }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for index in 1...100 {
                    group.addTask {
                        try await replicas[index % 2].write { tx in
                            let size = try tx.count("SELECT size FROM notes WHERE id = 1")
                            try tx.execute("UPDATE notes SET size = ? WHERE id = 1", [SQLValue(size + index)])
                        }
                    }
                }
                try await group.waitForAll()
            }
            #expect(try replicas[1].read { try $0.count("SELECT size FROM notes WHERE id = 1") } == 5_050)
        }
    }

    @Test func commitsOfOneWakeTheOther() async throws {
        try await withReplicas { replicas in
            var wakes = replicas[1].commits(on: "mine", every: .seconds(3_600)).makeAsyncIterator()
            for id in 1...3 {
                try await replicas[0].write { tx in
                    try tx.execute("INSERT INTO notes (id, body) VALUES (?, ?)", [SQLValue(id), SQLValue("\(id)")])
                    tx.notify("mine")
                }
                await #expect(wakes.next() != nil)
                #expect(try replicas[1].ids() == Array(1...id))
            }
        }
    }

    /// Writers that are killed in the middle of their work: everything they had acknowledged is there.
    @Test func killedProcessesKeepWhatTheyAcknowledged() async throws {
        let place = try TestDatabase.fresh()
        guard case .postgres(let address) = place.location else { return }
        let scratch = try ScratchFolder()
        defer { scratch.remove() }
        let journal = scratch.path("acknowledged")
        _ = FileManager.default.createFile(atPath: journal, contents: nil)
        let survivor = try await Database.open(place, migrations: [notes])
        for round in 0..<CrashBudget.rounds {
            let delay = Int.random(in: 5...150)
            await #expect(processExitsWith: .signal(SIGKILL)) {
                [address = address as String, journal = journal as String, round = round as Int, delay = delay as Int]
                in
                try await writeUntilKilled(
                    .postgres(address), journal: journal, round: round, after: delay)
            }
            let kept = Set(try survivor.ids())
            let promised = try String(contentsOfFile: journal, encoding: .utf8).split(separator: "\n")
            #expect(promised.allSatisfy { Int($0).map(kept.contains) ?? false })
            // Only what was being committed at the moment may be there, or still come, unacknowledged.
            #expect(kept.count - promised.count <= (round + 1) * 8)
        }
        #expect(try String(contentsOfFile: journal, encoding: .utf8).isEmpty == false)
        try await survivor.add(-1, "it goes on")
        await survivor.close()
    }
}
