import Dispatch
import Foundation
import Synchronization

/// Collects lines in memory and writes them out from a thread of its own, so that no event loop ever waits for a
/// terminal, a pipe or a disk.
///
/// Lines gather for a few milliseconds: many calls cost one system call. When the reader of the log is slower than the
/// service, lines beyond `limit` bytes are dropped and counted, and the count is logged once there is room again: a
/// stuck log must neither stop the service nor eat its memory.
package final class LogWriter: Sendable {
    private struct State {
        var buffer: [UInt8] = []
        var dropped = 0
        /// The thread was told to come.
        var awake = false
        var closed = false
    }

    private let state = Mutex(State())
    /// Held while bytes go out, so that lines stay whole and in order.
    private let output = Mutex(())
    private let wakeups = DispatchSemaphore(value: 0)
    private let limit: Int
    private let sink: @Sendable ([UInt8]) -> Void

    /// Writes to a file descriptor, standard error by default.
    package convenience init(descriptor: Int32 = 2, limit: Int = 8 << 20) {
        self.init(limit: limit) { LogWriter.write($0, to: descriptor) }
    }

    package init(limit: Int = 8 << 20, gather: TimeInterval = 0.005, sink: @escaping @Sendable ([UInt8]) -> Void) {
        self.limit = limit
        self.sink = sink
        let thread = Thread { [self] in
            while !state.withLock({ $0.closed }) {
                wakeups.wait()
                Thread.sleep(forTimeInterval: gather)
                flush()
            }
        }
        thread.name = "log"
        thread.start()
    }

    /// Adds one line, which ends in a line feed. Never waits for the output.
    package func append(_ line: [UInt8]) {
        let wake = state.withLock { state in
            guard state.buffer.count + line.count <= limit else {
                state.dropped += 1
                return false
            }
            state.buffer.append(contentsOf: line)
            defer { state.awake = true }
            return !state.awake
        }
        if wake { wakeups.signal() }
    }

    /// Writes out what is there, on this thread; for the end of the process and for tests.
    package func flush() {
        output.withLock { _ in
            let (lines, dropped) = state.withLock { state in
                defer {
                    state.buffer = []
                    state.dropped = 0
                    state.awake = false
                }
                return (state.buffer, state.dropped)
            }
            if !lines.isEmpty { sink(lines) }
            if dropped > 0 {
                var line = JSONLine(time: .system(), level: "warning")
                line.add("message", "the log could not be written fast enough; lines were dropped")
                line.add("dropped", dropped)
                sink(line.finish())
            }
        }
    }

    /// Writes out the rest and ends the thread.
    package func close() {
        state.withLock { $0.closed = true }
        wakeups.signal()
        flush()
    }

    private static func write(_ bytes: [UInt8], to descriptor: Int32) {
        try? FileHandle(fileDescriptor: descriptor, closeOnDealloc: false).write(contentsOf: Data(bytes))
    }
}
