import Synchronization

/// The stored grants of those who called just now. One given or revoked here counts at once, one given or revoked by
/// another replica within a second.
package final class GrantCatalogue: Sendable {
    private struct Known {
        var grants: [Grant]
        var until: ContinuousClock.Instant
    }

    private static let lifetime: Duration = .seconds(1)
    private static let limit = 4096

    private let known = Mutex<[String: Known]>([:])

    package init() {}

    func grants(of subject: String, load: (String) throws -> [Grant]) throws -> [Grant] {
        let now = ContinuousClock.now
        if let found = known.withLock({ $0[subject] }), now < found.until { return found.grants }
        let grants = try load(subject)
        known.withLock { known in
            if known.count >= Self.limit { known = [:] }
            known[subject] = Known(grants: grants, until: now + Self.lifetime)
        }
        return grants
    }

    func forget(_ subject: String) { known.withLock { $0[subject] = nil } }
}
