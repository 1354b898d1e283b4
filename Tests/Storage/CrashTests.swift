import Foundation
import TestSupport
import Testing

@testable import Storage

/// A process that is killed in the middle of its work loses nothing it has acknowledged.
@Suite(.timeLimit(.minutes(CrashBudget.minutes))) struct CrashTests {
    @Test func killedProcessesKeepWhatTheyAcknowledged() async throws {
        try await withDirectory { directory in
            let path = directory.appendingPathComponent("store.sqlite").path
            let journal = directory.appendingPathComponent("acknowledged").path
            _ = FileManager.default.createFile(atPath: journal, contents: nil)
            for round in 0..<CrashBudget.rounds {
                let delay = Int.random(in: 5...150)
                await #expect(processExitsWith: .signal(SIGKILL)) {
                    [path = path as String, journal = journal as String, round = round as Int, delay = delay as Int] in
                    var limits = DatabaseConfiguration.Limits()
                    limits.checkpointPages = 8  // often, so that some die in the middle of one
                    try await writeUntilKilled(
                        .sqlite(path: path, limits: limits), journal: journal, round: round, after: delay)
                }
                let survivor = try await Database.open(.sqlite(path: path), migrations: [notes])
                let kept = Set(try survivor.ids())
                let promised = try String(contentsOfFile: journal, encoding: .utf8).split(separator: "\n")
                #expect(promised.allSatisfy { Int($0).map(kept.contains) ?? false })
                // Only what was being committed at the moment may be there unacknowledged.
                #expect(kept.count - promised.count <= (round + 1) * 8)
                let integrity = try survivor.read { try $0.queryOne("PRAGMA integrity_check") { try $0.text(0) } }
                #expect(integrity == "ok")
                await survivor.close()
            }
            #expect(try String(contentsOfFile: journal, encoding: .utf8).isEmpty == false)
        }
    }
}

/// Runs in a process of its own: eight writers, each of which notes in `journal` what was acknowledged.
func writeUntilKilled(_ place: DatabaseConfiguration, journal: String, round: Int, after milliseconds: Int) async throws
{
    let database = try await Database.open(place, migrations: [notes])
    let descriptor = open(journal, O_WRONLY | O_APPEND)
    precondition(descriptor >= 0)
    Thread.detachNewThread {
        usleep(UInt32(milliseconds) * 1_000)
        kill(getpid(), SIGKILL)
    }
    await withTaskGroup(of: Void.self) { group in
        for writer in 0..<8 {
            group.addTask {
                for index in 0... {
                    let id = round * 100_000_000 + writer * 10_000_000 + index
                    guard (try? await database.add(id, "note \(id)")) != nil else { return }
                    let line = Array("\(id)\n".utf8)
                    _ = write(descriptor, line, line.count)
                }
            }
        }
    }
}
