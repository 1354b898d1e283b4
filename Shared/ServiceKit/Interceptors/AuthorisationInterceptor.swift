import RPC

/// Finds out who is calling. Throws UNAUTHENTICATED when nobody that is known.
package protocol Authenticator: Sendable {
    func authenticate(_ context: ServerContext) async throws -> Identity
}

/// Puts the caller's identity into the context, or refuses the call. Denied is the default: a method runs without an
/// identity only when it is listed here.
package struct AuthorisationInterceptor: ServerInterceptor {
    /// Probes of load balancers and containers carry no credentials, and statuses name no data.
    package static let open: Set<String> = ["grpc.health.v1.Health"]

    let authenticator: any Authenticator

    package init(authenticator: any Authenticator) { self.authenticator = authenticator }

    package func intercept(
        _ context: ServerContext, next: @Sendable (ServerContext) async throws -> Void
    ) async throws {
        if AuthorisationInterceptor.open.contains(context.method.service) { return try await next(context) }
        var context = context
        context.identity = try await authenticator.authenticate(context)
        try await next(context)
    }
}

/// Without credentials configured, whoever can reach the loopback address of this machine may do everything. Only
/// installed when the service listens there, or when `--insecure-listen` was given.
package struct LocalAuthenticator: Authenticator {
    package static let identity = Identity(
        subject: "local", grants: [Identity.Grant(verbs: ["*"], unit: "")])

    package init() {}

    package func authenticate(_ context: ServerContext) async throws -> Identity { LocalAuthenticator.identity }
}
