import Foundation

/// A program that runs beside a test, for example a server; the test stops it.
package final class BackgroundProcess: Sendable {
    /// It ended, or did not say what was waited for in time.
    package struct NotReady: Error, CustomStringConvertible {
        package let command: [String]
        package let printed: String

        package var description: String { "\(command.joined(separator: " ")) is not ready; it printed:\n\(printed)" }
    }

    private let command: [String]
    private let pid: pid_t
    /// Its process id.
    package var id: pid_t { pid }
    private let scratch: ScratchFolder

    /// Starts a program. `command` starts with a path, or with a name to be found in PATH.
    package init(
        _ command: [String], environment: [String: String] = [:], directory: String = PackageFolder.path
    ) throws {
        self.command = command
        scratch = try ScratchFolder()
        pid = try ChildProcess.spawn(
            command, environment: environment, directory: directory, output: scratch.path("printed"),
            errors: scratch.path("printed"))
    }

    deinit { scratch.remove() }

    /// What it has printed so far, on both streams.
    package var printed: String {
        String(decoding: FileManager.default.contents(atPath: scratch.path("printed")) ?? Data(), as: UTF8.self)
    }

    /// The rest of the first line it prints that starts with `prefix`.
    package func line(after prefix: String, within limit: Duration = .seconds(60)) async throws -> String {
        let deadline = ContinuousClock.now + limit
        while ContinuousClock.now < deadline {
            // The last line may not be complete yet.
            for line in printed.split(separator: "\n", omittingEmptySubsequences: false).dropLast()
            where line.hasPrefix(prefix) {
                return String(line.dropFirst(prefix.count))
            }
            try await Task.sleep(for: .milliseconds(10))
        }
        throw NotReady(command: command, printed: printed)
    }

    /// Sends a signal to it and its children.
    package func signal(_ signal: Int32) { kill(-pid, signal) }

    /// Asks it to end, ends it after `grace`, and returns its exit status; 128 + n when signal n ended it.
    @discardableResult
    package func stop(by request: Int32 = SIGTERM, grace: Duration = .seconds(5)) async -> Int32 {
        signal(request)
        let deadline = ContinuousClock.now + grace
        var status: Int32 = 0
        while waitpid(pid, &status, WNOHANG) == 0 {
            if ContinuousClock.now > deadline { signal(SIGKILL) }
            try? await Task.sleep(for: .milliseconds(5))
        }
        return ChildProcess.exitStatus(status)
    }
}
