import Foundation

/// A secret that an operator keeps in a file, where neither a list of processes nor an environment shows it.
package enum SecretFile {
    /// The text of the file without the blanks around it.
    package static func read(_ path: String, of option: any AnyOption, atLeast bytes: Int = 1) throws -> String {
        guard let text = try? String(contentsOfFile: path, encoding: .utf8) else {
            throw ConfigurationError("--\(option.name): \(path) cannot be read as text")
        }
        let secret = text.trimmingCharacters(in: .whitespacesAndNewlines)
        guard secret.utf8.count >= bytes else {
            throw ConfigurationError(
                "--\(option.name): \(path) holds \(secret.utf8.count) bytes; at least \(bytes) are needed, for example "
                    + "from `openssl rand -base64 48`")
        }
        return secret
    }
}
