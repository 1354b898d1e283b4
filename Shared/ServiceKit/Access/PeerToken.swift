import Foundation
import Logging
import RPC
import Synchronization

/// The token this service shows to its peers, from a file that whoever renews it replaces.
final class PeerToken: Sendable {
    private let file: WatchedFile
    private let text: Mutex<String>
    private let logger: Logger

    init(file path: String, of option: any AnyOption, logger: Logger) throws {
        file = WatchedFile(path)
        _ = file.hasChanged()
        text = Mutex(try PeerToken.checked(try SecretFile.read(path, of: option), path, option))
        self.logger = logger
    }

    /// Sends the token with every call, as it is then.
    var interceptor: any ClientInterceptor { BearerTokenInterceptor { [self] in current() } }

    func current() -> String {
        if file.hasChanged() { reload() }
        return text.withLock { $0 }
    }

    private func reload() {
        guard let data = try? file.read() else { return }
        let token = String(decoding: data, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
        guard PeerToken.isToken(token) else {
            logger.error(
                "the token for other services cannot be read; the one read before goes on",
                metadata: ["file": "\(file.path)"])
            return
        }
        text.withLock { $0 = token }
    }

    /// It travels as the value of a header.
    private static func isToken(_ text: String) -> Bool {
        !text.isEmpty && text.utf8.allSatisfy { (0x21...0x7e).contains($0) }
    }

    private static func checked(_ text: String, _ path: String, _ option: any AnyOption) throws -> String {
        guard isToken(text) else {
            throw ConfigurationError("--\(option.name): \(path) holds blanks or characters other than ASCII")
        }
        return text
    }
}
