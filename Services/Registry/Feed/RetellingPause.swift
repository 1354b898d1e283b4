import ServiceKit
import Storage

extension RegistryCore {
    /// Runs a write that changes what lies in many communes while no replica tells facts again, for that changes the
    /// same rows: the write, which takes long, would begin anew with each of them. On SQLite one write waits for the
    /// other in any case.
    func whileNothingIsRetold<Value>(
        beat: Duration = FeedRetelling.patience / 4, _ write: () async throws -> Value
    ) async throws -> Value {
        guard let lease = FeedRetelling.lease(for: database) else { return try await write() }
        let fence = try await database.write { try lease.seize(in: $0) }
        let beats = Task { [database] in
            while true {
                try await Task.sleep(for: beat)
                // One that fails is made up for by the next.
                try? await database.write { try lease.keep(fence, in: $0) }
            }
        }
        defer {
            beats.cancel()
            // Also when the caller is gone. Should it fail, the others take the turn when they have waited for a while.
            Task { [database] in try? await database.write { try lease.release(fence, in: $0) } }
        }
        return try await write()
    }
}
