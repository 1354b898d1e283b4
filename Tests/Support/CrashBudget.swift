import Foundation

/// How often tests of crashes kill a process: a few times, or as often as `./dev crash-test` says.
package enum CrashBudget {
    package static let rounds = ProcessInfo.processInfo.environment["CDT_CRASH_ROUNDS"].flatMap { Int($0) } ?? 12
    /// Minutes that leaves enough time on a busy machine.
    package static let minutes = 10 + rounds / 20
}
