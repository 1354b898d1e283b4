import Crypto
import Foundation
import RPC

/// What Notification shows to the Registry to read the topic of contact data: "contact data travel only on a separate
/// feed topic that Notification may read". A secret both are given, as long as callers have no identities of their own.
package struct ContactsToken: Sendable {
    private let text: String

    /// The option of that name, with a service's own words about it.
    package static func option(help: String) -> Option<String?> {
        .text("contacts-token-file", valueName: "FILE", help: help)
    }

    /// The token an operator has given; nil: none.
    package init?(_ option: Option<String?>, in settings: Settings) throws {
        guard let path = try settings[option] else { return nil }
        text = try SecretFile.read(path, of: option, atLeast: 32)
        // It travels as the value of a header.
        guard text.utf8.allSatisfy({ (0x21...0x7e).contains($0) }) else {
            throw ConfigurationError(
                "--\(option.name): \(path) holds blanks or characters other than ASCII; make a token with "
                    + "`openssl rand -base64 48 | tr -d '\\n'`")
        }
    }

    /// What a reader sends with its call.
    package var metadata: Metadata { ["cdt-contacts-token": text] }

    /// Whether the caller has sent it. The time it takes to say no tells nothing of the token.
    package func isShown(in context: ServerContext) -> Bool {
        guard let shown = context.header("cdt-contacts-token") else { return false }
        return SHA256.hash(data: Data(shown.utf8)) == SHA256.hash(data: Data(text.utf8))
    }
}
