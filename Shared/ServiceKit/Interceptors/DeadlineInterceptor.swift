import RPC

/// Refuses calls nobody waits for any more. The transport enforces a deadline while the handler runs; this spares the
/// work of a call that waited in a queue or on the wire until it was over.
package struct DeadlineInterceptor: ServerInterceptor {
    package init() {}

    package func intercept(_ context: ServerContext, next: NextHandler) async throws {
        if let deadline = context.deadline, deadline.remaining <= .zero {
            throw ServiceError(
                .deadlineExceeded, reason: "DEADLINE_EXCEEDED", "the deadline had passed before the call was begun",
                vi: "đã quá thời hạn trước khi yêu cầu được xử lý")
        }
        try await next(context)
    }
}
