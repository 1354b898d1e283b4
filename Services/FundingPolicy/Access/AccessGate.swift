import ChangeFeed
import RPC
import ServiceKit
import Shared
import Storage

/// What a call needs to be allowed.
package enum AccessNeed: Sendable, Hashable {
    /// In the whole nation.
    case nation(FundingVerb)
    /// Anywhere at all: what every focal point may know, such as the policies themselves.
    case somewhere(FundingVerb)
    /// Under a unit, `units/{id}`; empty: the nation.
    case unit(FundingVerb, String)
    /// Of a team, `teams/{id}`.
    case team(FundingVerb, String)
    /// Of a policy, `policies/{id}`: in the unit that enacted it. Empty: of all policies.
    case policy(FundingVerb, String)
    /// Of a policy that is only being written.
    case draft(FundingVerb, code: String, unit: String, on: LocalDate?)
    /// Of a run, a claim or a payment batch: where their unit, team or policy is.
    case run(FundingVerb, String)
    case claim(FundingVerb, String)
    case batch(FundingVerb, String)
    /// Of an account: in the unit that enacted its policy.
    case account(FundingVerb, String)

    /// Of what a journal is about, by its name.
    static func reference(_ verb: FundingVerb, _ name: String) -> AccessNeed {
        switch name.prefix(while: { $0 != "/" }) {
        case "runs": .run(verb, name)
        case "claims": .claim(verb, name)
        case "paymentBatches": .batch(verb, name)
        case "policies": .policy(verb, name)
        case "accounts": .account(verb, name)
        default: .nation(verb)
        }
    }

    var verb: FundingVerb {
        switch self {
        case .nation(let verb), .somewhere(let verb), .unit(let verb, _), .team(let verb, _), .policy(let verb, _),
            .draft(let verb, _, _, _), .run(let verb, _), .claim(let verb, _), .batch(let verb, _),
            .account(let verb, _):
            verb
        }
    }

    private var subject: String {
        switch self {
        case .nation, .somewhere: ""
        case .unit(_, let name), .team(_, let name), .policy(_, let name), .run(_, let name), .claim(_, let name),
            .batch(_, let name), .account(_, let name):
            name
        case .draft(_, let code, let unit, _): unit.isEmpty ? code : unit
        }
    }

    var refusal: ServiceError {
        let (place, vi): (String, String) =
            switch self {
            case .somewhere: ("somewhere", "tại ít nhất một đơn vị")
            case _ where subject.isEmpty: ("in the whole nation", "trên toàn quốc")
            default: ("where \(subject) is", "tại nơi có \(subject)")
            }
        return ServiceError(
            .permissionDenied, reason: "PERMISSION_DENIED", "this needs a grant of \(verb.name) \(place)",
            vi: "cần quyền \(verb.name) \(vi)", metadata: ["verb": verb.name])
    }
}

/// Lets calls in or refuses them, by verb and unit. What does not exist is refused like what is not the caller's.
package struct AccessGate: Sendable {
    let database: Database
    let clock: Clock

    package init(database: Database, clock: Clock) {
        self.database = database
        self.clock = clock
    }

    /// Asked before a request is looked at any further (AIP-211), and for every page of a list: a page token grants no
    /// rights. Gives the caller's name: makers, checkers and payers are told apart by it.
    @discardableResult
    package func admit(_ need: AccessNeed, _ context: ServerContext) async throws -> String {
        guard let identity = context.identity else {
            throw ServiceError.unauthenticated("nobody is known to call", vi: "không xác định được người gọi")
        }
        // The usual caller has the nation, and costs a few comparisons.
        if identity.hasNation(need.verb) { return identity.subject }
        let today = clock.today
        let allowed = try await database.readPooled(length: .brief) { transaction in
            let reach = Reach(identity: identity, source: FactsReader(transaction), today: today)
            return try AccessGate.allows(need, reach, transaction)
        }
        if !allowed { throw need.refusal }
        return identity.subject
    }

    package static func allows(_ need: AccessNeed, _ reach: Reach<FactsReader>, _ transaction: ReadTransaction) throws
        -> Bool
    {
        switch need {
        case .nation(let verb): return try reach.allows(verb, unit: nil)
        case .somewhere(let verb): return !reach.identity.units(for: verb).isEmpty
        case .unit(let verb, let unit): return try reach.allows(verb, unit: unit.isEmpty ? nil : unit)
        case .team(let verb, let team):
            guard !team.isEmpty, let facts = try reach.source.team(team) else { return false }
            return try reach.allows(verb, team: facts)
        case .policy(let verb, let name):
            guard !name.isEmpty, let policy = try PolicyStore.get(name, version: 0, transaction)?.policy else {
                return false
            }
            return try reach.allows(verb, unit: PolicyStore.jurisdiction(of: policy, reach.source)?.id)
        case .draft(let verb, let code, let unit, let date):
            if !unit.isEmpty { return try reach.allows(verb, unit: unit) }
            return try reach.allows(verb, unit: reach.source.unit(code: code, on: date ?? reach.today)?.id)
        case .run(let verb, let name):
            guard let run = try RunStore.get(name, transaction)?.run else { return false }
            if run.unit.isEmpty, !run.policy.isEmpty {
                return try allows(.policy(verb, run.policy), reach, transaction)
            }
            return try reach.allows(verb, unit: run.unit.isEmpty ? nil : run.unit)
        case .claim(let verb, let name):
            guard let claim = try ClaimStore.get(name, transaction)?.claim else { return false }
            return try allows(.team(verb, claim.team), reach, transaction)
        case .batch(let verb, let name):
            guard let batch = try PaymentStore.get(name, transaction)?.batch else { return false }
            return try allows(.policy(verb, batch.policy), reach, transaction)
        case .account(let verb, let name):
            guard let account = try LedgerStore.account(name, transaction) else { return false }
            return try allows(.policy(verb, account.key.budget.policy), reach, transaction)
        }
    }
}

extension FeedAccess {
    /// Runs tell sums of whole provinces and more, and payments who gets what: for who may read everywhere.
    static let funding = FeedAccess { _, context in
        guard let identity = context.identity, identity.hasNation(.read) else {
            throw AccessNeed.nation(.read).refusal
        }
        return .everything
    }
}
