import DequeModule
import NIOCore

/// Asynchronous work that is started on an event loop.
package protocol LoopWork: AnyObject, Sendable {
    /// Runs on the loop. `task` is who runs it: cancelling it until `run` returns cancels this work and no other.
    nonisolated(nonsending) func run(in task: LoopTask) async
}

/// Told of stretches of work on a loop: of everything in one, all that it answers had arrived before it began.
package protocol LoopTurns: Sendable {
    /// One begins on this thread; no other is under way there.
    func begin()
    /// It ends. Work that waits goes on outside of any.
    func end()
}

/// Runs tasks on an event loop, so that a handler starts where its request was read and resumes there.
///
/// Making a task costs as much as the rest of a small call. So a task that has come to the end of its work takes the
/// next, and waits when there is none; work that waits for something keeps its task, and what starts meanwhile gets
/// another.
///
/// Unchecked Sendable: everything but `loop` is confined to the loop.
package final class LoopExecutor: TaskExecutor, @unchecked Sendable {
    package let loop: any EventLoop

    /// Tasks kept for later work; more end.
    private static let spareTasks = 64

    // Exclusivity is not checked at run time, for the reason given in `Session`.
    @exclusivity(unchecked) private var started: Deque<any LoopWork> = []
    @exclusivity(unchecked) private var spare: [LoopTask] = []
    private var isWaking = false
    private var woken: UnownedJob?
    private let turns: (any LoopTurns)?

    package init(loop: any EventLoop, turns: (any LoopTurns)? = nil) {
        self.loop = loop
        self.turns = turns
    }

    package func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        if loop.inEventLoop, isWaking {
            woken = job
        } else {
            let executor = asUnownedTaskExecutor()
            loop.execute { job.runSynchronously(on: executor) }
        }
    }

    /// Notes work that begins at the next `runStarted`. On the loop only.
    package func start(_ work: any LoopWork) { started.append(work) }

    /// Runs what has been started until it ends or waits. On the loop only, and not from such work.
    package func runStarted() {
        // Of one alone nothing is shared.
        guard let turns, started.count > 1 else { return runAll() }
        turns.begin()
        runAll()
        turns.end()
    }

    private func runAll() {
        while let work = started.popFirst() {
            if let task = spare.popLast() {
                wake(task, for: work)
            } else {
                let task = LoopTask()
                task.handle = Task.immediateDetached(executorPreference: self) { await self.work(in: task, work) }
            }
        }
    }

    /// Ends the tasks that wait for work. On the loop only.
    package func endSpareTasks() {
        while let task = spare.popLast() { wake(task, for: nil) }
    }

    nonisolated(nonsending) private func work(in task: LoopTask, _ first: any LoopWork) async {
        var next: (any LoopWork)? = first
        while let work = next {
            await work.run(in: task)
            // A cancelled task stays so: it is no good to others.
            guard !task.isCancelled, spare.count < Self.spareTasks else { return }
            next = started.popFirst()
            if next == nil { next = await withUnsafeContinuation { wait(task, $0) } }
        }
    }

    private func wait(_ task: LoopTask, _ continuation: UnsafeContinuation<(any LoopWork)?, Never>) {
        task.continuation = continuation
        spare.append(task)
    }

    /// Resumes a task here and now: through `enqueue` alone it would run in the loop's next turn.
    private func wake(_ task: LoopTask, for work: (any LoopWork)?) {
        isWaking = true
        task.continuation?.resume(returning: work)
        isWaking = false
        task.continuation = nil
        if let job = woken.take() { job.runSynchronously(on: asUnownedTaskExecutor()) }
    }
}

/// A task of a `LoopExecutor`.
///
/// Unchecked Sendable: confined to the loop.
package final class LoopTask: @unchecked Sendable {
    /// nil until the task has run for the first time.
    fileprivate var handle: Task<Void, Never>? {
        didSet { if isCancelled { handle?.cancel() } }
    }
    fileprivate var continuation: UnsafeContinuation<(any LoopWork)?, Never>?
    fileprivate private(set) var isCancelled = false

    /// Cancels the work that runs in the task.
    package func cancel() {
        isCancelled = true
        handle?.cancel()
    }
}
