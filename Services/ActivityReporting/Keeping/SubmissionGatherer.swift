import Synchronization

/// Calls that bring one report each, gathered into writes: what arrives while others are on their way to the disk goes
/// there together, and the sums that many of them change are written once.
final class SubmissionGatherer: Sendable {
    /// Reports in one write at most: some milliseconds, so that other writers wait little.
    private static let batchLimit = 64

    private typealias Waiting = (submission: Submission, caller: CheckedContinuation<SubmissionResult, any Error>)
    private struct State {
        var waiting: [Waiting] = []
        /// One write is on its way at most: a second would take half of what the first leaves, and the sums that both
        /// change would be written twice.
        var isWriting = false
    }

    private let state = Mutex(State())
    private let write: @Sendable ([Submission]) async throws -> [SubmissionResult]

    /// - Parameter write: takes reports in, in one transaction; one result for each, in order.
    init(write: @escaping @Sendable ([Submission]) async throws -> [SubmissionResult]) { self.write = write }

    /// What became of a report, once it is durable.
    func submit(_ submission: Submission) async throws -> SubmissionResult {
        try await withCheckedThrowingContinuation { caller in
            let isWriter = state.withLock { state in
                state.waiting.append((submission, caller))
                defer { state.isWriting = true }
                return !state.isWriting
            }
            if isWriter { Task { await self.drain() } }
        }
    }

    private func drain() async {
        while let batch = next() {
            do {
                let results = try await write(batch.map(\.submission))
                for (waiting, result) in zip(batch, results) { waiting.caller.resume(returning: result) }
            } catch  where batch.count == 1 {
                batch[0].caller.resume(throwing: error)
            } catch {
                // One that cannot be written fails alone.
                for waiting in batch {
                    do {
                        waiting.caller.resume(returning: try await write([waiting.submission])[0])
                    } catch { waiting.caller.resume(throwing: error) }
                }
            }
        }
    }

    /// The next reports to write; nil when none wait, and whoever comes next writes.
    private func next() -> [Waiting]? {
        state.withLock { state in
            guard !state.waiting.isEmpty else {
                state.isWriting = false
                return nil
            }
            let batch = Array(state.waiting.prefix(Self.batchLimit))
            state.waiting.removeFirst(batch.count)
            return batch
        }
    }
}
