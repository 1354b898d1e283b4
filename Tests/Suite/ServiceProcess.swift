import Foundation
import Synchronization
import TestSupport

/// A service that a test asks to end or kills, and whose end it sees. It cannot outlive its limit, whatever becomes of
/// the test.
final class ServiceProcess: Sendable {
    private let pid: pid_t
    private let ended = Mutex<Int32?>(nil)
    /// What it prints, on both outputs.
    let log: String

    /// - Parameter log: file that what it prints is added to.
    init(
        _ command: [String], environment: [String: String] = [:], directory: String = PackageFolder.path,
        log: String, limit: Duration = .seconds(600)
    ) throws {
        self.log = log
        // In the foreground of its group timeout(1) hands a signal on once; without, the program would get it twice.
        pid = try ChildProcess.spawn(
            ["timeout", "--foreground", "--kill-after=5", "\(limit.components.seconds)"] + command,
            environment: environment, directory: directory,
            output: log, errors: log)
    }

    var isRunning: Bool { exitStatus == nil }

    /// 128 + n when signal n ended it; nil while it runs.
    var exitStatus: Int32? {
        ended.withLock { known in
            if known == nil {
                var status: Int32 = 0
                if waitpid(pid, &status, WNOHANG) == pid { known = ChildProcess.exitStatus(status) }
            }
            return known
        }
    }

    /// Asks it to end, and waits; nil when it has not ended within the limit.
    func terminate(limit: Duration = .seconds(30)) async -> Int32? {
        if isRunning { kill(pid, SIGTERM) }
        return await exit(within: limit)
    }

    /// Ends it on the spot, as a crash would.
    func crash() async {
        if isRunning { kill(-pid, SIGKILL) }
        _ = await exit(within: .seconds(10))
    }

    private func exit(within limit: Duration) async -> Int32? {
        let deadline = ContinuousClock.now + limit
        while ContinuousClock.now < deadline {
            if let status = exitStatus { return status }
            try? await Task.sleep(for: .milliseconds(5))
        }
        return exitStatus
    }

    /// The last lines it printed.
    func lastLines(_ count: Int = 20) -> String {
        let text = String(decoding: FileManager.default.contents(atPath: log) ?? Data(), as: UTF8.self)
        return text.split(separator: "\n").suffix(count).joined(separator: "\n")
    }

    deinit {
        if ended.withLock({ $0 }) == nil {
            kill(-pid, SIGKILL)
            waitpid(pid, nil, 0)
        }
    }
}
