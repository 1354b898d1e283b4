import Crypto
import Foundation
import ServiceKit

/// "Citizen id (12 digits) never stored or returned in clear: a keyed hash for matching only." The key is the
/// operator's, kept outside the database: whoever has only the database cannot try all numbers.
package struct CitizenIDs: Sendable {
    private let key: SymmetricKey?

    /// Without a key, citizen ids are refused.
    package static let none = CitizenIDs(key: nil)

    private init(key: SymmetricKey?) { self.key = key }

    package init(key: [UInt8]) { self.init(key: SymmetricKey(data: key)) }

    /// The key in a file of at least 32 bytes.
    package init(file: String?) throws {
        guard let file else {
            self = .none
            return
        }
        guard let bytes = FileManager.default.contents(atPath: file), bytes.count >= 32 else {
            throw ConfigurationError(
                "--citizen-id-key-file: \(file) cannot be read or holds fewer than 32 bytes; make one with "
                    + "head -c 32 /dev/urandom, and keep it as long as the database")
        }
        self.init(key: SymmetricKey(data: bytes))
    }

    package var isConfigured: Bool { key != nil }

    package func hash(_ digits: String) -> [UInt8]? {
        key.map { Array(HMAC<SHA256>.authenticationCode(for: Array(digits.utf8), using: $0)) }
    }
}

extension PersonFields {
    /// Twelve digits; blanks and dots may be given. The number itself is never said back.
    package mutating func citizenID(_ text: String, _ field: String) -> String? {
        let digits = text.filter { !" .".contains($0) }
        guard digits.utf8.count == 12, digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else {
            add(Problem(.invalidCitizenID, field))
            return nil
        }
        return digits
    }
}
