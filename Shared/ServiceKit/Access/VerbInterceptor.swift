import RPC

/// The rights of a service that does not judge by unit itself: it takes calls from those who have its verb in the whole
/// nation. Denied is the default here too: a narrower grant opens nothing, rather than more than it says.
package struct VerbInterceptor: ServerInterceptor {
    let service: String

    package init(service: String) { self.service = service }

    /// What reads: by the first word of its name, as the contract's style has it. Any other word writes.
    private static let readingWords = ["Get", "List", "Watch", "Follow", "Render"]

    /// `activity.read` or `activity.write`.
    static func verb(of method: MethodDescriptor, service: String) -> String {
        let reads = readingWords.contains { method.method.hasPrefix($0) }
        return "\(service).\(reads ? "read" : "write")"
    }

    package func intercept(_ context: ServerContext, next: NextHandler) async throws {
        guard VerbInterceptor.isOwn(context.method) else { return try await next(context) }
        let verb = VerbInterceptor.verb(of: context.method, service: service)
        guard context.identity?.hasNation(verb, of: service) == true else {
            var error = ServiceError(
                .permissionDenied, reason: "PERMISSION_DENIED",
                "this needs a grant of \(verb) in the whole nation", vi: "cần quyền \(verb) trên toàn quốc")
            error.metadata["verb"] = verb
            throw error
        }
        try await next(context)
    }

    /// Health is open, and reflection is for everybody who is known.
    private static func isOwn(_ method: MethodDescriptor) -> Bool { !method.service.hasPrefix("grpc.") }
}

extension Identity {
    fileprivate func hasNation(_ verb: String, of service: String) -> Bool {
        grants.contains {
            ($0.unit.isEmpty || $0.unit == "units/vn")
                && ($0.verbs.contains("*") || $0.verbs.contains(verb) || $0.verbs.contains("\(service).*"))
        }
    }
}
