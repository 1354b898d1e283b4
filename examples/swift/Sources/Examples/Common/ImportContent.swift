import Shared
import SwiftProtobuf

/// The rows of both files, numbered through, teams first. The same files give the same numbers, so that an import can
/// go on.
struct ImportContent {
    private(set) var rows: [Cdt_Registry_V1_ImportRow] = []
    private var places: [String] = []

    init(_ folder: String) throws {
        try add("\(folder)/teams.csv") { .team(try Self.team($0)) }
        try add("\(folder)/members.csv") { .member(try Self.member($0)) }
    }

    private mutating func add(
        _ file: String, _ make: (CSVFile.Row) throws -> Cdt_Registry_V1_ImportRow.OneOf_Row
    ) throws {
        for row in try CSVFile(file).rows {
            places.append(row.place)
            let content = try make(row)
            rows.append(.with { ($0.rowNumber, $0.row) = (Int64(places.count), content) })
        }
    }

    /// Prints a verdict, and what is odd about the row.
    func tell(_ verdict: Cdt_Common_V1_RowVerdict) -> Cdt_Common_V1_RowOutcome {
        let index = Int(verdict.rowNumber) - 1
        let place = places.indices.contains(index) ? places[index] : "row \(verdict.rowNumber)"
        say("\(place)\t\(word(verdict.outcome))\t\(verdict.name)")
        for problem in verdict.problems { say("\t\(problem.reason)\t\(problem.field)\t\(problem.description_p)") }
        return verdict.outcome
    }

    private static func team(_ row: CSVFile.Row) throws -> Cdt_Registry_V1_TeamRow {
        var team = Cdt_Registry_V1_TeamRow()
        team.externalID = try row["team_id"]
        team.level = try row.meaning("level", of: ["xa": .commune, "thon": .hamlet])
        team.displayName = try row["name"]
        team.hamlet = try row["hamlet"]
        team.communeCode = try row["commune_code"]
        team.provinceCode = try row["province_code"]
        team.established = try row["established"]
        let decision = try row["decision"]
        // Without an establishing decision no allowance is due.
        if !decision.isEmpty { (team.decision.number, team.decision.issuedOn) = (decision, team.established) }
        return team
    }

    private static func member(_ row: CSVFile.Row) throws -> Cdt_Registry_V1_MemberRow {
        var member = Cdt_Registry_V1_MemberRow()
        member.externalID = try row["member_id"]
        member.teamExternalID = try row["team_id"]
        member.role = try row.meaning("role", of: roles)
        member.fullName = try row["full_name"]
        member.sex = try row.meaning("sex", of: ["": .unspecified, "nữ": .female, "nam": .male])
        member.birth = try row["birth_year"]
        member.phones = try row["phone"].split(separator: " ").map(String.init)
        member.email = try row["email"]
        member.occupation = try row.meaning("occupation", of: occupations)
        if try row["youth_union"] == "1" { member.organisations = ["Đoàn Thanh niên"] }
        return member
    }

    private static let roles: [String: Cdt_Registry_V1_MemberRole] = [
        "": .unspecified, "tổ trưởng": .leader, "tổ phó": .deputy, "thành viên": .member,
    ]
    private static let occupations: [String: Cdt_Registry_V1_Occupation] = [
        "": .unspecified, "cán bộ": .official, "giáo viên": .teacher, "công an viên": .police,
        "nhân viên y tế": .healthWorker, "đoàn thể": .massOrganisation,
        "doanh nghiệp viễn thông – công nghệ thông tin": .telecomItEnterprise,
        "người dân có kỹ năng sử dụng công nghệ số": .skilledResident,
    ]
}
