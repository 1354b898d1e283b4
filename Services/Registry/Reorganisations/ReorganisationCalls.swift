import ServiceKit
import Shared
import Storage
import SwiftProtobuf

/// The calls about reorganisations.
struct ReorganisationCalls: Sendable {
    let core: RegistryCore
    /// Lines and new units of one reorganisation at most.
    private static let limit = 20_000

    func create(_ request: Cdt_Registry_V1_CreateReorganisationRequest, by caller: Caller) async throws
        -> Cdt_Registry_V1_CreateReorganisationResponse
    {
        let now = core.clock.now
        var reader = RequestReader(core)
        let message = request.reorganisation
        let title = reader.fields.line(message.title, "reorganisation.title", limit: 300)
        let day = reader.fields.date(message.effectiveOn, "reorganisation.effective_on", required: true)
        let document =
            message.hasDocument ? DocumentFields.read(message.document, "reorganisation.document", &reader.fields) : nil
        if request.lines.isEmpty { reader.fields.add(Problem(.fieldMissing, "lines")) }
        for (count, field) in [(request.lines.count, "lines"), (request.newUnits.count, "new_units")]
        where count > Self.limit {
            reader.fields.add(
                Problem(.numberOutOfRange, field, ["value": String(count), "low": "1", "high": String(Self.limit)]))
        }
        try reader.refuse()
        guard let title, let day else { throw Refusal(.fieldMissing, "reorganisation").error }
        let event = Reorganisation(
            id: UUIDv7.next(at: now), title: title, effectiveOn: day, document: document, createdAt: now,
            updatedAt: now)
        let script = try ReorganisationScript(request, event: event, &reader)
        // What is wrong with it is told now; whether it can be applied is looked at again then.
        if case .failure(let refusal) = ReorganisationRules.change(of: script, units: core.units) {
            throw refusal.error
        }
        return try await core.write(request.requestID, of: request, by: caller) { [core] tx, author in
            try core.recorder.insert(event, script, by: author, in: tx)
            let listed = ReorganisationStore.Listed(
                event: event, lines: Int64(script.lines.count), newUnits: Int64(script.newUnits.count))
            return .success(.with { $0.reorganisation = listed.message })
        }
    }

    // MARK: Reading

    func get(_ request: Cdt_Registry_V1_GetReorganisationRequest) throws -> Cdt_Registry_V1_GetReorganisationResponse {
        let listed = try listed(request.name, "name")
        return .with { $0.reorganisation = listed.message }
    }

    private func listed(_ name: String, _ field: String) throws -> ReorganisationStore.Listed {
        let id = try id(name, field)
        return try core.database.read { try Self.found(id, field, in: $0).get() }
    }

    private func id(_ name: String, _ field: String) throws -> UniqueID {
        var reader = RequestReader(core)
        let id = reader.id(name, of: "reorganisations", field)
        try reader.refuse()
        guard let id else { throw Refusal(.fieldMissing, field).error }
        return id
    }

    private static func found(_ id: UniqueID, _ field: String, in tx: ReadTransaction) throws
        -> Result<ReorganisationStore.Listed, ServiceError>
    {
        guard let listed = try ReorganisationStore.reorganisation(id, in: tx) else {
            return .failure(Refusal(.reorganisationNotFound, field, ["value": "reorganisations/\(id)"]).error)
        }
        return .success(listed)
    }

    func list(_ request: Cdt_Registry_V1_ListReorganisationsRequest, by caller: Caller) async throws
        -> Cdt_Registry_V1_ListReorganisationsResponse
    {
        let page = try core.page(request, caller)
        var after: (day: LocalDate, id: UniqueID)?
        if let position = page.position, position.count == 2, let day = LocalDate(position[0]),
            let id = UniqueID(position[1])
        {
            after = (day, id)
        }
        let rows = try await core.database.readPooled { [after] in
            try ReorganisationStore.list(after: after, limit: page.size + 1, in: $0)
        }
        let (shown, next) = try core.tokens.cut(rows, to: page, of: request, caller.method) {
            [$0.event.effectiveOn.description, $0.event.id.description]
        }
        return .with {
            $0.reorganisations = shown.map(\.message)
            $0.nextPageToken = next
        }
    }

    func lines(_ request: Cdt_Registry_V1_ListReorganisationLinesRequest, by caller: Caller) async throws
        -> Cdt_Registry_V1_ListReorganisationLinesResponse
    {
        let event = try listed(request.parent, "parent").event
        let page = try core.page(request, caller)
        let after = page.position?.first.flatMap { Int($0) } ?? -1
        let (lines, new) = try await core.database.readPooled { tx in
            (
                try ReorganisationStore.lines(of: event.id, after: after, limit: page.size + 1, in: tx),
                try ReorganisationStore.newUnits(of: event.id, in: tx)
            )
        }
        let part = lines.prefix(page.size)
        let ids = Dictionary(new.map { ($0.key, $0.id) }, uniquingKeysWith: { first, _ in first })
        let named = Set(
            part.compactMap { line -> String? in if case .key(let key) = line.target { key } else { nil } })
        return try .with {
            $0.lines = part.map { $0.message(ids: event.state == .applied ? ids : [:]) }
            $0.newUnits = new.filter { named.contains($0.key) }.map(\.message)
            if lines.count > page.size {
                $0.nextPageToken = try core.tokens.token(after: [String(after + page.size)], of: request, caller.method)
            }
        }
    }

    func preview(_ request: Cdt_Registry_V1_PreviewReorganisationRequest) async throws
        -> Cdt_Registry_V1_PreviewReorganisationResponse
    {
        let id = try id(request.name, "name")
        return try await core.database.readPooled { tx in
            let event = try Self.found(id, "name", in: tx).get().event
            guard event.state != .applied else {
                return .with { $0.problems = [Problem(.reorganisationApplied, "name").message] }
            }
            var data = try UnitStore.load(from: tx)
            let script = try ReorganisationStore.script(of: event, in: tx)
            switch ReorganisationRules.change(of: script, units: UnitIndex(data)) {
            case .failure(let refusal): return .with { $0.problems = refusal.problems.map(\.message) }
            case .success(let change):
                data.apply(change)
                let work = ReorganisationWork(change: change, after: UnitIndex(data))
                let effect = try work.run(in: tx) { _, _ in
                } team: { _, _ in
                }
                return try .with { $0.effect = try work.message(effect, in: tx) }
            }
        }
    }

    // MARK: Applying

    /// Runs a write that takes long while nothing is told again. One that would be refused holds nobody up, nor does
    /// one that has been answered before: either is found out by the write itself, which looks again in any case.
    func pausingRetelling<Value>(
        ifDue due: (ReadTransaction) throws -> Result<ReorganisationStore.Listed, ServiceError>,
        for write: () async throws -> Value
    ) async throws -> Value {
        guard case .success = try core.database.read(due) else { return try await write() }
        return try await core.whileNothingIsRetold { try await write() }
    }

    /// The reorganisation, if it may come to be applied, or reverted, from where it is.
    static func due(_ id: UniqueID, etag: String, to state: ReorganisationState, in tx: ReadTransaction) throws
        -> Result<ReorganisationStore.Listed, ServiceError>
    {
        let found = try found(id, "name", in: tx)
        guard case .success(let listed) = found else { return found }
        if let stale = Etag.refusal(etag, version: listed.event.version, name: listed.event.name) {
            return .failure(stale)
        }
        switch (listed.event.state == .applied, state == .applied) {
        case (true, true): return .failure(Refusal(.reorganisationApplied, "name").error)
        case (false, false): return .failure(Refusal(.reorganisationNotApplied, "name").error)
        default: return found
        }
    }

    func apply(_ request: Cdt_Registry_V1_ApplyReorganisationRequest, by caller: Caller) async throws
        -> Cdt_Registry_V1_ApplyReorganisationResponse
    {
        let id = try id(request.name, "name")
        return try await pausingRetelling(
            ifDue: { try Self.due(id, etag: request.etag, to: .applied, in: $0) },
            for: { try await applyAlone(id, request, by: caller) })
    }

    private func applyAlone(
        _ id: UniqueID, _ request: Cdt_Registry_V1_ApplyReorganisationRequest, by caller: Caller
    ) async throws -> Cdt_Registry_V1_ApplyReorganisationResponse {
        let today = core.clock.today
        return try await core.write(request.requestID, of: request, by: caller) { [core] tx, author in
            var listed: ReorganisationStore.Listed
            switch try Self.due(id, etag: request.etag, to: .applied, in: tx) {
            case .success(let found): listed = found
            case .failure(let error): return .failure(error)
            }
            let former = listed
            var data = try UnitStore.load(from: tx)
            let before = UnitIndex(data)
            let script = try ReorganisationStore.script(of: listed.event, in: tx)
            let change: UnitChange
            switch ReorganisationRules.change(of: script, units: before) {
            case .failure(let refusal): return .failure(refusal.error)
            case .success(let found): change = found
            }
            data.apply(change)
            data.edition += 1
            let after = UnitIndex(data)
            let recorder = Recorder(outbox: core.outbox, units: after)
            try UnitStore.apply(change, known: before.all.count, in: tx)
            try ReorganisationStore.keep(change, of: id, in: tx)
            for rank in change.ended + change.created.map(\.rank) + change.moved.map(\.unit) {
                try recorder.tell(rank, before: before, by: author, in: tx)
            }
            let work = ReorganisationWork(change: change, after: after)
            let effect = try work.run(in: tx, progress: core.progress.reporting("applies", former.event.title)) {
                before, next in
                try recorder.move(before, to: next.stays, by: author, in: tx)
                try ReorganisationStore.keep(
                    .init(
                        subject: before.id, former: Following.tail(before.stays, from: change.on),
                        given: Following.tail(next.stays, from: change.on)), isHamlet: true, of: id, in: tx)
            } team: { before, next in
                try recorder.move(before, to: next, by: author, in: tx)
                try ReorganisationStore.keep(
                    .init(
                        subject: before.id, former: Following.tail(Following.stays(of: before), from: change.on),
                        given: Following.tail(Following.stays(of: next), from: change.on)), isHamlet: false, of: id,
                    in: tx)
            }
            listed.event.state = .applied
            listed.event.version += 1
            listed.event.updatedAt = author.now
            try recorder.update(listed.event, before: former.event, by: author, in: tx)
            try FeedRetelling.find(
                after, told: change.endedSet.union(change.moved.map(\.unit)), today: today, in: tx)
            tx.afterCommit { core.catalogue.replace(with: after) }
            let message = try work.message(effect, in: tx)
            return .success(
                .with {
                    $0.reorganisation = listed.message
                    $0.effect = message
                })
        }
    }
}
