import Logging

/// Work that goes on while the service runs: a feed consumer, a dispatcher.
package struct BackgroundTask: Sendable {
    let name: String
    let run: @Sendable () async throws -> Void

    /// Runs until it returns or is cancelled; when it throws, it is started again after a pause.
    package init(_ name: String, run: @escaping @Sendable () async throws -> Void) {
        self.name = name
        self.run = run
    }

    /// Something done every so often, at first at once or after a while.
    package static func every(
        _ interval: Duration, after pause: Duration = .zero, _ name: String,
        run: @escaping @Sendable () async throws -> Void
    ) -> BackgroundTask {
        BackgroundTask(name) {
            try await Task.sleep(for: pause)
            while !Task.isCancelled {
                try await run()
                try await Task.sleep(for: interval)
            }
        }
    }

    /// Runs and restarts, each time after a longer pause, up to half a minute.
    func supervise(logger: Logger) async {
        var pause = Duration.seconds(1)
        while !Task.isCancelled {
            do {
                try await run()
                return
            } catch is CancellationError where Task.isCancelled {
                return
            } catch {
                logger.error(
                    "a background task failed and will be started again",
                    metadata: ["task": "\(name)", "cause": "\(String(reflecting: error))", "in": "\(pause)"])
            }
            try? await Task.sleep(for: pause)  // throws when cancelled, which the loop sees
            pause = min(pause * 2, .seconds(30))
        }
    }
}
