/// One invented team with its members, as the files hold it.
package struct GeneratedTeam: Sendable, Equatable {
    package let id: String
    package let level: TeamRowLevel
    package let name: String
    /// Name of the hamlet; empty for a commune team.
    package let hamlet: String
    package let communeCode: String
    package let provinceCode: String
    /// Date of the establishing decision, `YYYY-MM-DD`.
    package let established: String
    /// Number of the establishing decision.
    package let decision: String
    package let members: [GeneratedMember]

    package static let columns = [
        "team_id", "level", "name", "hamlet", "commune_code", "province_code", "established", "member_count",
        "decision",
    ]

    package var fields: [String] {
        [id, level.rawValue, name, hamlet, communeCode, provinceCode, established, "\(members.count)", decision]
    }
}

/// Level of a team, as teams.csv spells it.
package enum TeamRowLevel: String, Sendable {
    case commune = "xa"
    case hamlet = "thon"
}

/// Role of a member, as members.csv spells it.
package enum MemberRowRole: String, Sendable {
    case leader = "tổ trưởng"
    case deputy = "tổ phó"
    case member = "thành viên"
}

/// One invented member.
package struct GeneratedMember: Sendable, Equatable {
    package let id: String
    package let role: MemberRowRole
    package let fullName: String
    package let female: Bool
    package let birthYear: Int
    package let phone: String
    package let occupation: String
    package let youthUnion: Bool
    package let email: String

    package static let columns = [
        "member_id", "team_id", "role", "full_name", "sex", "birth_year", "phone", "occupation", "youth_union", "email",
    ]

    package func fields(team: GeneratedTeam) -> [String] {
        [
            id, team.id, role.rawValue, fullName, female ? "nữ" : "nam", "\(birthYear)", phone, occupation,
            youthUnion ? "1" : "0", email,
        ]
    }
}
