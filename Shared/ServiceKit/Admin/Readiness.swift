import Synchronization

/// Whether the service should get work. Liveness is another question: a process that waits for a migration or drains is
/// alive and not ready.
package final class Readiness: Sendable {
    package enum Phase: Sendable, Hashable { case starting, ready, stopping }

    /// Something the service needs; nil when it is in order, else what is wrong.
    package struct Check: Sendable {
        let name: String
        let problem: @Sendable () -> String?

        package init(_ name: String, problem: @escaping @Sendable () -> String?) {
            self.name = name
            self.problem = problem
        }
    }

    private let state = Mutex<(phase: Phase, checks: [Check])>((.starting, []))

    package init() {}

    package var phase: Phase {
        get { state.withLock { $0.phase } }
        set { state.withLock { $0.phase = newValue } }
    }

    package func add(_ checks: [Check]) { state.withLock { $0.checks += checks } }

    /// Everything in the way; empty means ready.
    package var problems: [String] {
        let (phase, checks) = state.withLock { $0 }
        switch phase {
        case .starting: return ["starting"]
        case .stopping: return ["stopping"]
        case .ready: return checks.compactMap { check in check.problem().map { "\(check.name): \($0)" } }
        }
    }
}
