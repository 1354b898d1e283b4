import ServiceKit
import Shared
import Storage
import SwiftProtobuf

/// The calls about people. Reads of personal data leave a line in the audit, committed before the data leave (R11).
struct PeopleCalls: Sendable {
    let core: RegistryCore

    func create(_ request: Cdt_Registry_V1_CreatePersonRequest, by caller: Caller) async throws
        -> Cdt_Registry_V1_CreatePersonResponse
    {
        var reader = RequestReader(core)
        let now = core.clock.now
        let draft = read(request.person, into: blank(now), &reader)
        let source = reader.source(request.person.sourceSystem, request.person.externalID, "person")
        try reader.refuse()
        guard var person = draft else { throw Refusal(.fieldMissing, "person").error }
        person.source = source
        return try await core.write(request.requestID, of: request, by: caller) { [core, person] tx, author in
            if let source, try PersonStore.person(source, in: tx) != nil {
                return .failure(
                    Refusal(
                        .externalIDTaken, "person.external_id",
                        ["sourceSystem": source.system, "externalId": source.externalID]
                    ).error)
            }
            if let refusal = try missingUnit(of: person, core: core, in: tx) { return .failure(refusal.error) }
            try core.recorder.insert(person, by: author, in: tx)
            return .success(.with { $0.person = person.message })
        }
    }

    func get(_ request: Cdt_Registry_V1_GetPersonRequest, by caller: Caller) async throws
        -> Cdt_Registry_V1_GetPersonResponse
    {
        var reader = RequestReader(core)
        var id: UniqueID?
        var source: SourceKey?
        switch request.key {
        case .name(let name): id = reader.id(name, of: "people", "name")
        case .source(let key): source = reader.source(key, "source")
        case nil: reader.fields.add(Problem(.fieldMissing, "name"))
        }
        try reader.refuse()
        let found = try core.database.read { tx in
            try id.map { try PersonStore.person($0, in: tx) } ?? source.flatMap { try PersonStore.person($0, in: tx) }
        }
        guard let person = found else {
            throw Refusal(.personNotFound, "name", ["value": id?.personName ?? source?.externalID ?? ""]).error
        }
        try await auditRead([person.id.personName], by: caller)
        return .with { $0.person = person.message }
    }

    /// "A read audit is committed before personal data leave."
    func auditRead(_ names: [String], by caller: Caller) async throws {
        let author = caller.author(now: core.clock.now)
        try await core.database.write { [core] tx in
            for name in names { try core.recorder.audit(name, before: nil, after: nil, by: author, in: tx) }
        }
    }

    func update(_ request: Cdt_Registry_V1_UpdatePersonRequest, by caller: Caller) async throws
        -> Cdt_Registry_V1_UpdatePersonResponse
    {
        var reader = RequestReader(core)
        let id = reader.id(request.person.name, of: "people", "person.name")
        try reader.refuse()
        guard let id else { throw Refusal(.fieldMissing, "person.name").error }
        return try await core.write(request.requestID, of: request, by: caller) { [self] tx, author in
            guard let before = try PersonStore.person(id, in: tx) else {
                return .failure(Refusal(.personNotFound, "person.name", ["value": id.personName]).error)
            }
            if let refusal = before.refusal("person.name") { return .failure(refusal.error) }
            if let stale = Etag.refusal(request.person.etag, version: before.version, name: id.personName) {
                return .failure(stale)
            }
            let wanted: Cdt_Registry_V1_Person
            do {
                wanted = try FieldMasks.updating(
                    before.message, with: request.person, mask: request.updateMask, field: "person",
                    immutable: [
                        "name", "source_system", "external_id", "etag", "has_citizen_id", "merged_into", "erased",
                    ])
            } catch let error as ServiceError {
                return .failure(error)
            }
            var reader = RequestReader(core)
            let changed = read(wanted, into: before, &reader)
            guard reader.fields.problems.isEmpty, var person = changed else {
                return .failure(Refusal(reader.fields.problems).error)
            }
            if request.updateMask.paths.contains("citizen_id"), wanted.citizenID.isEmpty { person.citizenHash = nil }
            if let refusal = try missingUnit(of: person, core: core, in: tx) { return .failure(refusal.error) }
            if !person.saysSame(as: before) {
                person.version += 1
                person.updatedAt = author.now
                try core.recorder.update(person, before: before, by: author, in: tx)
            }
            return .success(.with { $0.person = person.message })
        }
    }

    private func blank(_ now: Instant) -> Person {
        Person(id: UUIDv7.next(at: now), fullName: "", salt: Person.newSalt(), createdAt: now, updatedAt: now)
    }

    /// What a message says of a person, over what is known.
    private func read(_ message: Cdt_Registry_V1_Person, into known: Person, _ reader: inout RequestReader) -> Person? {
        var person = known
        let before = reader.fields.problems.count
        person.fullName = reader.fields.personName(message.fullName, "person.full_name") ?? ""
        let birth =
            message.birthDate.isEmpty ? (message.birthYear == 0 ? "" : String(message.birthYear)) : message.birthDate
        let field = message.birthDate.isEmpty ? "person.birth_year" : "person.birth_date"
        if let read = reader.fields.birth(birth, field, today: reader.today) {
            person.birthYear = read.year
            person.birthDate = read.date
            if let year = read.year, message.birthYear != 0, Int(message.birthYear) != year {
                reader.fields.add(Problem(.invalidBirth, "person.birth_year", ["value": String(message.birthYear)]))
            }
        }
        person.sex = message.sex.rawValue
        if case .UNRECOGNIZED(let raw) = message.sex {
            reader.fields.add(Problem(.unknownValue, "person.sex", ["value": String(raw)]))
        }
        person.occupation = message.occupation.rawValue
        if case .UNRECOGNIZED(let raw) = message.occupation {
            reader.fields.add(Problem(.unknownValue, "person.occupation", ["value": String(raw)]))
        }
        person.phones = message.phones.enumerated().compactMap { reader.fields.phone($1, "person.phones[\($0)]") }
        person.email = reader.fields.email(message.email, "person.email") ?? ""
        person.zaloUserIDs = message.zaloUserIds.enumerated().compactMap {
            reader.fields.line($1, "person.zalo_user_ids[\($0)]", limit: 64)
        }
        person.organisations = message.organisations.enumerated().compactMap {
            reader.fields.line($1, "person.organisations[\($0)]", limit: 100)
        }
        if !message.citizenID.isEmpty {
            if !core.citizenIDs.isConfigured {
                reader.fields.add(Problem(.citizenIDKeyMissing, "person.citizen_id"))
            } else if let digits = reader.fields.citizenID(message.citizenID, "person.citizen_id") {
                person.citizenHash = core.citizenIDs.hash(digits)
            }
        }
        person.residenceUnit = unit(message.residenceUnit, "person.residence_unit", &reader)
        person.workUnit = unit(message.workUnit, "person.work_unit", &reader)
        return reader.fields.problems.count == before ? person : nil
    }

    private func unit(_ name: String, _ field: String, _ reader: inout RequestReader) -> UniqueID? {
        guard !name.isEmpty, let unit = reader.unit(name, field) else { return nil }
        switch unit {
        case .coded(let rank): return core.units[rank].id
        case .hamlet(let id): return id
        }
    }
}

/// A unit of residence or work that does not exist.
private func missingUnit(of person: Person, core: RegistryCore, in tx: ReadTransaction) throws -> Refusal? {
    for (id, field) in [(person.residenceUnit, "person.residence_unit"), (person.workUnit, "person.work_unit")] {
        guard let id, core.units.rank(of: id) == nil else { continue }
        if try HamletStore.hamlet(id, in: tx) == nil { return Refusal(.unitNotFound, field, ["value": id.unitName]) }
    }
    return nil
}
