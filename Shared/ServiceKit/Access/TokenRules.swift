import RPC

/// What a verified token must say. A pure function of claims and a moment.
package struct TokenRules: Sendable, Hashable {
    package var issuer: String
    /// The service's own name and the suite's: a token for either is for this service.
    package var audiences: Set<String>
    /// Clocks of issuer and service may differ by so much.
    package var skew: Duration = .seconds(60)

    package init(issuer: String, audiences: Set<String>) {
        self.issuer = issuer
        self.audiences = audiences
    }

    private static let subjectBytes = 200
    /// JSON numbers beyond this are no seconds since 1970.
    private static let lastSecond = 1e11

    /// Until when the claims hold, skew included.
    package func check(_ claims: TokenClaims, now: Instant) throws(TokenProblem) -> Instant {
        guard claims.iss == issuer else { throw .issuer }
        guard let names = claims.aud?.names, !audiences.isDisjoint(with: names) else { throw .audience }
        guard let subject = claims.sub, (1...Self.subjectBytes).contains(subject.utf8.count),
            let end = Self.instant(claims.exp)
        else { throw .claims }
        let expires = end.adding(skew)
        guard now < expires else { throw .expired }
        if let begin = claims.nbf {
            guard let begin = Self.instant(begin) else { throw .claims }
            guard begin <= now.adding(skew) else { throw .notYetValid }
        }
        return expires
    }

    private static func instant(_ seconds: Double?) -> Instant? {
        guard let seconds, seconds.isFinite, (0...lastSecond).contains(seconds) else { return nil }
        return Instant(microseconds: Int64(seconds * 1_000_000))
    }
}
