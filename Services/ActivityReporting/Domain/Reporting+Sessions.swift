import ServiceKit
import Shared
import Storage
import SwiftProtobuf

extension Reporting {
    static func scheduleSession(
        _ plan: Cdt_Activity_V1_TrainingSession, id: UniqueID, by caller: String, _ keeper: ObligationKeeper
    ) throws -> Result<Cdt_Activity_V1_TrainingSession, Refusal> {
        if let refusal = try refusal(ofPlan: plan, keeper) { return .failure(refusal) }
        var row = SessionRow(id: id.description, plannedUnit: ResourceName.lastID(plan.unit))
        row.become(.planned, plan)
        return .success(try keeper.save(row, by: caller).view)
    }

    static func updateSession(
        _ id: String, _ change: SessionChange, etag: String, by caller: String, _ keeper: ObligationKeeper
    ) throws -> Result<Cdt_Activity_V1_TrainingSession, Refusal> {
        let found = try planned(id, etag: etag, in: keeper.tx)
        guard case .success(let before) = found else { return found.map(\.view) }
        var check = Violations()
        let plan = check.plan(change.applied(to: before.session), today: keeper.now.localDate)
        guard check.isEmpty else { return .failure(.invalid(check.all)) }
        if let refusal = try refusal(ofPlan: plan, keeper) { return .failure(refusal) }
        var row = before
        row.become(.planned, plan)
        return .success(row == before ? before.view : try keeper.save(row, by: caller).view)
    }

    static func cancelSession(
        _ id: String, reason: String, etag: String, by caller: String, _ keeper: ObligationKeeper
    ) throws -> Result<Cdt_Activity_V1_TrainingSession, Refusal> {
        let found = try planned(id, etag: etag, in: keeper.tx)
        guard case .success(var row) = found else { return found.map(\.view) }
        var cancelled = row.session
        cancelled.cancellationReason = reason
        row.become(.cancelled, cancelled)
        return .success(try keeper.save(row, by: caller).view)
    }

    /// - Parameter plan: id of the planned session that this was; nil: it was not planned.
    static func recordSession(
        _ session: Cdt_Activity_V1_TrainingSession, of plan: String? = nil, id: UniqueID, by caller: String,
        _ keeper: ObligationKeeper
    ) throws -> Result<Cdt_Activity_V1_TrainingSession, Refusal> {
        let tx = keeper.tx
        var known: SessionRow?
        if let plan {
            let found = try planned(plan, in: tx)
            guard case .success(let row) = found else { return found.map(\.view) }
            known = row
        }
        // It may have been moved since the call was let in.
        var check = Violations()
        let held = check.held(session, as: known?.session, today: keeper.now.localDate)
        guard check.isEmpty, let day = LocalDate(held.heldOn) else { return .failure(.invalid(check.all)) }
        let people = held.attendances.enumerated().map { i, attendance in
            (attendance.team, field: "session.attendances[\(i)].person", attendance.person)
        }
        if let refusal = try unknown(in: held, tx) ?? strangers(people, on: day, in: tx) { return .failure(refusal) }
        var row = known ?? SessionRow(id: id.description)
        row.become(.held, held)
        var stored = try keeper.save(row, by: caller).view
        try SessionStore.put(held.attendances, of: row.id, in: tx)
        stored.attendances = held.attendances
        return .success(stored)
    }

    /// The planned session of an id, or why what is done to planned ones cannot be done to it.
    private static func planned(_ id: String, etag: String = "", in tx: ReadTransaction) throws
        -> Result<SessionRow, Refusal>
    {
        guard let row = try SessionStore.get(id, in: tx) else {
            return .failure(.sessionNotFound("trainingSessions/\(id)"))
        }
        if let stale = Etag.refusal(etag, version: row.version, name: row.name) { return .failure(stale) }
        return row.session.state == .planned ? .success(row) : .failure(.sessionNotPlanned(row))
    }

    /// What stands against a plan that says all that it must; nil: nothing.
    private static func refusal(ofPlan plan: Cdt_Activity_V1_TrainingSession, _ keeper: ObligationKeeper) throws
        -> Refusal?
    {
        let people = plan.invitation.invitees.enumerated().map { i, invitee in
            (invitee.team, field: "session.invitation.invitees[\(i)].person", invitee.person)
        }
        return try unknown(in: plan, keeper.tx) ?? strangers(people, on: keeper.now.localDate, in: keeper.tx)
    }

    /// The course or a unit that a session names and nobody has heard of.
    private static func unknown(in session: Cdt_Activity_V1_TrainingSession, _ tx: ReadTransaction) throws -> Refusal? {
        guard try TrainingStore.course(ResourceName.lastID(session.course), in: tx) != nil else {
            return .courseNotFound(session.course)
        }
        for unit in [session.unit, session.invitation.unit] where !unit.isEmpty {
            if try RegistryFactsStore.unit(ResourceName.lastID(unit), in: tx) == nil { return .unitNotFound(unit) }
        }
        return nil
    }

    /// What is wrong when some are not members of their teams on a day; nil: all are.
    private static func strangers(
        _ people: [(team: String, field: String, person: String)], on day: LocalDate, in tx: ReadTransaction
    ) throws -> Refusal? {
        for (team, group) in Dictionary(grouping: people, by: \.team).sorted(by: { $0.key < $1.key }) {
            if let refusal = try strangers(group.map { ($0.field, $0.person) }, to: team, on: day, in: tx) {
                return refusal
            }
        }
        return nil
    }

    // MARK: Reading

    func session(_ id: String) throws -> SessionRow {
        guard let found = try database.read({ try SessionStore.get(id, in: $0) }) else {
            throw Refusal.sessionNotFound("trainingSessions/\(id)")
        }
        return found
    }

    /// A session with the single attendances.
    func sessionWithAttendances(_ id: String) async throws -> Cdt_Activity_V1_TrainingSession {
        try await database.readPooled { tx in
            guard let row = try SessionStore.get(id, in: tx) else {
                throw Refusal.sessionNotFound("trainingSessions/\(id)")
            }
            var session = row.view
            session.attendances = try SessionStore.attendances(of: id, in: tx)
            return session
        }
    }

    /// - Parameter state: nil: whichever.
    func sessions(
        unit: String?, course: String?, state: Cdt_Activity_V1_SessionState? = nil, before: String?, limit: Int
    ) async throws -> [Cdt_Activity_V1_TrainingSession] {
        try await database.readPooled { tx in
            try SessionStore.list(unit: unit, course: course, state: state, before: before, limit: limit, in: tx)
                .map(\.view)
        }
    }
}

extension ObligationKeeper {
    /// Stores a session with its event.
    fileprivate func save(_ new: SessionRow, by caller: String) throws -> SessionRow {
        guard let course = try TrainingStore.course(ResourceName.lastID(new.session.course), in: tx) else {
            throw Refusal.courseNotFound(new.session.course)
        }
        var row = new
        row.version += 1
        try SessionStore.put(row, by: caller, now: now, in: tx)
        try tell(row, of: course)
        return row
    }
}
