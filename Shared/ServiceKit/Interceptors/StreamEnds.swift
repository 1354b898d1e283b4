import RPC

/// Ends streams that would go on: those without an end when the service begins to stop, so that the drain waits for
/// real work only, and all when the token of their caller expires. Callers get UNAVAILABLE or UNAUTHENTICATED and go on
/// at another replica, or with another token, from where they were.
struct StreamEnds: Sendable {
    let drain: DrainSignal

    /// Runs the handler; `expires` nil: the caller is known for ever.
    func run(_ context: ServerContext, until expires: Instant?, endless: Bool, _ next: NextHandler) async throws {
        guard endless || expires != nil else { return try await next(context) }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await next(context) }
            if endless {
                group.addTask { [drain] in
                    await drain.wait()
                    if drain.isDraining { throw Self.stopping }
                }
            }
            if let expires { group.addTask { try await Self.wait(until: expires) } }
            // The first to end decides: the handler, the service or the token; the others are cancelled.
            defer { group.cancelAll() }
            try await group.next()
        }
    }

    /// "Streams end with UNAUTHENTICATED when their token expires."
    private static func wait(until expires: Instant) async throws {
        // Again and again: the wall clock, which tokens go by, may be set.
        while case let left = Instant.system().duration(to: expires), left > .zero {
            try await Task.sleep(for: min(left, .seconds(60)))
        }
        throw TokenProblem.expired.error
    }

    private static let stopping = ServiceError.unavailable(
        reason: "STOPPING", "the service is stopping; go on at another replica or after its restart",
        vi: "dịch vụ đang dừng; hãy tiếp tục ở bản sao khác hoặc sau khi khởi động lại")
}
