import Foundation
import Logging
import Synchronization
import UnixSignals

/// Ends the process when it is told to: the first signal in order, a second one, or time running out, at once.
final class Stopper: Sendable {
    private let service = Mutex<RunningService?>(nil)
    private let grace: Int
    private let logger: Logger
    private let log: LogWriter

    init(grace: Int, logger: Logger, log: LogWriter) {
        self.grace = grace
        self.logger = logger
        self.log = log
    }

    func started(_ running: RunningService) { service.withLock { $0 = running } }

    /// Returns when the service has stopped.
    func obey(_ signals: UnixSignalsSequence) async {
        var iterator = signals.makeAsyncIterator()
        guard let first = await iterator.next() else { return }
        logger.info("stopping", metadata: ["signal": "\(first)", "grace_seconds": "\(grace)"])
        // Before it serves there is nothing to finish: what a migration has not committed is undone.
        guard let service = service.withLock({ $0 }) else { return end(0) }
        Task {
            if let second = await iterator.next() { end(1, because: "\(second)") }
        }
        Task {
            // The drain has a limit of its own; this one covers whatever else might hang.
            try? await Task.sleep(for: .seconds(grace + 5))
            end(1, because: "the grace time is over")
        }
        await service.stop()
        logger.info("stopped")
        log.flush()
    }

    private func end(_ status: Int32, because reason: String? = nil) {
        if let reason { logger.warning("stopping at once", metadata: ["because": "\(reason)"]) }
        log.flush()
        exit(status)
    }
}
