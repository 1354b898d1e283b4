import ServiceKit
import Shared
import Storage

/// Which difficulties are listed.
struct DifficultyQuery: Sendable {
    /// nil: wherever.
    var unit: String?
    var treeDate: LocalDate
    var team: String?
    /// Empty: all.
    var states: Set<Cdt_Activity_V1_DifficultyState> = []
    var kinds: Set<Cdt_Activity_V1_DifficultyKind> = []
    var withoutOwner = false
    var limit: Int
    /// The last one of the page before.
    var before = Cursor()

    struct Cursor: Sendable, Hashable {
        var openedAt = Int64.max
        var id = ""
    }

    func wants(_ row: DifficultyRow) -> Bool {
        (states.isEmpty || states.contains(row.state)) && (kinds.isEmpty || kinds.contains(row.kind))
            && (!withoutOwner || row.owner.isEmpty)
    }
}

/// What may be done to a difficulty.
enum DifficultyStep: Sendable {
    case assign(owner: String)
    case resolve(how: String)
    case reopen(reason: String)

    var from: Set<Cdt_Activity_V1_DifficultyState> {
        switch self {
        case .assign, .resolve: [.open]
        case .reopen: [.resolved]
        }
    }
}

extension Reporting {
    func difficulty(_ id: String) throws -> Cdt_Activity_V1_TeamDifficulty {
        let found = try database.read { tx in
            try DifficultyStore.get(id, in: tx).map { try Reporting.view($0, in: tx) }
        }
        guard let found else { throw Refusal.difficultyNotFound("difficulties/\(id)") }
        return found
    }

    private static func view(_ row: DifficultyRow, in tx: ReadTransaction) throws -> Cdt_Activity_V1_TeamDifficulty {
        row.view(teamName: try RegistryFactsStore.team(row.team, in: tx)?.name ?? "")
    }

    /// A page of difficulties, and where the next one begins; nil at the end.
    func difficulties(_ query: DifficultyQuery) async throws
        -> (page: [Cdt_Activity_V1_TeamDifficulty], next: DifficultyQuery.Cursor?)
    {
        try await database.readPooled { [maps] tx in
            var isInside: (TeamRow) -> Bool = { _ in true }
            if let unit = query.unit {
                let map = try maps.map(in: tx)
                let record = try Reporting.unit(unit, on: query.treeDate, map, in: tx)
                if record.level == .hamlet {
                    isInside = { $0.unit(on: query.treeDate) == unit }
                } else {
                    let places = Set(map.places(under: unit, on: query.treeDate).map(\.id))
                    isInside = { $0.counted.map { places.contains($0.place) } ?? false }
                }
            }
            var page: [Cdt_Activity_V1_TeamDifficulty] = []
            var (last, looked) = (query.before, 0)
            while true {
                let rows = try DifficultyStore.list(
                    team: query.team, before: (last.openedAt, last.id), limit: 500, in: tx)
                for row in rows {
                    last = .init(openedAt: row.openedAt.microseconds, id: row.id)
                    looked += 1
                    if query.wants(row), let team = try RegistryFactsStore.team(row.team, in: tx), isInside(team) {
                        page.append(row.view(teamName: team.name))
                    }
                    // A rare kind is found over several pages instead of in one long call.
                    if page.count >= query.limit || looked >= 20_000 { return (page, last) }
                }
                if rows.count < 500 { return (page, nil) }
            }
        }
    }

    static func advance(_ id: String, _ step: DifficultyStep, by caller: String, _ keeper: inout ObligationKeeper)
        throws
        -> Result<Cdt_Activity_V1_TeamDifficulty, Refusal>
    {
        guard var row = try DifficultyStore.get(id, in: keeper.tx) else {
            return .failure(.difficultyNotFound("difficulties/\(id)"))
        }
        guard step.from.contains(row.state) else { return .failure(.wrongDifficultyState(row)) }
        switch step {
        case .assign(let owner): row.owner = owner
        case .resolve(let how):
            row.state = .resolved
            row.resolution = how
        case .reopen(let reason):
            if let other = try DifficultyStore.open(row.team, row.kind, topic: row.topic, in: keeper.tx) {
                return .failure(.difficultyOpenAlready(row, other: other))
            }
            row.state = .open
            row.resolution = reason
        }
        row.changedAt = keeper.now
        row.changedBy = caller
        return .success(try view(keeper.save(row), in: keeper.tx))
    }
}

extension ObligationKeeper {
    /// Stores a difficulty with its event.
    @discardableResult
    func save(_ new: DifficultyRow) throws -> DifficultyRow {
        var row = new
        row.version += 1
        try DifficultyStore.put(row, in: tx)
        try tell(row)
        return row
    }

    /// Opens or renews what a report tells of; of a correction what the version before did not tell of.
    func tell(
        _ report: Cdt_Activity_V1_Report, after previous: Cdt_Activity_V1_Report?, of key: ObligationKey,
        version: Int64,
        unit: String, by caller: String
    ) throws {
        let known = previous?.told ?? [:]
        for (topic, difficulty) in report.told.sorted(by: { $0.key < $1.key }) where known[topic] != difficulty {
            let (kind, topic, isNew) = (difficulty.kind, topic.text, known[topic] == nil)
            if var open = try DifficultyStore.open(key.team, kind, topic: topic, in: tx) {
                let before = open
                // A late report, or a correction of one, says nothing about what has been told of since.
                if key.period >= open.lastToldIn {
                    open.severity = difficulty.severity
                    if !difficulty.text.isEmpty { open.text = difficulty.text }
                    open.lastToldIn = key.period
                }
                if isNew { open.timesTold += 1 }
                // Its followers are told what concerns them only: not that it was told of again.
                if open.fact != before.fact { try save(open) } else { try DifficultyStore.put(open, in: tx) }
                continue
            }
            // What the version before told of was opened by it, and has been overcome since.
            guard isNew else { continue }
            let severity = difficulty.severity
            let id = UUIDv8.named("\(key.id) \(version) \(difficulty.kind.rawValue) \(topic)", in: "difficulties")
            try save(
                DifficultyRow(
                    id: id.description, team: key.team, unit: unit, kind: difficulty.kind, topic: topic,
                    severity: severity, text: difficulty.text, openedBy: key, openedAt: now, lastToldIn: key.period,
                    changedAt: now, changedBy: caller))
        }
    }
}

/// What tells the difficulties of one report apart.
struct DifficultyTopic: Sendable, Hashable, Comparable {
    var kind: Int
    /// Those of the kind OTHER differ by their folded text.
    var text: String

    static func < (a: DifficultyTopic, b: DifficultyTopic) -> Bool { (a.kind, a.text) < (b.kind, b.text) }
}

extension Cdt_Activity_V1_Report {
    /// The difficulties it tells of, each once, the first of those that are the same.
    var told: [DifficultyTopic: Cdt_Activity_V1_Difficulty] {
        var told: [DifficultyTopic: Cdt_Activity_V1_Difficulty] = [:]
        for difficulty in difficulties {
            let text = difficulty.kind == .other ? String(TextFolding.fold(difficulty.text).prefix(200)) : ""
            let topic = DifficultyTopic(kind: difficulty.kind.rawValue, text: text)
            guard told[topic] == nil else { continue }
            told[topic] = difficulty
            if difficulty.severity == .unspecified { told[topic]?.severity = .medium }
        }
        return told
    }
}
