import Synchronization

/// Lends transfers to the sender's threads, the last returned first, so that few connections are kept warm.
final class CurlHandles: Sendable {
    private let idle = Mutex<[CurlTransfer]>([])

    func with<T>(_ body: (CurlTransfer) -> T) -> T? {
        guard let transfer = idle.withLock({ $0.popLast() }) ?? CurlTransfer() else { return nil }
        defer { idle.withLock { $0.append(transfer) } }
        transfer.reset()
        return body(transfer)
    }
}
