import Foundation
import Synchronization

/// State behind a lock on which threads can wait for a condition.
final class Monitor<State: Sendable>: @unchecked Sendable {
    // Sendable: `state` is touched only between `lock` and `unlock` of `condition`.
    private let condition = NSCondition()
    private var state: State

    init(_ state: State) { self.state = state }

    func withLock<T>(_ body: (inout State) throws -> T) rethrows -> T {
        condition.lock()
        defer { condition.unlock() }
        return try body(&state)
    }

    /// As `withLock`, and wakes one waiting thread.
    func signal<T>(_ body: (inout State) throws -> T) rethrows -> T {
        condition.lock()
        defer {
            condition.signal()
            condition.unlock()
        }
        return try body(&state)
    }

    /// As `withLock`, and wakes all waiting threads.
    func broadcast<T>(_ body: (inout State) throws -> T) rethrows -> T {
        condition.lock()
        defer {
            condition.broadcast()
            condition.unlock()
        }
        return try body(&state)
    }

    /// Waits until `body` gives a value; it is asked again after each signal.
    func wait<T>(_ body: (inout State) -> T?) -> T {
        condition.lock()
        defer { condition.unlock() }
        while true {
            if let value = body(&state) { return value }
            condition.wait()
        }
    }
}

/// Set once, from any thread, when a call is cancelled.
final class CancellationFlag: Sendable {
    private struct State {
        var isSet = false
        var connection: (any EngineConnection)?
    }

    private let state = Mutex(State())

    var isSet: Bool { state.withLock { $0.isSet } }

    /// Sets the flag, and stops the statement that runs for the call.
    func set() {
        state.withLock {
            $0.isSet = true
            // Under the lock, so that the connection has not gone to another call in the meantime.
            $0.connection?.interrupt()
        }
    }

    /// Names the connection that works for the call from now on; false if it is too late.
    func started(on connection: any EngineConnection) -> Bool {
        state.withLock {
            if $0.isSet { return false }
            $0.connection = connection
            return true
        }
    }

    func finished() { state.withLock { $0.connection = nil } }
}

/// Nanoseconds of a clock that only goes forward.
func monotonicNanoseconds() -> UInt64 { DispatchTime.now().uptimeNanoseconds }
