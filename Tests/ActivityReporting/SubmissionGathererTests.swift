import ServiceKit
import Shared
import Storage
import SwiftProtobuf
import Synchronization
import TestSupport
import Testing

@testable import ActivityReporting

@Suite("Reports that come one by one, written together", .onBothEngines)
struct SubmissionGathererTests {
    /// What was written, in which batches; it waits until it is let go.
    final class Writer: Sendable {
        struct Broken: Error {}
        let batches = Mutex<[[String]]>([])
        let gate = Mutex<(isOpen: Bool, waiting: [CheckedContinuation<Void, Never>])>((false, []))

        func write(_ submissions: [Submission]) async throws -> [SubmissionResult] {
            batches.withLock { $0.append(submissions.map(\.message.operationID)) }
            await withCheckedContinuation { waiter in
                let goesOn = gate.withLock { gate in
                    if !gate.isOpen { gate.waiting.append(waiter) }
                    return gate.isOpen
                }
                if goesOn { waiter.resume() }
            }
            if submissions.contains(where: { $0.message.operationID == "broken" }) { throw Broken() }
            return submissions.map { submission in
                SubmissionResult(verdict: .with { $0.operationID = submission.message.operationID })
            }
        }

        func open() {
            let waiting = gate.withLock { gate in
                defer { gate = (true, []) }
                return gate.waiting
            }
            for waiter in waiting { waiter.resume() }
        }
    }

    static func submission(_ id: String) -> Submission {
        Submission(.with { $0.operationID = id }, caller: "c", field: "", now: Instant(microseconds: 0))
    }

    @Test(
        "While a write is on its way the rest gathers; each gets its own answer, and one that breaks breaks alone"
    )
    func gathers() async throws {
        let writer = Writer()
        let gatherer = SubmissionGatherer { try await writer.write($0) }
        let ids = (0..<40).map { $0 == 25 ? "broken" : "op\($0)" }
        try await withThrowingTaskGroup(of: (String, String?).self) { group in
            for (i, id) in ids.enumerated() {
                group.addTask { (id, try? await gatherer.submit(Self.submission(id)).verdict.operationID) }
                // The first goes at once.
                if i == 0 { try await eventually { writer.batches.withLock { $0.count } == 1 } }
            }
            #expect(writer.batches.withLock { $0 } == [["op0"]])
            writer.open()
            for try await (id, answer) in group { #expect(answer == (id == "broken" ? nil : id)) }
        }
        let batches = writer.batches.withLock { $0 }
        #expect(Set(batches.flatMap { $0 }) == Set(ids))
        #expect(batches.allSatisfy { $0.count <= 64 })
    }

    @Test("Reports of many callers at once are each in the figures when they are answered")
    func figures() async throws {
        let world = try await AchievementTests.world()
        for i in 0..<60 { try await world.member("g\(i)", of: "t") }
        try await world.settle()
        let gatherer = SubmissionGatherer { try await world.reporting.submit($0) }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for i in 0..<60 {
                let submission = world.reporting.submission(
                    world.report("t", "g\(i)"), caller: "tester", field: "submission")
                group.addTask {
                    let result = try await gatherer.submit(submission)
                    #expect(result.verdict.outcome == .applied)
                }
            }
            try await group.waitForAll()
        }
        #expect(try await world.figures("A").received == 60)
        #expect(try await world.achievements("A").activities.first?.count == 180)
    }
}
