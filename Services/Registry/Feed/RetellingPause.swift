import ServiceKit
import Storage

extension RegistryCore {
    /// Runs a write that changes what lies in many communes while no replica tells facts again, for that changes the
    /// same rows: the write, which takes long, would begin anew with each of them. On SQLite one write waits for the
    /// other in any case.
    ///
    /// Who finds that another one has the turn takes it back: that is another reorganisation, which ends by itself, or a
    /// replica that could not see this one's beats for a while.
    func whileNothingIsRetold<Value>(
        beat: Duration = FeedRetelling.defaultPatience / 4, _ write: () async throws -> Value
    ) async throws -> Value {
        guard let lease = FeedRetelling.lease(for: database) else { return try await write() }
        let first = try await database.write { try lease.seize(in: $0) }
        let beats = Task { [database] in
            var fence = first
            while (try? await Task.sleep(for: beat)) != nil {
                let last = fence
                // One that fails is made up for by the next.
                fence = (try? await database.write { try lease.keepOrSeize(last, in: $0) }) ?? last
            }
            return fence
        }
        defer {
            beats.cancel()
            // Also when the caller is gone. Should it fail, the others take the turn when they have waited for a while.
            Task { [database] in
                let last = await beats.value
                try? await database.write { try lease.release(last, in: $0) }
            }
        }
        return try await write()
    }
}
