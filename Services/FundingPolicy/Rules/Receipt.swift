import ServiceKit

/// A receipt or an invoice that proves an expense: what tells it from others.
package struct Receipt: Sendable, Hashable {
    /// Without blanks and in lower case, as people write numbers in many ways.
    private let number: String
    private let issuer: String
    private let issuedOn: LocalDate?
    private let hash: String

    package init(number: String, issuer: String = "", issuedOn: LocalDate? = nil, sha256: String = "") {
        self.number = number.filter { !$0.isWhitespace }.lowercased()
        self.issuer = issuer.filter { !$0.isWhitespace }.lowercased()
        self.issuedOn = issuedOn
        hash = sha256.lowercased()
    }

    /// The same document, or the same number with nothing that tells the two apart: what is missing on either side does
    /// not, so that nobody gets a receipt paid again by saying less of it.
    package func isSame(as other: Receipt) -> Bool {
        if !hash.isEmpty, hash == other.hash { return true }
        guard !number.isEmpty, number == other.number else { return false }
        return (issuer.isEmpty || other.issuer.isEmpty || issuer == other.issuer)
            && (issuedOn == nil || other.issuedOn == nil || issuedOn == other.issuedOn)
    }
}
