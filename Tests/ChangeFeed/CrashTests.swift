import Foundation
import Storage
import TestSupport
import Testing

@testable import ChangeFeed

/// Producer and consumer are killed at random moments; in the end the consumer's state is the producer's, every
/// acknowledged change is there, and each event has taken effect once.
@Suite(.onBothEngines, .timeLimit(.minutes(CrashBudget.minutes))) struct FeedCrashTests {
    @Test func killedProcessesAgreeInTheEnd() async throws {
        let scratch = try ScratchFolder()
        defer { scratch.remove() }
        let journal = scratch.path("acknowledged")
        let producerPlace = try text(of: TestDatabase.fresh())
        let copyPlace = try text(of: TestDatabase.fresh())
        _ = FileManager.default.createFile(atPath: journal, contents: nil)
        for _ in 0..<CrashBudget.rounds {
            let delay = Int.random(in: 10...200)
            await #expect(processExitsWith: .signal(SIGKILL)) {
                [
                    producer = producerPlace as String, copy = copyPlace as String, journal = journal as String,
                    delay = delay as Int
                ] in
                try await runUntilKilled(producer: producer, copy: copy, journal: journal, after: delay)
            }
        }
        let producer = try await Producer.open(place(producerPlace), sequencer: impatient)
        let copy = try await Copy.open(place(copyPlace))
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

/// A dead replica's turn at numbering is over soon, so that the next one has one too before it is killed.
private var impatient: FeedSequencer.Options {
    var options = FeedSequencer.Options()
    options.lease = .milliseconds(50)
    options.interval = .milliseconds(20)
    return options
}

/// A place as text, which can be handed to another process.
private func text(of place: DatabaseConfiguration) throws -> String {
    switch place.location {
    case .sqlite(let path): path
    case .postgres(let address): address
    case .temporary: throw CocoaError(.fileNoSuchFile)
    }
}

private func place(_ text: String) -> DatabaseConfiguration {
    var limits = DatabaseConfiguration.Limits()
    limits.checkpointPages = 8
    return text.hasPrefix("postgresql:") ? .postgres(text, limits: limits) : .sqlite(path: text, limits: limits)
}

/// Runs in a process of its own: writers, and a consumer that follows them.
private func runUntilKilled(
    producer producerPlace: String, copy copyPlace: String, journal: String, after milliseconds: Int
) async throws {
    let producer = try await Producer.open(place(producerPlace), sequencer: impatient)
    let copy = try await Copy.open(place(copyPlace))
    let consumer = try copy.consumer(of: LocalFeed(producer))
    let descriptor = open(journal, O_WRONLY | O_APPEND)
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
