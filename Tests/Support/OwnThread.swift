import Dispatch
import Testing

/// Runs each test on a thread of its own.
///
/// For tests that compute for seconds. The threads on which all other tests take turns are as few as there are cores;
/// two such tests would hold them all, and whatever waits for an answer meanwhile would think it had been forgotten.
package struct OwnThread: SuiteTrait, TestTrait, TestScoping {
    package let isRecursive = true

    package func scopeProvider(for test: Test, testCase: Test.Case?) -> Self? { testCase == nil ? nil : self }

    package func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
    ) async throws {
        try await withTaskExecutorPreference(ThreadExecutor()) { try await function() }
    }
}

extension Trait where Self == OwnThread {
    /// Each test runs on a thread of its own.
    package static var ownThread: Self { Self() }
}

/// A serial queue of its own takes a thread beyond those of the cooperative pool.
private final class ThreadExecutor: TaskExecutor {
    private let queue = DispatchQueue(label: "cdt.test")

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        queue.async { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
}
