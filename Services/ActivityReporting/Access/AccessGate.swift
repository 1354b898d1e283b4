import RPC
import ServiceKit
import Shared
import Storage

/// What a call needs to be allowed.
enum AccessNeed: Sendable {
    /// In the whole nation.
    case nation(ActivityVerb)
    /// Anywhere at all.
    case somewhere(ActivityVerb)
    /// Under a unit, bare, in the tree of a date; nil: the nation. What is read is of another date where one is given.
    case unit(ActivityVerb, String?, LocalDate, of: LocalDate? = nil)
    /// Of a team, bare, any one of the verbs; the date is that of what is read.
    case team([ActivityVerb], String, LocalDate)
    /// Of the team a difficulty belongs to.
    case difficulty(ActivityVerb, String)
    /// Of the team of a report that was kept for review.
    case kept(ActivityVerb, String)
    /// In the unit of a session of a course.
    case session(ActivityVerb, String)

    var verbs: [ActivityVerb] {
        switch self {
        case .nation(let verb), .somewhere(let verb), .unit(let verb, _, _, _), .difficulty(let verb, _),
            .kept(let verb, _), .session(let verb, _):
            [verb]
        case .team(let verbs, _, _): verbs
        }
    }

    var refusal: Refusal {
        let names = verbs.map(\.name).joined(separator: " or ")
        let (place, vi): (String, String) =
            switch self {
            case .nation, .unit(_, nil, _, _): ("in the whole nation", "trên toàn quốc")
            case .somewhere: ("somewhere", "tại ít nhất một đơn vị")
            case .unit(_, let unit?, _, _): ("in units/\(unit)", "tại units/\(unit)")
            case .team(_, let team, _): ("where teams/\(team) is", "tại nơi có teams/\(team)")
            case .difficulty(_, let id): ("where difficulties/\(id) is", "tại nơi có difficulties/\(id)")
            case .kept(_, let id): ("where rejectedReports/\(id) is", "tại nơi có rejectedReports/\(id)")
            case .session(_, let id): ("where trainingSessions/\(id) is", "tại nơi có trainingSessions/\(id)")
            }
        return Refusal(
            .permissionDenied, reason: "PERMISSION_DENIED", "this needs a grant of \(names) \(place)",
            vi: "cần quyền \(names) \(vi)", metadata: ["verb": verbs.first?.name ?? ""])
    }
}

extension ActivityReportingHandlers {
    /// Lets a call in, or throws PERMISSION_DENIED. Asked before a request is looked at any further (AIP-211), and for
    /// every page of a list: a page token grants no rights. What does not exist is denied like what is not the
    /// caller's.
    func admit(_ needs: [AccessNeed], context: ServerContext) async throws {
        guard let identity = context.identity else {
            throw Refusal.unauthenticated("nobody is known to call", vi: "không xác định được người gọi")
        }
        // The usual caller has the nation, and costs a few comparisons.
        let open = needs.filter { need in !need.verbs.contains(where: identity.hasNation) }
        if open.isEmpty { return }
        let refused = try await reporting.judge(identity) { reach, tx in
            try open.first { try !reach.allows($0, in: tx) }
        }
        if let refused { throw refused.refusal }
    }

    func admit(_ need: AccessNeed, context: ServerContext) async throws { try await admit([need], context: context) }

    /// The submissions as they may be taken in: those of teams out of the caller's reach are refused, and so are
    /// declared days of a caller who may not declare.
    func admitted(_ submissions: [Submission], context: ServerContext) async throws -> [Submission] {
        guard let identity = context.identity else {
            throw Refusal.unauthenticated("nobody is known to call", vi: "không xác định được người gọi")
        }
        if identity.hasNation(.submit), identity.hasNation(.declare) { return submissions }
        let today = reporting.clock.today
        return try await reporting.judge(identity) { reach, tx in
            try submissions.map { submission in
                let team = submission.key.team
                var needs = [AccessNeed.team([.submit], team, today)]
                if !submission.message.report.declaredOn.isEmpty { needs.append(.team([.declare], team, today)) }
                var judged = submission
                if let refused = try needs.first(where: { try !reach.allows($0, in: tx) }) {
                    judged.refusal = refused.refusal
                }
                return judged
            }
        }
    }

    /// The rows of a list whose teams the caller may see.
    func visible<Row: Sendable>(_ rows: [Row], context: ServerContext, team: @escaping @Sendable (Row) -> String)
        async throws -> [Row]
    {
        guard let identity = context.identity, !identity.hasNation(.read) else { return rows }
        let today = reporting.clock.today
        return try await reporting.judge(identity) { reach, tx in
            try rows.filter { try reach.allows(.team([.read], team($0), today), in: tx) }
        }
    }
}

extension Reporting {
    func judge<T: Sendable>(
        _ identity: Identity, _ body: @escaping @Sendable (Reach, ReadTransaction) throws -> T
    ) async throws -> T {
        let today = clock.today
        return try await database.readPooled(length: .brief) { [maps] tx in
            try body(Reach(identity: identity, map: maps.map(in: tx), today: today), tx)
        }
    }
}

extension Reach {
    fileprivate func allows(_ need: AccessNeed, in tx: ReadTransaction) throws -> Bool {
        switch need {
        case .nation(let verb): return hasNation(verb)
        case .somewhere(let verb): return !identity.units(for: verb).isEmpty
        case .unit(let verb, let unit, let date, let content):
            guard let unit else { return hasNation(verb) }
            if map.tree[unit] != nil { return allows(verb, unit: unit, on: date, of: content ?? date) }
            // A hamlet is where its commune is.
            guard let hamlet = try RegistryFactsStore.unit(unit, in: tx) else { return hasNation(verb) }
            return allows(verb, along: PlacePath(hamlet.parents), on: content ?? date)
        case .team(let verbs, let id, let date): return try allows(verbs, team: id, on: date, in: tx)
        case .difficulty(let verb, let id):
            guard let row = try DifficultyStore.get(id, in: tx) else { return hasNation(verb) }
            return try allows([verb], team: row.team, on: today, in: tx)
        case .kept(let verb, let id):
            guard let kept = try ReviewStore.get(id, in: tx) else { return hasNation(verb) }
            return try allows([verb], team: kept.key.team, on: today, in: tx)
        case .session(let verb, let id):
            guard let row = try SessionStore.get(id, in: tx) else { return hasNation(verb) }
            return try allows(verb, row, in: tx)
        }
    }

    /// A verb with a session: where its unit is today decides. Who may read the unit of its day may read it too.
    func allows(_ verb: ActivityVerb, _ row: SessionRow, in tx: ReadTransaction) throws -> Bool {
        if try allows(.unit(verb, row.unit, today), in: tx) { return true }
        guard verb == .read, let day = LocalDate(row.session.heldOn) else { return false }
        return try allows(.unit(verb, row.unit, day), in: tx)
    }

    /// Any one of the verbs with a team, by the facts at hand: also before its obligations were derived from them.
    func allows(_ verbs: [ActivityVerb], team id: String, on date: LocalDate, in tx: ReadTransaction) throws -> Bool {
        if verbs.contains(where: hasNation) { return true }
        guard let team = try RegistryFactsStore.team(id, in: tx) else { return false }
        let path = try RegistryFactsStore.path(of: team, in: tx)
        return verbs.contains { allows($0, along: path, on: date) }
    }
}
