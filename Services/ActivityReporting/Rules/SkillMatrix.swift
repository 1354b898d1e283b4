import ServiceKit
import Shared

/// What somebody can do with a skill. Raw values are the contract's `SkillLevel`.
package enum SkillLevel: Int, Sendable, Hashable, Comparable {
    case none = 1
    case aware = 2
    case uses = 3
    case canTeach = 4

    package static func < (a: SkillLevel, b: SkillLevel) -> Bool { a.rawValue < b.rawValue }
}

/// The skill matrix of a team: "member × skill × platform (aware, uses, can teach)".
package struct SkillMatrix: Sendable {
    /// A row of the matrix. The skill is a raw value of the contract's `Skill`.
    package struct Key: Sendable, Hashable, Comparable {
        package var person: String
        package var skill: Int
        package var platform: String

        package init(person: String, skill: Int, platform: String) {
            self.person = person
            self.skill = skill
            self.platform = platform
        }

        package static func < (a: Key, b: Key) -> Bool {
            (a.person, a.skill, a.platform) < (b.person, b.skill, b.platform)
        }
    }

    /// Something that tells of a level from a day on.
    package struct Evidence: Sendable, Hashable {
        package var key: Key
        package var day: LocalDate
        package var level: SkillLevel
        /// An assessment says what is so; a completed course only that it is no less.
        package var isAssessment: Bool

        package init(key: Key, day: LocalDate, level: SkillLevel, isAssessment: Bool) {
            self.key = key
            self.day = day
            self.level = level
            self.isAssessment = isAssessment
        }
    }

    package struct Entry: Sendable, Hashable {
        package var level: SkillLevel
        package var since: LocalDate
    }

    package private(set) var entries: [Key: Entry] = [:]

    /// The last assessment counts, raised by the courses completed since; of one day the assessment comes first.
    package init(_ evidence: [Evidence], on date: LocalDate) {
        let known = evidence.filter { $0.day <= date }
            .sorted { ($0.day, $0.isAssessment ? 0 : 1) < ($1.day, $1.isAssessment ? 0 : 1) }
        for piece in known {
            if let entry = entries[piece.key], !piece.isAssessment, entry.level >= piece.level { continue }
            entries[piece.key] = Entry(level: piece.level, since: piece.day)
        }
    }

    /// The best that is known of a person in a skill, whatever the platform.
    package func best(of person: String, in skill: Int) -> SkillLevel? {
        entries.filter { $0.key.person == person && $0.key.skill == skill }.map(\.value.level).max()
    }

    /// Those of some members who can teach a skill: "can anyone in this team teach each skill?"
    package func teachers(of skill: Int, among members: [String]) -> [String] {
        members.filter { best(of: $0, in: skill) == .canTeach }
    }
}
