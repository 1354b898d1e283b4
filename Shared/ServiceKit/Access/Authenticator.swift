import RPC

/// Who calls, and how long the service may believe it.
package struct Authentication: Sendable {
    package let caller: KnownCaller
    /// nil: for ever.
    package let expires: Instant?

    package var identity: Identity { caller.identity }

    package init(identity: Identity, expires: Instant? = nil) {
        caller = KnownCaller(identity)
        self.expires = expires
    }
}

/// Finds out who is calling. Throws UNAUTHENTICATED when nobody that is known.
package protocol Authenticator: Sendable {
    func authenticate(_ context: ServerContext) async throws -> Authentication
    /// The caller where that can be said without waiting for anything; nil: `authenticate` finds out.
    func known(_ context: ServerContext) throws -> Authentication?
    /// Whether callers are told apart by their identities.
    var tellsApart: Bool { get }
}

extension Authenticator {
    package var tellsApart: Bool { true }
}

/// Without credentials configured, whoever can reach the loopback address of this machine may do everything. Only
/// installed when the service listens there, or when `--insecure-listen` was given.
package struct LocalAuthenticator: Authenticator {
    package static let identity = Identity(
        subject: "local", grants: [Identity.Grant(verbs: ["*"], unit: "")])

    private static let caller = Authentication(identity: identity)

    package init() {}

    package func authenticate(_ context: ServerContext) async throws -> Authentication { Self.caller }
    package func known(_ context: ServerContext) throws -> Authentication? { Self.caller }
    package var tellsApart: Bool { false }
}
