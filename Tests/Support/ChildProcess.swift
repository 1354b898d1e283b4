import Foundation

/// A program run by a test, with a time limit. What it prints is kept.
package struct ChildProcess: Sendable {
    /// How a program ended.
    package struct Outcome: Sendable {
        /// Exit status; 128 + n when signal n ended it.
        package let status: Int32
        /// Standard output.
        package let output: String
        /// Standard error.
        package let errors: String
    }

    /// The program took longer than its limit and was killed.
    package struct TimedOut: Error, CustomStringConvertible {
        package let command: [String]
        package let output: String
        package let errors: String

        package var description: String {
            "\(command.joined(separator: " ")) did not end in time; it printed:\n\(output)\n\(errors)"
        }
    }

    /// No process could be made.
    package struct CannotStart: Error, CustomStringConvertible {
        package let command: [String]
        package let code: Int32

        package var description: String {
            "cannot start \(command.joined(separator: " ")): \(String(cString: strerror(code)))"
        }
    }

    /// Runs a program to its end. `command` starts with a path, or with a name to be found in PATH. A program that does
    /// not exist ends with status 127.
    ///
    /// It gets a process group of its own, so that a time-out ends its children too.
    package static func run(
        _ command: [String], environment: [String: String] = [:], directory: String = PackageFolder.path,
        limit: Duration = .seconds(60)
    ) async throws -> Outcome {
        let scratch = try ScratchFolder()
        defer { scratch.remove() }
        let outputFile = scratch.path("output")
        let errorFile = scratch.path("errors")
        let pid = try spawn(
            command, environment: environment, directory: directory, output: outputFile, errors: errorFile)

        func printed() -> (String, String) {
            let texts = [outputFile, errorFile].map { FileManager.default.contents(atPath: $0) ?? Data() }
            return (String(decoding: texts[0], as: UTF8.self), String(decoding: texts[1], as: UTF8.self))
        }

        let deadline = ContinuousClock.now + limit
        var status: Int32 = 0
        var pause = Duration.milliseconds(1)
        while waitpid(pid, &status, WNOHANG) == 0 {
            if ContinuousClock.now > deadline || Task.isCancelled {
                kill(-pid, SIGKILL)
                waitpid(pid, &status, 0)
                let (output, errors) = printed()
                throw TimedOut(command: command, output: output, errors: errors)
            }
            // Cancellation is seen at the top of the loop.
            try? await Task.sleep(for: pause)
            pause = min(pause * 2, .milliseconds(20))
        }
        let (output, errors) = printed()
        return Outcome(status: exitStatus(status), output: output, errors: errors)
    }

    /// WIFEXITED and its like are macros, which Swift does not import.
    package static func exitStatus(_ status: Int32) -> Int32 {
        let signal = status & 0x7f
        return signal == 0 ? (status >> 8) & 0xff : 128 + signal
    }

    /// Starts a program in a process group of its own, with `environment` added to ours.
    package static func spawn(
        _ command: [String], environment: [String: String], directory: String, output: String, errors: String
    ) throws -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, output, O_WRONLY | O_CREAT | O_APPEND, 0o600)
        posix_spawn_file_actions_addopen(&actions, 2, errors, O_WRONLY | O_CREAT | O_APPEND, 0o600)
        return try spawn(command, environment: environment, directory: directory, actions: &actions)
    }

    /// As above, with streams of the caller's choice.
    package static func spawn(
        _ command: [String], environment: [String: String], directory: String,
        actions: inout posix_spawn_file_actions_t
    ) throws -> pid_t {
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        // Threads of the pool block every signal, and a child inherits that: it would never hear SIGTERM.
        var noSignals = sigset_t()
        sigemptyset(&noSignals)
        posix_spawnattr_setsigmask(&attributes, &noSignals)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK))

        // posix_spawn_file_actions_addchdir_np is hidden from Swift; env(1) changes the folder, looks in PATH and
        // execs.
        var arguments = (["/usr/bin/env", "-C", directory] + command).map { strdup($0) } + [nil]
        let merged = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        var variables = merged.map { strdup("\($0)=\($1)") } + [nil]
        defer { for text in arguments + variables { free(text) } }
        keepDescriptorsToOurselves()
        var pid: pid_t = 0
        let code = posix_spawn(&pid, "/usr/bin/env", &actions, &attributes, &arguments, &variables)
        guard code == 0 else { throw CannotStart(command: command, code: code) }
        return pid
    }

    /// SwiftNIO's sockets are inherited unless told otherwise, and a child that holds one keeps a connection open that
    /// a test has closed, and a port taken that a test has freed.
    private static func keepDescriptorsToOurselves() {
        for name in (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")) ?? [] {
            if let descriptor = Int32(name), descriptor > 2 { _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC) }
        }
    }
}
