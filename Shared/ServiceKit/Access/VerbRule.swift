import RPC

/// What a caller's grants must say before a handler looks at the call. Denied is the default.
package enum CallGate: Sendable {
    /// The call's verb, read or write, in the whole nation: for services that do not judge by unit. A narrower grant
    /// opens nothing, rather than more than it says.
    case verbInNation
    /// Any verb of the service, anywhere: for services whose handlers judge by unit. A stranger does not learn from
    /// them what a request lacks, or what there is.
    case anyVerb
    /// Nothing: for a service that keeps grants itself, which the token need not name.
    case open
}

/// The gate of a method.
package struct VerbRule: Sendable {
    let service: String
    /// nil: any of the service's, anywhere.
    let verb: String?

    /// nil where every known caller passes: `open`, and methods that all services have (health, reflection).
    init?(_ method: MethodDescriptor, of service: String, _ gate: CallGate) {
        guard !method.service.hasPrefix("grpc.") else { return nil }
        self.service = service
        switch gate {
        case .verbInNation: verb = Self.verb(of: method, service: service)
        case .anyVerb: verb = nil
        case .open: return nil
        }
    }

    /// What reads: by the first word of its name, as the contract's style has it. Any other word writes.
    private static let readingWords = ["Get", "List", "Watch", "Follow", "Render"]

    /// `activity.read` or `activity.write`.
    static func verb(of method: MethodDescriptor, service: String) -> String {
        let reads = readingWords.contains { method.method.hasPrefix($0) }
        return "\(service).\(reads ? "read" : "write")"
    }

    func check(_ identity: Identity) throws {
        guard let verb else {
            guard identity.hasAnyVerb(of: service) else {
                throw Self.denied(
                    "this needs a grant of a verb of \(service)", vi: "cần một quyền của dịch vụ \(service)",
                    verb: "\(service).*")
            }
            return
        }
        guard identity.hasNation(verb, of: service) else {
            throw Self.denied(
                "this needs a grant of \(verb) in the whole nation", vi: "cần quyền \(verb) trên toàn quốc", verb: verb)
        }
    }

    private static func denied(_ message: String, vi: String, verb: String) -> ServiceError {
        ServiceError(
            .permissionDenied, reason: "PERMISSION_DENIED", message, vi: vi, metadata: ["verb": verb])
    }
}

extension Identity {
    fileprivate func hasNation(_ verb: String, of service: String) -> Bool {
        grants.contains {
            ($0.unit.isEmpty || $0.unit == "units/vn")
                && ($0.verbs.contains("*") || $0.verbs.contains(verb) || $0.verbs.contains("\(service).*"))
        }
    }

    fileprivate func hasAnyVerb(of service: String) -> Bool {
        grants.contains {
            $0.verbs.contains { verb in
                verb == "*" || verb.hasPrefix(service) && verb.dropFirst(service.count).first == "."
            }
        }
    }
}
