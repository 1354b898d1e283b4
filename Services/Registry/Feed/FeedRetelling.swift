import ServiceKit
import Storage
import SwiftProtobuf
import Synchronization

/// "Feeds are filtered by grant; a unit leaving it is sent as a tombstone" — and what comes into it as a fact. The
/// filter judges an event when it is sent; so whatever comes under other units without having changed itself is told
/// once more. Done beside the reorganisation, in small transactions: a stopped process, or another replica, goes on
/// where it was. Of several replicas one tells.
final class FeedRetelling: Sendable {
    private struct Turn {
        var fence: Int64?
        var watch = ReplicaLease.Watch()
    }

    private let core: RegistryCore
    /// Nil on SQLite, where there is one replica.
    private let lease: ReplicaLease?
    private let turn = Mutex(Turn())
    /// A replica that has told nothing for so long, although there is something to tell, is taken for dead.
    private let patience: Duration
    /// Things told in one transaction.
    private static let step = 100

    init(core: RegistryCore, patience: Duration = FeedRetelling.defaultPatience) {
        self.core = core
        self.patience = patience
        lease = Self.lease(for: core.database)
    }

    static let defaultPatience = Duration.seconds(10)

    static func lease(for database: Database) -> ReplicaLease? {
        guard database.dialect == .postgres else { return nil }
        return ReplicaLease(table: "replica_turn", column: "task", key: .text("retelling"))
    }

    /// Brings the feed up to the units and the day of now, unless another replica does.
    func run() async throws {
        try await Self.find(core)
        while try await !core.database.readPooled({ try RetellingStore.isEmpty(in: $0) }) {
            guard let fence = try await takeTurn() else { return }
            do {
                try await tellSome(fence)
            } catch is ReplicaLease.Lost {
                turn.withLock { $0.fence = nil }
            }
        }
    }

    /// The fence, or nil while another replica tells.
    private func takeTurn() async throws -> Int64? {
        guard let lease else { return 0 }
        if let fence = turn.withLock({ $0.fence }) { return fence }
        let found = try await core.database.readPooled { try lease.find(in: $0) }
        guard let found, turn.withLock({ $0.watch.mayTake(found, after: patience) }) else { return nil }
        let fence = try await core.database.write { try lease.take(after: found, in: $0) }
        turn.withLock {
            $0.fence = fence
            $0.watch.forget()
        }
        return fence
    }

    /// Lets another replica go on at once, when this one stops.
    func release() async {
        guard let lease, let fence = turn.withLock({ $0.fence.take() }) else { return }
        // Without it the other waits for some seconds.
        try? await core.database.write { try lease.release(fence, in: $0) }
    }

    /// Finds what others see since the last day.
    static func find(_ core: RegistryCore) async throws {
        let today = core.clock.today
        let known = try await core.database.readPooled { try RetellingStore.border(in: $0) }
        guard known?.edition != core.units.edition || known?.today != today else { return }
        try await core.writeOnUnits { tx in try find(core.units, today: today, in: tx) }
    }

    /// Finds what others see with other units; in the transaction that changes them, so that nobody reads anything in
    /// between of which nothing is found. Units of `told` have just told of themselves.
    static func find(
        _ units: UnitIndex, told: Set<UnitRank> = [], today: LocalDate, in tx: WriteTransaction
    ) throws {
        let covers = FeedBorders.covers(units, today: today)
        // A new database tells everything for the first time.
        if let border = try RetellingStore.border(in: tx) {
            let former = try RetellingStore.covers(in: tx)
            for change in FeedBorders.changes(from: former, to: covers, units, today: today) {
                let isTold = told.contains(change.unit) && !change.isWithdrawn
                try RetellingStore.add(change, isTold: isTold, units: units, today: today, in: tx)
            }
            // The clock may have been set back.
            try RetellingStore.addMoved(after: min(border.today, today), upTo: max(border.today, today), in: tx)
        }
        try RetellingStore.set(.init(edition: units.edition, today: today), covers, in: tx)
    }

    private func tellSome(_ fence: Int64) async throws {
        let author = Author(actor: "registry", action: "RetellFacts", now: core.clock.now)
        // Everything told has its own row changed, and its entry in the list removed: a reorganisation or another write
        // that touches the same thing at the same time conflicts with that, and one of the two runs again. So the view
        // of a snapshot is enough, of which PostgreSQL need not remember what was read: it has room for some thousand
        // pages in all, and would keep those of every step until the longest transaction ends.
        try await core.writeOnUnits(isolation: .snapshot) { [core, lease] tx in
            try lease?.keep(fence, in: tx)
            for retelling in try RetellingStore.take(Self.step, in: tx) {
                try core.recorder.tellAgain(retelling, by: author, in: tx)
                try RetellingStore.remove(retelling, in: tx)
            }
        }
    }
}

extension Recorder {
    /// Tells a fact that has not changed under a new version, which makes readers look at it. Not in the audit: nothing
    /// was written about the thing itself.
    func tellAgain(_ retelling: Retelling, by author: Author, in tx: WriteTransaction) throws {
        let withdraws = retelling.isWithdrawn
        switch retelling.kind {
        case .unit:
            guard let rank = units.rank(of: retelling.subject), !units[rank].isVoid else { return }
            let name = retelling.subject.unitName
            if withdraws {
                try publishTombstone(
                    Self.facts, name, try UnitStore.nextVersion(of: rank, in: tx), by: author, in: tx)
            }
            try publish(
                Self.facts, name, try UnitStore.nextVersion(of: rank, in: tx), units.fact(rank), by: author, in: tx)
        case .hamlet:
            guard let hamlet = try HamletStore.hamlet(retelling.subject, in: tx) else { return }
            let version = try tellAgain(
                hamlet.id.unitName, hamlet.version, units.fact(hamlet), withdraws, by: author, in: tx)
            try HamletStore.setVersion(version, of: hamlet.id, in: tx)
        case .team:
            guard let team = try TeamStore.team(retelling.subject, in: tx) else { return }
            let version = try tellAgain(team.id.teamName, team.version, units.fact(team), withdraws, by: author, in: tx)
            try TeamStore.setRetold(team.id, upTo: version, in: tx)
            try tellMemberships(of: team.id, withdraws, by: author, in: tx)
        case .memberships: try tellMemberships(of: retelling.subject, withdraws, by: author, in: tx)
        }
    }

    private func tellMemberships(of team: UniqueID, _ withdraws: Bool, by author: Author, in tx: WriteTransaction)
        throws
    {
        for (membership, person) in try MembershipStore.membershipsWithPeople(ofTeam: team, in: tx) {
            let version = try tellAgain(
                membership.resourceName, membership.version, membership.fact(of: person), withdraws, by: author, in: tx)
            try MembershipStore.setRetold(membership.id, upTo: version, in: tx)
        }
    }

    /// The version of what was told last.
    private func tellAgain(
        _ name: String, _ version: Int64, _ fact: some Message, _ withdraws: Bool, by author: Author,
        in tx: WriteTransaction
    ) throws -> Int64 {
        var version = version + 1
        if withdraws {
            try publishTombstone(Self.facts, name, version, by: author, in: tx)
            version += 1
        }
        try publish(Self.facts, name, version, fact, by: author, in: tx)
        return version
    }

    /// A team's memberships are seen by those who see the team; and where it was put somewhere else than it had been
    /// said before, nothing tells any more who saw it there. A place of a later day is told when that day comes.
    func noteMove(
        of team: UniqueID, from former: [CommuneStay], to stays: [CommuneStay], today: LocalDate,
        in tx: WriteTransaction
    ) throws {
        let withdraws = isWithdrawn(from: former, to: stays)
        guard withdraws || former.deciding(on: today)?.commune != stays.deciding(on: today)?.commune else { return }
        try RetellingStore.add(
            Retelling(subject: team, kind: withdraws ? .team : .memberships, isWithdrawn: withdraws), in: tx)
    }

    func noteMove(
        ofHamlet hamlet: UniqueID, from former: [CommuneStay], to stays: [CommuneStay], in tx: WriteTransaction
    )
        throws
    {
        guard isWithdrawn(from: former, to: stays) else { return }
        try RetellingStore.add(Retelling(subject: hamlet, kind: .hamlet, isWithdrawn: true), in: tx)
    }

    private func isWithdrawn(from former: [CommuneStay], to stays: [CommuneStay]) -> Bool {
        !Set(former.map(\.commune)).isSubset(of: stays.map(\.commune))
    }
}
