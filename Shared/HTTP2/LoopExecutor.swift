import NIOCore

/// Runs tasks on an event loop, so that a handler starts where its request was read and resumes there.
package final class LoopExecutor: TaskExecutor {
    package let loop: any EventLoop

    package init(loop: any EventLoop) { self.loop = loop }

    package func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        let executor = asUnownedTaskExecutor()
        loop.execute { job.runSynchronously(on: executor) }
    }
}
