import Foundation
import Storage
import TestSupport
import Testing

@testable import ChangeFeed

/// Producer and consumer are killed at random moments; in the end the consumer's state is the producer's, every
/// acknowledged change is there, and each event has taken effect once.
@Suite(.timeLimit(.minutes(10))) struct FeedCrashTests {
    @Test func killedProcessesAgreeInTheEnd() async throws {
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent("crash-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: directory) }
        let journal = directory.appendingPathComponent("acknowledged").path
        _ = FileManager.default.createFile(atPath: journal, contents: nil)
        for _ in 0..<12 {
            let delay = Int.random(in: 10...200)
            await #expect(processExitsWith: .signal(SIGKILL)) {
                [path = directory.path as String, delay = delay as Int] in
                try await runUntilKilled(in: URL(fileURLWithPath: path), after: delay)
            }
        }
        let producer = try await Producer.open(file("producer", in: directory))
        let copy = try await Copy.open(file("consumer", in: directory))
        let consumer = try copy.consumer(of: LocalFeed(producer))
        try await consumer.running {
            try await eventually("the consumer did not catch up") { try copy.applied() == producer.versions() }
        }
        #expect(try copy.items() == producer.items())
        let events = try await producer.events()
        #expect(events.map(\.sequence) == Array(1...Int64(max(1, events.count))))
        // Lines are "item version".
        let versions = try producer.versions()
        let lines = try String(contentsOfFile: journal, encoding: .utf8).split(separator: "\n")
        #expect(!lines.isEmpty)
        for line in lines {
            let parts = line.split(separator: " ")
            #expect(try #require(versions[String(parts[0])]) >= Int64(parts[1]) ?? .max)
        }
        await producer.database.close()
        await copy.database.close()
    }
}

private func file(_ name: String, in directory: URL) -> DatabaseConfiguration {
    var limits = DatabaseConfiguration.Limits()
    limits.checkpointPages = 8
    return .sqlite(path: directory.appendingPathComponent("\(name).sqlite").path, limits: limits)
}

/// Runs in a process of its own: writers, and a consumer that follows them.
private func runUntilKilled(in directory: URL, after milliseconds: Int) async throws {
    let producer = try await Producer.open(file("producer", in: directory))
    let copy = try await Copy.open(file("consumer", in: directory))
    let consumer = try copy.consumer(of: LocalFeed(producer))
    let descriptor = open(directory.appendingPathComponent("acknowledged").path, O_WRONLY | O_APPEND)
    precondition(descriptor >= 0)
    Thread.detachNewThread {
        usleep(UInt32(milliseconds) * 1_000)
        kill(getpid(), SIGKILL)
    }
    await withTaskGroup(of: Void.self) { group in
        group.addTask { await consumer.run() }
        for writer in 0..<4 {
            group.addTask {
                for value in Int64(1)... {
                    let id = "items/\(writer)-\(value % 5)"
                    guard let version = try? await producer.set(id, value % 11 == 0 ? nil : value) else { return }
                    let line = Array("\(id) \(version)\n".utf8)
                    _ = write(descriptor, line, line.count)
                }
            }
        }
    }
}
