import ServiceKit
import Storage

extension Recorder {
    package func insert(
        _ event: Reorganisation, _ script: ReorganisationScript, by author: Author, in tx: WriteTransaction
    ) throws {
        try ReorganisationStore.insert(event, script, in: tx)
        try audit(event.name, before: nil, after: event.message, by: author, in: tx)
    }

    package func update(_ event: Reorganisation, before: Reorganisation, by author: Author, in tx: WriteTransaction)
        throws
    {
        try ReorganisationStore.setState(event, in: tx)
        try audit(event.name, before: before.message, after: event.message, by: author, in: tx)
    }

    /// A unit that a reorganisation began, ended or put under another parent.
    func tell(_ rank: UnitRank, before: UnitIndex, by author: Author, in tx: WriteTransaction) throws {
        let known = !before[rank].isVoid
        try told(
            units[rank].id.unitName, try UnitStore.nextVersion(of: rank, in: tx), units.fact(rank),
            before: known ? before.fact(rank) : nil, by: author, in: tx)
    }

    /// A unit that a revert took back: to those who follow it is gone.
    func untell(_ rank: UnitRank, before: UnitIndex, by author: Author, in tx: WriteTransaction) throws {
        let name = before[rank].id.unitName
        try publishTombstone(Self.facts, name, try UnitStore.nextVersion(of: rank, in: tx), by: author, in: tx)
        try audit(name, before: before.fact(rank), after: nil, by: author, in: tx)
    }

    /// A hamlet in other communes.
    func move(_ hamlet: Hamlet, to stays: [CommuneStay], by author: Author, in tx: WriteTransaction) throws {
        var next = hamlet
        next.stays = stays
        next.version += 1
        try HamletStore.move(next, in: tx)
        try told(next.id.unitName, next.version, units.fact(next), before: units.fact(hamlet), by: author, in: tx)
        try noteMove(ofHamlet: hamlet.id, from: hamlet.stays, to: stays, in: tx)
    }

    /// A team in other places; the team as it is stored.
    @discardableResult
    func move(_ team: Team, to moved: Team, by author: Author, in tx: WriteTransaction) throws -> Team {
        var next = moved
        next.version = team.version + 1
        next.updatedAt = author.now
        try update(next, before: team, by: author, in: tx)
        return next
    }
}
