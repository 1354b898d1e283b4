import ServiceKit

/// R4, R5 and R7 over values: may this membership stand beside those?
package enum MembershipRules {
    /// A membership to be recorded or changed.
    package struct Candidate: Sendable, Hashable {
        package var id: UniqueID
        package var team: UniqueID
        package var level: TeamLevel
        package var role: MemberRole
        package var range: DateRange
    }

    /// A membership of the same person, with the level of its team.
    package struct OfPerson: Sendable, Hashable {
        package var membership: Membership
        package var level: TeamLevel
    }

    package static func problems(
        _ candidate: Candidate, stretches: [TeamStretch], ofTeam: [Membership], ofPerson: [OfPerson], field: String
    ) -> [Problem] {
        var problems = runProblems(candidate, stretches: stretches, field: field)
        // R5: "at most one active LEADER".
        if candidate.role == .leader, let leader = clash(candidate, among: ofTeam.filter { $0.role == .leader }) {
            problems.append(Problem(.teamHasLeader, "\(field).role", span(leader.range)))
        }
        // R7: "in one commune team and one hamlet team at once, never twice in the same team at once".
        let inTeam = ofPerson.filter { $0.membership.team == candidate.team }.map(\.membership)
        if let same = clash(candidate, among: inTeam) {
            problems.append(Problem(.alreadyMember, "\(field).person", span(same.range)))
        } else {
            let elsewhere = ofPerson.filter { $0.level == candidate.level && $0.membership.team != candidate.team }
            if let other = clash(candidate, among: elsewhere.map(\.membership)) {
                problems.append(
                    Problem(
                        .alreadyInTeamOfLevel, "\(field).person",
                        span(other.range).merging(["team": "teams/\(other.team)"]) { first, _ in first }))
            }
        }
        return problems
    }

    /// A membership begins while its team runs.
    static func runProblems(_ candidate: Candidate, stretches: [TeamStretch], field: String) -> [Problem] {
        guard let first = candidate.range.from, let begin = stretches.first else { return [] }
        guard first >= begin.range.firstDay else {
            return [Problem(.beforeTeam, "\(field).from", ["date": begin.range.firstDay.description])]
        }
        guard let stretch = stretches.first(where: { $0.range.contains(first) }), !stretch.status.isRunning else {
            return []
        }
        return [Problem(.teamNotRunning, "\(field).from", ["date": first.description, "status": stretch.status.word])]
    }

    /// R4: "a seat is free from the day after `to`": both ends count.
    private static func clash(_ candidate: Candidate, among others: [Membership]) -> Membership? {
        others.first { $0.id != candidate.id && !$0.isVoid && $0.range.overlaps(candidate.range) }
    }

    private static func span(_ range: DateRange) -> [String: String?] {
        ["from": range.from?.description, "to": range.to?.description]
    }
}
