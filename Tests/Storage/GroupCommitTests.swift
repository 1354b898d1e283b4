import Foundation
import TestSupport
import Testing

@testable import Storage

@Suite struct GroupCommitTests {
    @Test func concurrentWritersShareCommits() async throws {
        try await withDatabase { database in
            let writers = 64
            let each = 16
            try await withThrowingTaskGroup(of: Void.self) { group in
                for writer in 0..<writers {
                    group.addTask {
                        for index in 0..<each {
                            let id = writer * each + index
                            try await database.add(id, "\(id)")
                        }
                    }
                }
                try await group.waitForAll()
            }
            let statistics = database.statistics
            #expect(try database.ids().count == writers * each)
            #expect(statistics.writes == writers * each)
            // At most one sync of the disk for 16 writes of 64 concurrent callers.
            #expect(statistics.commits <= writers * each / 16)
            #expect(statistics.largestGroup > 16)
            #expect(statistics.failedWrites == 0)
        }
    }

    @Test func whatWaitsIsOneGroup() async throws {
        var limits = DatabaseConfiguration.Limits()
        limits.groupTime = .seconds(3_600)
        try await withDatabase(limits) { database in
            let gate = Gate()
            let holding = try await holdWriter(database, gate)
            let before = database.statistics.commits
            let writes = (1...10).map { id in Task { try await database.add(id, "\(id)") } }
            try await eventually { database.statistics.waitingWrites == 10 }
            gate.open()
            try await holding.value
            for write in writes { try await write.value }
            // They joined the group that was held.
            #expect(database.statistics.commits - before == 1)
            #expect(database.statistics.largestGroup == 11)
        }
    }

    @Test func aGroupIsNoLargerThanAllowed() async throws {
        var limits = DatabaseConfiguration.Limits()
        limits.groupSize = 4
        limits.groupTime = .seconds(3_600)
        try await withDatabase(limits) { database in
            let gate = Gate()
            let holding = try await holdWriter(database, gate)
            let writes = (1...10).map { id in Task { try await database.add(id, "\(id)") } }
            try await eventually { database.statistics.waitingWrites == 10 }
            gate.open()
            try await holding.value
            for write in writes { try await write.value }
            #expect(database.statistics.largestGroup == 4)
            #expect(database.statistics.commits == 3)
        }
    }

    /// Runs writes as one group: ids 1 to 10, of which some fail in the given way.
    private func group(
        in database: Database, failing: Set<Int>, _ fail: @escaping @Sendable (Int, WriteTransaction) throws -> Void
    ) async throws -> [Int: Result<Int, any Error>] {
        let gate = Gate()
        let holding = try await holdWriter(database, gate)
        let writes = (1...10).map { id in
            Task {
                try await database.write { tx in
                    try tx.execute("INSERT INTO notes (id, body) VALUES (?, ?)", [SQLValue(id), SQLValue("\(id)")])
                    if failing.contains(id) { try fail(id, tx) }
                    return id
                }
            }
        }
        try await eventually { database.statistics.waitingWrites == 10 }
        gate.open()
        try await holding.value
        var results: [Int: Result<Int, any Error>] = [:]
        for (index, write) in writes.enumerated() { results[index + 1] = await write.result }
        return results
    }

    @Test(arguments: [[5], [1], [10], [2, 5, 6], Array(1...10)])
    func oneThatThrowsLosesNobodyElse(failing: [Int]) async throws {
        try await withDatabase { database in
            let results = try await group(in: database, failing: Set(failing)) { _, _ in throw Refused() }
            for id in 1...10 {
                if failing.contains(id) {
                    #expect(throws: Refused.self) { try results[id]?.get() }
                } else {
                    #expect(try results[id]?.get() == id)
                }
            }
            #expect(try database.ids() == (1...10).filter { !failing.contains($0) })
            #expect(database.statistics.failedWrites == failing.count)
        }
    }

    @Test func aConstraintOfOneLosesNobodyElse() async throws {
        try await withDatabase { database in
            try await database.add(100, "taken")
            let results = try await group(in: database, failing: [4]) { _, tx in
                try tx.execute("UPDATE notes SET body = 'taken' WHERE id = 4")
            }
            let error = #expect(throws: StorageError.self) { try results[4]?.get() }
            guard case .constraint(let violation) = error else {
                Issue.record("\(String(describing: error))")
                return
            }
            #expect(violation.kind == .unique)
            #expect(violation.table == "notes")
            #expect(violation.columns == ["body"])
            #expect(try database.ids() == [1, 2, 3, 5, 6, 7, 8, 9, 10, 100])
        }
    }

    @Test func aConstraintCheckedAtTheCommitLosesNobodyElse() async throws {
        try await withDatabase { database in
            let results = try await group(in: database, failing: [4]) { _, tx in
                try tx.execute("INSERT INTO tags (note, tag) VALUES (999, 'x')")
            }
            let error = #expect(throws: StorageError.self) { try results[4]?.get() }
            guard case .constraint(let violation) = error else {
                Issue.record("\(String(describing: error))")
                return
            }
            #expect(violation.kind == .foreignKey)
            #expect(try database.ids() == [1, 2, 3, 5, 6, 7, 8, 9, 10])
        }
    }

    @Test func effectsFollowTheCommitOnceAndPrecedeTheAnswer() async throws {
        try await withDatabase { database in
            let effects = Counter()
            let results = try await group(in: database, failing: [3, 7]) { _, _ in throw Refused() }
            #expect(results.count == 10)
            let gate = Gate()
            let holding = try await holdWriter(database, gate)
            let good = Task {
                try await database.write { tx in
                    try tx.execute("INSERT INTO notes (id, body) VALUES (20, 'x')")
                    tx.afterCommit { if (try? database.ids().contains(20)) == true { effects.add() } }
                }
                return effects.value
            }
            try await eventually { database.statistics.waitingWrites == 1 }
            // Throws, so the group, the good one in it, runs again; its effect does not.
            let bad = Task {
                try await database.write { tx in
                    tx.afterCommit { effects.add() }
                    throw Refused()
                }
            }
            try await eventually { database.statistics.waitingWrites == 2 }
            gate.open()
            try await holding.value
            await #expect(throws: Refused.self) { try await bad.value }
            #expect(try await good.value == 1)
            #expect(effects.value == 1)
        }
    }
}
