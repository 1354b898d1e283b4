import ServiceKit

/// A level of a relay; raw values are those of the contract's `RelayLevel`, and rise from the top.
enum RelayLevel: Int, Sendable, Hashable, CaseIterable {
    case provinceFocalPoints = 1
    case communeFocalPoints = 2
    case leaders = 3
    case members = 4

    /// The level of the unit whose focal points are told; nil: people of the team itself.
    var unitLevel: Int? {
        switch self {
        case .provinceFocalPoints: AudienceRecipients.provinceFocalPoints.unitLevel
        case .communeFocalPoints: AudienceRecipients.communeFocalPoints.unitLevel
        case .leaders, .members: nil
        }
    }
}

/// Tells an audience level by level: "ministry → provincial focal points → team leaders → members, with acknowledgement
/// per level".
struct Relay: Sendable, Hashable {
    /// From the top.
    var levels: [RelayLevel]
    /// Without an acknowledgement the next level is told so much later.
    var waitHours: Int

    /// The people told at one level about a team.
    struct Step: Sendable, Hashable {
        var level: RelayLevel
        var people: [String]
    }

    /// Who is told about a team at each level at which there is somebody. "Each person is told once, at their highest
    /// level."
    func steps(of team: KnownTeam, occupations: Set<Int>) -> [Step] {
        guard team.isActive else { return [] }
        var told: Set<String> = []
        return levels.compactMap { level in
            let people = candidates(level, team, occupations).filter { told.insert($0).inserted }
            return people.isEmpty ? nil : Step(level: level, people: people)
        }
    }

    private func candidates(_ level: RelayLevel, _ team: KnownTeam, _ occupations: Set<Int>) -> [String] {
        func people(_ role: Role) -> [String] { team.members.filter { $0.role == role.rawValue }.map(\.person) }
        switch level {
        case .provinceFocalPoints, .communeFocalPoints:
            return level.unitLevel.flatMap { team.focalPoints[$0] } ?? []
        case .leaders:
            let leaders = people(.leader)
            return leaders.isEmpty ? people(.deputy) : leaders
        case .members:
            return team.members.filter { occupations.isEmpty || occupations.contains($0.occupation) }.map(\.person)
        }
    }

    /// When those are told whom nobody's acknowledgement has released, with so many levels above them.
    func deadline(levelsAbove count: Int, from start: Instant) -> Instant {
        start.adding(seconds: Int64(count * waitHours) * 3_600)
    }
}
