import RPC
import ServiceKit
import Storage
import SwiftProtobuf

/// Who calls, as far as the domain cares.
package struct Caller: Sendable {
    package var subject: String
    package var method: MethodDescriptor
    private var trace: TraceContext?
    /// What the caller's token says; nil: the call came by no way that authenticates, and nothing is allowed.
    var identity: Identity?

    init(_ context: ServerContext) {
        identity = context.identity
        subject = identity?.subject ?? ""
        method = context.method
        trace = context.trace
    }

    /// Empty for a call without a trace. Only writes keep it.
    package var traceparent: String { trace?.traceparent ?? "" }

    func author(requestID: String = "", now: Instant) -> Author {
        Author(
            actor: subject.isEmpty ? "anonymous" : subject, action: method.method, requestID: requestID,
            traceparent: traceparent, now: now)
    }

    /// The key under which the answer of a write is kept.
    func key(_ requestID: String, of request: some Message) throws -> RequestIDs.Key? {
        var check = Violations()
        let id = check.uuid(requestID, "request_id")
        try check.refuse()
        return try id.map { try RequestIDs.Key(caller: subject, method: method.path, requestID: $0, payload: request) }
    }
}

extension RegistryCore {
    /// Lets a call in, or throws PERMISSION_DENIED. Asked before a request is looked at any further (AIP-211), and for
    /// every page of a list: a page token grants no rights.
    func admit(_ request: some GuardedRequest, _ context: ServerContext) throws -> Caller {
        try admit(request.needs, context)
    }

    func admit(_ needs: [AccessNeed], _ context: ServerContext) throws -> Caller {
        let caller = Caller(context)
        guard let identity = caller.identity else {
            throw ServiceError.unauthenticated("nobody is known to call", vi: "không xác định được người gọi")
        }
        // The usual caller has the nation, and costs a few comparisons.
        let open = needs.filter { !identity.hasNation($0.verb) }
        guard !open.isEmpty else { return caller }
        let reach = try reach(of: caller)
        for need in open where !reach.hasNation(need.verb) {
            guard try AccessGate(core: self, reach: reach).allows(need) else { throw need.refusal }
        }
        return caller
    }

    /// Everything a caller may do now: by the token, and by the grants that are stored for the token's subject.
    func reach(of caller: Caller) throws -> Reach {
        guard let identity = caller.identity else {
            return Reach(subject: "", grants: [], units: units, today: clock.today)
        }
        let stored = try grants.grants(of: identity.subject) { subject in
            // They are remembered: a revocation since the turn began must be among them.
            ReadTurn.renew()
            return try database.read {
                try GrantStore.list(subject: subject, unit: nil, revoked: false, after: nil, limit: .max, in: $0)
            }
        }
        return Reach(
            subject: identity.subject, grants: identity.grants.compactMap { Grant($0) } + stored, units: units,
            today: clock.today)
    }

    /// What decides piece by piece for a caller who may do something in places only; nil: it is allowed everywhere.
    func gate(_ verb: AccessVerb, of caller: Caller) throws -> AccessGate? {
        if let identity = caller.identity, identity.hasNation(verb) { return nil }
        let reach = try reach(of: caller)
        return reach.hasNation(verb) ? nil : AccessGate(core: self, reach: reach)
    }
}
