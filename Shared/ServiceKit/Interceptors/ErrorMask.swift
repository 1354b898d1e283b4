import Logging
import RPC
import Storage

/// Turns whatever a handler throws into what the caller may know.
///
/// `ServiceError` and `RPCError` say it themselves. Storage errors have one table. Anything else is a fault of the
/// service: the caller gets INTERNAL with an id to quote, the log gets the cause under the same id.
struct ErrorMask: Sendable {
    let domain: String
    let logger: Logger

    func rpcError(for error: any Error, _ context: ServerContext) -> RPCError {
        if let error = error as? RPCError { return error }
        return rpcError(
            for: error, method: context.method, id: RequestHeaders.requestID(context) ?? context.trace?.traceID,
            isCancelled: context.isCancelled)
    }

    private func rpcError(for error: any Error, method: MethodDescriptor, id: String?, isCancelled: Bool) -> RPCError {
        if let error = error as? ServiceError { return error.rpcError(domain: domain, requestID: id) }
        if error is CancellationError, isCancelled {
            return ServiceError(
                .cancelled, reason: "CANCELLED", "the call was cancelled", vi: "yêu cầu đã bị huỷ"
            ).rpcError(domain: domain, requestID: id)
        }
        let id = id ?? TraceContext.beginning().traceID
        logger.error(
            "a call failed for a reason its caller must not see",
            metadata: ["method": "\(method)", "correlation_id": "\(id)", "cause": "\(String(reflecting: error))"])
        if let storage = error as? StorageError, let known = ServiceError(storage) {
            return known.rpcError(domain: domain, requestID: id)
        }
        return ServiceError(
            .internal, reason: "INTERNAL", "the service failed; its operator finds the cause under \(id)",
            vi: "dịch vụ gặp lỗi; người vận hành tìm nguyên nhân theo mã \(id)", metadata: ["correlationId": id]
        ).rpcError(domain: domain, requestID: id)
    }
}
