import Logging
import Synchronization

/// Looks after files of certificates, which are replaced before they expire, so that nothing needs to be restarted.
final class CertificateWatch: Sendable {
    /// Files are looked at so often; a certificate is replaced days before it expires.
    static let interval = Duration.seconds(10)

    private let files: [WatchedFile]
    private let whose: String
    private let logger: Logger
    private let reload: @Sendable () throws -> Void
    private let isBehind = Mutex(false)

    /// `whose`: of which option, for log lines. Made before they are read, so that no change is missed.
    init(_ files: [String], of whose: String, logger: Logger, reload: @escaping @Sendable () throws -> Void) {
        self.files = files.map { WatchedFile($0, interval: .zero) }
        self.whose = whose
        self.logger = logger
        self.reload = reload
        for file in self.files { _ = file.hasChanged() }
    }

    /// Reads what has changed. Certificate and key are two files: between the two replacements they do not fit, the
    /// ones before go on, and the next look tries again.
    func look() {
        let changed = files.filter { $0.hasChanged() }
        guard isBehind.withLock({ $0 }) || !changed.isEmpty else { return }
        do {
            try reload()
            isBehind.withLock { $0 = false }
            logger.notice("certificates are read again", metadata: ["option": "\(whose)"])
        } catch {
            let wasBehind = isBehind.withLock { isBehind in
                defer { isBehind = true }
                return isBehind
            }
            guard !wasBehind || !changed.isEmpty else { return }
            logger.warning(
                "new certificates cannot be used; the ones before go on",
                metadata: [
                    "option": "\(whose)", "files": "\(files.map(\.path).joined(separator: ", "))", "error": "\(error)",
                ])
        }
    }

    var task: BackgroundTask {
        .every(Self.interval, after: Self.interval, "certificates of --\(whose)") { self.look() }
    }
}
