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
        /// What was written out last, emptied: its memory is used again.
        var spare: [UInt8] = []
        /// Since the start, and those of them that the log has told of.
        var dropped = 0
        var told = 0
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

    /// Lines for which there was no room, since the start.
    var droppedLines: Int { state.withLock { $0.dropped } }

    /// Memory kept for the lines to come; what a burst needed beyond it is given back.
    private static let keptBytes = 1 << 20

    /// Adds one line, which ends in a line feed. Never waits for the output.
    package func append(_ line: [UInt8]) { line.withUnsafeBufferPointer { append($0) } }

    func append(_ line: consuming JSONLine) { line.finish { append($0) } }

    /// Adds one line that `write` writes, into memory of the stack: the usual line needs no other.
    func append(time: Instant, _ write: (inout JSONLine) -> Void) {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 1024) { memory in
            guard let start = memory.baseAddress else { return }
            var line = JSONLine(time: time, in: start, capacity: memory.count)
            write(&line)
            append(line)
        }
    }

    private func append(_ line: UnsafeBufferPointer<UInt8>) {
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
            var (lines, dropped) = state.withLock { state in
                let (lines, dropped) = (state.buffer, state.dropped - state.told)
                state.buffer = state.spare
                state.spare = []
                state.told = state.dropped
                state.awake = false
                return (lines, dropped)
            }
            if !lines.isEmpty { sink(lines) }
            if lines.capacity <= LogWriter.keptBytes {
                lines.removeAll(keepingCapacity: true)
                state.withLock { [lines] in $0.spare = lines }
            }
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
        bytes.withUnsafeBytes { bytes in
            var rest = bytes[...]
            while !rest.isEmpty {
                let count = send(UnsafeRawBufferPointer(rebasing: rest), to: descriptor)
                // A log that is gone is no reason to stop serving.
                guard count >= 0 else { return }
                rest = rest.dropFirst(count)
            }
        }
    }
}

/// Bytes written; -1 when nobody can read them any more.
private func send(_ bytes: UnsafeRawBufferPointer, to descriptor: Int32) -> Int {
    while true {
        let written = write(descriptor, bytes.baseAddress, bytes.count)
        if written >= 0 { return written }
        switch errno {
        case EINTR: continue
        case EAGAIN:
            var ready = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
            _ = poll(&ready, 1, 1000)
        default: return -1
        }
    }
}
