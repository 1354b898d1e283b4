import ServiceKit
import Shared
import Storage
import SwiftProtobuf

/// The queue of people who may be one (R10).
package struct DuplicateCalls: Sendable {
    let core: RegistryCore
    private static let storedAtOnce = 500

    package init(core: RegistryCore) { self.core = core }

    /// Compares people recorded or changed since the last time with all others; how many, and how many pairs are new.
    @discardableResult
    package func scan(all: Bool = false) async throws -> (people: Int, found: Int) {
        let now = core.clock.now
        let (pairs, people) = try await core.database.readPooled { tx in
            // Who was recorded shortly before the last time may have become visible only after it.
            let start =
                all
                ? Instant(microseconds: 0) : try DuplicateStore.scannedUpTo(in: tx).adding(.seconds(-600))
            let people = try DuplicateStore.changed(after: start, in: tx)
            var pairs: [Duplicate] = []
            if people > 0 {
                try DuplicateStore.pairs(changedAfter: start, in: tx) { a, b in
                    guard let likeness = DuplicateRules.likeness(a, b) else { return }
                    pairs.append(
                        Duplicate(
                            id: UUIDv7.next(at: now), first: a.id, second: b.id, score: likeness.score,
                            reasons: likeness.reasons, createdAt: now))
                }
            }
            return (pairs, people)
        }
        var found = 0
        for start in stride(from: 0, to: pairs.count, by: Self.storedAtOnce) {
            let part = Array(pairs[start..<min(start + Self.storedAtOnce, pairs.count)])
            found += try await core.database.write { tx in
                try part.reduce(0) { try $0 + (DuplicateStore.insert($1, in: tx) ? 1 : 0) }
            }
        }
        if people > 0 { try await core.database.write { try DuplicateStore.setScanned(upTo: now, in: $0) } }
        return (people, found)
    }

    func scan(_ request: Cdt_Registry_V1_ScanDuplicatesRequest) async throws -> Cdt_Registry_V1_ScanDuplicatesResponse {
        let (people, found) = try await scan(all: request.all)
        return .with {
            $0.people = Int64(people)
            $0.found = Int64(found)
        }
    }

    func list(_ request: Cdt_Registry_V1_ListDuplicatesRequest, by caller: Caller) async throws
        -> Cdt_Registry_V1_ListDuplicatesResponse
    {
        var reader = RequestReader(core)
        let state =
            request.state == .unspecified ? .open : reader.value(request.state.rawValue, DuplicateState.self, "state")
        let person = request.person.isEmpty ? nil : reader.id(request.person, of: "people", "person")
        try reader.refuse()
        let page = try core.page(request, caller)
        var after: (score: Int, id: UniqueID)?
        if let position = page.position, position.count == 2, let score = Int(position[0]),
            let id = UniqueID(position[1])
        {
            after = (score, id)
        }
        let rows = try await core.database.readPooled { [after] tx in
            try DuplicateStore.list(state ?? .open, person: person, after: after, limit: page.size + 1, in: tx)
        }
        let (shown, next) = try core.tokens.cut(rows, to: page, of: request, caller.method) {
            [String($0.score), $0.id.description]
        }
        return .with {
            $0.duplicates = shown.map(\.message)
            $0.nextPageToken = next
        }
    }

    func dismiss(_ request: Cdt_Registry_V1_DismissDuplicateRequest, by caller: Caller) async throws
        -> Cdt_Registry_V1_DismissDuplicateResponse
    {
        var reader = RequestReader(core)
        let id = reader.id(request.name, of: "duplicates", "name")
        try reader.refuse()
        guard let id else { throw Refusal(.fieldMissing, "name").error }
        return try await core.write(request.requestID, of: request, by: caller) { [core] tx, author in
            guard var pair = try DuplicateStore.duplicate(id, in: tx) else {
                return .failure(Refusal(.duplicateNotFound, "name", ["value": "duplicates/\(id)"]).error)
            }
            guard pair.state == .open else { return .failure(Refusal(.duplicateDecided, "name").error) }
            let before = pair
            pair.state = .dismissed
            try DuplicateStore.set(.dismissed, of: id, in: tx)
            try core.recorder.audit(pair.name, before: before.message, after: pair.message, by: author, in: tx)
            return .success(.with { $0.duplicate = pair.message })
        }
    }
}

/// Merging people, and taking it back.
struct MergeCalls: Sendable {
    let core: RegistryCore

    func merge(_ request: Cdt_Registry_V1_MergePeopleRequest, by caller: Caller) async throws
        -> Cdt_Registry_V1_MergePeopleResponse
    {
        var reader = RequestReader(core)
        let survivor = reader.id(request.survivor, of: "people", "survivor")
        let merged = reader.id(request.merged, of: "people", "merged")
        let reason = reader.fields.line(request.reason, "reason", limit: 500, required: false)
        if let survivor, survivor == merged { reader.fields.add(Problem(.samePerson, "merged")) }
        try reader.refuse()
        guard let survivor, let merged, let reason else { throw Refusal(.fieldMissing, "merged").error }
        let id = UUIDv7.next(at: core.clock.now)
        return try await core.write(request.requestID, of: request, by: caller) { [core] tx, author in
            for (id, field) in [(survivor, "survivor"), (merged, "merged")] {
                guard let person = try PersonStore.person(id, in: tx) else {
                    return .failure(Refusal(.personNotFound, field, ["value": id.personName]).error)
                }
                if let refusal = person.refusal(field) { return .failure(refusal.error) }
            }
            guard let stays = try PersonStore.person(survivor, in: tx),
                let goes = try PersonStore.person(merged, in: tx)
            else { return .failure(Refusal(.personNotFound, "merged", ["value": merged.personName]).error) }
            let own = try MembershipStore.memberships(ofPerson: merged, in: tx)
            let problems = MergeRules.problems(
                merged: own, survivor: try MembershipStore.memberships(ofPerson: survivor, in: tx))
            if problems.contains(where: { !$0.reason.isWarning }) { return .failure(Refusal(problems).error) }
            var merge = PersonMerge(
                id: id, survivor: survivor, merged: merged, reason: reason, createdAt: author.now)
            for membership in own.map(\.membership) {
                try core.recorder.give(membership, to: stays, from: goes, by: author, in: tx)
                merge.memberships.append((membership.team, membership.id))
            }
            var led = goes
            led.mergedInto = survivor
            led.version += 1
            led.updatedAt = author.now
            try core.recorder.update(led, before: goes, by: author, in: tx)
            try PersonMergeStore.insert(merge, in: tx)
            try DuplicateStore.set(.merged, from: .open, pair: survivor, merged, in: tx)
            try core.recorder.audit(merge.name, before: nil, after: merge.message, by: author, in: tx)
            let message = merge.message
            return .success(
                .with {
                    $0.merge = message
                    $0.warnings = problems.map(\.message)
                })
        }
    }

    func unmerge(_ request: Cdt_Registry_V1_UnmergePeopleRequest, by caller: Caller) async throws
        -> Cdt_Registry_V1_UnmergePeopleResponse
    {
        var reader = RequestReader(core)
        let id = reader.id(request.name, of: "personMerges", "name")
        try reader.refuse()
        guard let id else { throw Refusal(.fieldMissing, "name").error }
        return try await core.write(request.requestID, of: request, by: caller) { [core] tx, author in
            guard var merge = try PersonMergeStore.merge(id, in: tx) else {
                return .failure(Refusal(.mergeNotFound, "name", ["value": "personMerges/\(id)"]).error)
            }
            guard !merge.isUndone else { return .failure(Refusal(.mergeUndone, "name").error) }
            guard let survivor = try PersonStore.person(merge.survivor, in: tx),
                let merged = try PersonStore.person(merge.merged, in: tx)
            else { return .failure(Refusal(.personNotFound, "name", ["value": merge.merged.personName]).error) }
            guard merged.erasedAt == nil, survivor.erasedAt == nil else {
                return .failure(Refusal(.personErased, "name").error)
            }
            let before = merge.message
            var back = merged
            back.mergedInto = nil
            back.version += 1
            back.updatedAt = author.now
            try core.recorder.update(back, before: merged, by: author, in: tx)
            for moved in merge.memberships {
                guard let membership = try MembershipStore.membership(moved.id, in: tx),
                    membership.person == survivor.id
                else { continue }
                try core.recorder.give(membership, to: back, from: survivor, by: author, in: tx)
            }
            merge.isUndone = true
            try PersonMergeStore.undo(id, in: tx)
            try DuplicateStore.set(.open, from: .merged, pair: merge.survivor, merge.merged, in: tx)
            try core.recorder.audit(merge.name, before: before, after: merge.message, by: author, in: tx)
            let message = merge.message
            return .success(.with { $0.merge = message })
        }
    }
}

extension Person {
    /// Why nothing may be done with the record any more.
    func refusal(_ field: String) -> Refusal? {
        if erasedAt != nil { return Refusal(.personErased, field) }
        if let mergedInto { return Refusal(.personMerged, field, ["survivor": mergedInto.personName]) }
        return nil
    }
}

extension Duplicate {
    var message: Cdt_Registry_V1_Duplicate {
        .with {
            $0.name = name
            $0.firstPerson = first.personName
            $0.secondPerson = second.personName
            $0.score = Int32(score)
            $0.reasons = reasons
            $0.state = .init(rawValue: state.rawValue) ?? .unspecified
            $0.createTime = createdAt.timestamp
        }
    }
}

extension PersonMerge {
    var message: Cdt_Registry_V1_PersonMerge {
        .with {
            $0.name = name
            $0.survivor = survivor.personName
            $0.merged = merged.personName
            $0.memberships = memberships.map { "\($0.team.teamName)/memberships/\($0.id)" }
            $0.reason = reason
            $0.undone = isUndone
            $0.createTime = createdAt.timestamp
        }
    }
}
