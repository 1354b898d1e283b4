import ServiceKit
import Shared
import Storage

/// Finds what a need is about, and asks the caller's reach. Only for callers whose grants are narrower than the nation:
/// what does not exist is denied to them like what is not theirs.
struct AccessGate {
    let core: RegistryCore
    let reach: Reach
    private var units: UnitIndex { reach.units }

    func allows(_ need: AccessNeed) throws -> Bool {
        try core.database.read { try allows(need, in: $0) }
    }

    private func allows(_ need: AccessNeed, in tx: ReadTransaction) throws -> Bool {
        switch need {
        case .somewhere(let verb): return reach.has(verb)
        case .nation: return false
        case .unit(let verb, let name, let date):
            guard let day = day(date) else { return false }
            return try allows(verb, unit: name, on: day, in: tx)
        case .subtree(let verb, let name, let date, let tree):
            guard let day = day(date), let treeDay = tree.isEmpty ? day : LocalDate(tree), let unit = coded(name)
            else { return false }
            return reach.allows(verb, under: unit, date: day, tree: treeDay)
        case .code(let verb, let code, let date):
            guard let day = day(date) else { return false }
            switch units.resolve(code: code, on: day) {
            case .unit(let rank): return reach.allows(verb, on: rank, date: day)
            case .notInForce(let last): return reach.allows(verb, on: last, date: units[last].validity.lastDay)
            case .unknown: return false
            }
        case .anyUnit(let verb, let names, _):
            return try names.contains { try !$0.isEmpty && allows(verb, unit: $0, on: reach.today, in: tx) }
        case .team(let verb, let key, let date):
            guard let day = day(date), let team = try team(key, in: tx) else { return false }
            return reach.allows(verb, at: Following.stays(of: team), date: day)
        case .membership(let verb, let key):
            guard let membership = try membership(key, in: tx) else { return false }
            return try allows(verb, team: membership.team, in: tx)
        case .person(let verb, let key, let extent):
            guard let person = try person(key, in: tx) else { return false }
            return try allows(verb, person: person, extent, in: tx)
        case .duplicate(let verb, let name):
            guard let id = id(name, "duplicates"), let pair = try DuplicateStore.duplicate(id, in: tx) else {
                return false
            }
            return try allows(verb, people: [pair.first, pair.second], in: tx)
        case .merge(let verb, let name):
            guard let id = id(name, "personMerges"), let merge = try PersonMergeStore.merge(id, in: tx) else {
                return false
            }
            return try allows(verb, people: [merge.survivor, merge.merged], in: tx)
        case .grant(let verb, let name):
            guard let id = id(name, "grants"), let grant = try GrantStore.grant(id, in: tx),
                let unit = units.rank(of: grant.unit)
            else { return false }
            return reach.allows(verb, on: unit, date: reach.today)
        case .agency(let verb, let name):
            guard let id = id(name, "agencies"), let agency = try ProgrammeStore.agency(id, in: tx),
                let unit = agency.unit.flatMap(units.rank(of:))
            else { return false }
            return reach.allows(verb, on: unit, date: reach.today)
        case .batch(let verb, let name):
            guard reach.has(verb), let id = id(name, "importBatches"),
                let batch = try ImportBatchStore.batch(id, in: tx)
            else { return false }
            return batch.belongs(to: reach.subject)
        case .subject(let verb, let subject, let unit):
            if !subject.isEmpty, subject == reach.subject { return true }
            return try allows(verb, unit: unit, on: reach.today, in: tx)
        }
    }

    // MARK: What requests name

    private func source(_ key: Cdt_Registry_V1_SourceKey) -> SourceKey {
        SourceKey(system: key.sourceSystem, externalID: key.externalID)
    }

    private func day(_ text: String) -> LocalDate? { text.isEmpty ? reach.today : LocalDate(text) }

    private func id(_ name: String, _ collection: String) -> UniqueID? {
        ResourceName.uniqueID(name, in: collection)
    }

    private func coded(_ name: String) -> UnitRank? {
        name.isEmpty || name == "units/vn" ? UnitIndex.nation : id(name, "units").flatMap(units.rank(of:))
    }

    private func team(_ key: AccessNeed.Key, in tx: ReadTransaction) throws -> Team? {
        switch key {
        case .name(let name): try id(name, "teams").flatMap { try TeamStore.team($0, in: tx) }
        case .source(let key): try TeamStore.team(source(key), in: tx)?.team
        }
    }

    private func membership(_ key: AccessNeed.Key, in tx: ReadTransaction) throws -> Membership? {
        switch key {
        case .name(let name):
            try ResourceName.ids(name, in: "teams", "memberships").flatMap { UniqueID($0.inner) }
                .flatMap { try MembershipStore.membership($0, in: tx) }
        case .source(let key): try MembershipStore.membership(source(key), in: tx)?.membership
        }
    }

    private func person(_ key: AccessNeed.Key, in tx: ReadTransaction) throws -> Person? {
        switch key {
        case .name(let name): try id(name, "people").flatMap { try PersonStore.person($0, in: tx) }
        case .source(let key): try PersonStore.person(source(key), in: tx)
        }
    }

    // MARK: Places of things

    private func allows(_ verb: AccessVerb, unit name: String, on day: LocalDate, in tx: ReadTransaction) throws -> Bool
    {
        if let unit = coded(name) { return reach.allows(verb, on: unit, date: day) }
        guard let id = id(name, "units") else { return false }
        return try allows(verb, place: id, on: day, in: tx)
    }

    /// A unit with a code, or a hamlet.
    private func allows(_ verb: AccessVerb, place id: UniqueID, on day: LocalDate, in tx: ReadTransaction) throws
        -> Bool
    {
        if let unit = units.rank(of: id) { return reach.allows(verb, on: unit, date: day) }
        guard let hamlet = try HamletStore.hamlet(id, in: tx) else { return false }
        return reach.allows(verb, at: hamlet.stays, date: day)
    }

    func allows(_ verb: AccessVerb, team id: UniqueID, in tx: ReadTransaction) throws -> Bool {
        guard let team = try TeamStore.team(id, in: tx) else { return false }
        return reach.allows(verb, at: Following.stays(of: team), date: reach.today)
    }

    private func allows(_ verb: AccessVerb, people ids: [UniqueID], in tx: ReadTransaction) throws -> Bool {
        try ids.allSatisfy { id in
            try PersonStore.person(id, in: tx).map { try allows(verb, person: $0, .allPlaces, in: tx) } ?? false
        }
    }

    /// A person is where they live and work, and where they are or were a member; one who was merged, where the other
    /// is.
    func allows(_ verb: AccessVerb, person: Person, _ extent: AccessNeed.Extent, in tx: ReadTransaction) throws -> Bool
    {
        var teams: Set<UniqueID> = []
        var places: Set<UniqueID> = []
        for person in try [person]
            + (person.mergedInto.flatMap { try PersonStore.person($0, in: tx) }.map { [$0] } ?? [])
        {
            teams.formUnion(try MembershipStore.memberships(ofPersonAlone: person.id, in: tx).map(\.team))
            places.formUnion([person.residenceUnit, person.workUnit].compactMap(\.self))
        }
        guard !teams.isEmpty || !places.isEmpty else { return false }
        switch extent {
        case .anyPlace:
            return try teams.contains { try allows(verb, team: $0, in: tx) }
                || places.contains { try allows(verb, place: $0, on: reach.today, in: tx) }
        case .allPlaces:
            return try teams.allSatisfy { try allows(verb, team: $0, in: tx) }
                && places.allSatisfy { try allows(verb, place: $0, on: reach.today, in: tx) }
        }
    }
}
