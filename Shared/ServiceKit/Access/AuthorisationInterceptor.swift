import RPC

/// Who calls, and how long the service may believe it.
package struct Authentication: Sendable, Hashable {
    package let identity: Identity
    /// nil: for ever.
    package let expires: Instant?

    package init(identity: Identity, expires: Instant? = nil) {
        self.identity = identity
        self.expires = expires
    }
}

/// Finds out who is calling. Throws UNAUTHENTICATED when nobody that is known.
package protocol Authenticator: Sendable {
    func authenticate(_ context: ServerContext) async throws -> Authentication
}

/// Puts the caller's identity into the context, or refuses the call. Denied is the default: a method runs without an
/// identity only when it is listed here.
package struct AuthorisationInterceptor: ServerInterceptor {
    /// Probes of load balancers and containers carry no credentials, and statuses name no data.
    package static let open = ["grpc.health.v1.Health"]

    let authenticator: any Authenticator

    package init(authenticator: any Authenticator) { self.authenticator = authenticator }

    package func intercept(_ context: ServerContext, next: NextHandler) async throws {
        if AuthorisationInterceptor.open.contains(context.method.service) { return try await next(context) }
        let caller = try await authenticator.authenticate(context)
        var context = context
        context.identity = caller.identity
        guard let expires = caller.expires, context.method.kind != .unary else { return try await next(context) }
        try await run(context, until: expires, next)
    }

    /// "Streams end with UNAUTHENTICATED when their token expires."
    private func run(
        _ context: ServerContext, until expires: Instant, _ next: NextHandler
    ) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await next(context) }
            group.addTask {
                // Again and again: the wall clock, which tokens go by, may be set.
                while case let left = Instant.system().duration(to: expires), left > .zero {
                    try await Task.sleep(for: min(left, .seconds(60)))
                }
                throw TokenProblem.expired.error
            }
            // The first to end decides: the handler, or the token; the other is cancelled.
            defer { group.cancelAll() }
            try await group.next()
        }
    }
}

/// Without credentials configured, whoever can reach the loopback address of this machine may do everything. Only
/// installed when the service listens there, or when `--insecure-listen` was given.
package struct LocalAuthenticator: Authenticator {
    package static let identity = Identity(
        subject: "local", grants: [Identity.Grant(verbs: ["*"], unit: "")])

    package init() {}

    package func authenticate(_ context: ServerContext) async throws -> Authentication {
        Authentication(identity: LocalAuthenticator.identity)
    }
}
