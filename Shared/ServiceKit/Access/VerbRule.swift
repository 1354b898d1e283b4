import RPC

/// The rights of a service that does not judge by unit itself: it takes calls from those who have its verb in the whole
/// nation. Denied is the default here too: a narrower grant opens nothing, rather than more than it says.
package struct VerbRule: Sendable {
    let service: String
    let verb: String

    /// nil for methods that every service has: health is open, and reflection is for everybody who is known.
    init?(_ method: MethodDescriptor, of service: String) {
        guard !method.service.hasPrefix("grpc.") else { return nil }
        self.service = service
        verb = Self.verb(of: method, service: service)
    }

    /// What reads: by the first word of its name, as the contract's style has it. Any other word writes.
    private static let readingWords = ["Get", "List", "Watch", "Follow", "Render"]

    /// `activity.read` or `activity.write`.
    static func verb(of method: MethodDescriptor, service: String) -> String {
        let reads = readingWords.contains { method.method.hasPrefix($0) }
        return "\(service).\(reads ? "read" : "write")"
    }

    func check(_ identity: Identity) throws {
        guard !identity.hasNation(verb, of: service) else { return }
        var error = ServiceError(
            .permissionDenied, reason: "PERMISSION_DENIED",
            "this needs a grant of \(verb) in the whole nation", vi: "cần quyền \(verb) trên toàn quốc")
        error.metadata["verb"] = verb
        throw error
    }
}

extension Identity {
    fileprivate func hasNation(_ verb: String, of service: String) -> Bool {
        grants.contains {
            ($0.unit.isEmpty || $0.unit == "units/vn")
                && ($0.verbs.contains("*") || $0.verbs.contains(verb) || $0.verbs.contains("\(service).*"))
        }
    }
}
