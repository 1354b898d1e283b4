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

    private struct Catalogue {
        var known: [String: Known] = [:]
        /// How many grants were given or revoked here.
        var changes = 0
    }

    private let catalogue = Mutex(Catalogue())

    package init() {}

    func grants(of subject: String, load: (String) throws -> [Grant]) throws -> [Grant] {
        let now = ContinuousClock.now
        let (found, changes) = catalogue.withLock { ($0.known[subject], $0.changes) }
        if let found, now < found.until { return found.grants }
        let grants = try load(subject)
        catalogue.withLock { catalogue in
            // What was given or revoked while this was read may not be in it.
            guard catalogue.changes == changes else { return }
            if catalogue.known.count >= Self.limit { catalogue.known = [:] }
            catalogue.known[subject] = Known(grants: grants, until: now + Self.lifetime)
        }
        return grants
    }

    func forget(_ subject: String) {
        catalogue.withLock {
            $0.known[subject] = nil
            $0.changes += 1
        }
    }
}
