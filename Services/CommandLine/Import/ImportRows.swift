import Foundation
import Shared

/// What a field of teams.csv or members.csv means in the contract; pure, so that every spelling has a test.
enum ImportFields {
    static func level(_ text: String) -> Cdt_Common_V1_TeamLevel {
        switch text {
        case TeamRowLevel.commune.rawValue: .commune
        case TeamRowLevel.hamlet.rawValue: .hamlet
        default: enumValue(Cdt_Common_V1_TeamLevel.self, text) ?? .unspecified
        }
    }

    static func text(_ level: Cdt_Common_V1_TeamLevel) -> String {
        level == .commune ? TeamRowLevel.commune.rawValue : TeamRowLevel.hamlet.rawValue
    }

    private static let roles: [(Cdt_Registry_V1_MemberRole, String)] = [
        (.leader, MemberRowRole.leader.rawValue), (.deputy, MemberRowRole.deputy.rawValue),
        (.member, MemberRowRole.member.rawValue),
    ]

    static func role(_ text: String) -> Cdt_Registry_V1_MemberRole {
        roles.first { $0.1 == text }?.0 ?? enumValue(Cdt_Registry_V1_MemberRole.self, text) ?? .unspecified
    }

    static func text(_ role: Cdt_Registry_V1_MemberRole) -> String { roles.first { $0.0 == role }?.1 ?? "" }

    static func sex(_ text: String) -> Cdt_Registry_V1_Sex {
        switch text {
        case "nữ": .female
        case "nam": .male
        default: enumValue(Cdt_Registry_V1_Sex.self, text) ?? .unspecified
        }
    }

    static func text(_ sex: Cdt_Registry_V1_Sex) -> String {
        switch sex {
        case .female: "nữ"
        case .male: "nam"
        default: ""
        }
    }

    private static let occupations: [(Cdt_Registry_V1_Occupation, String)] = Array(
        zip(
            [.official, .teacher, .police, .healthWorker, .massOrganisation, .telecomItEnterprise, .skilledResident],
            Occupations.all))

    static func occupation(_ text: String) -> Cdt_Registry_V1_Occupation {
        occupations.first { $0.1 == text }?.0 ?? enumValue(Cdt_Registry_V1_Occupation.self, text) ?? .unspecified
    }

    static func text(_ occupation: Cdt_Registry_V1_Occupation) -> String {
        occupations.first { $0.0 == occupation }?.1 ?? ""
    }

    /// The column `youth_union` is one organisation among those a person may be in.
    static let youthUnion = "Đoàn Thanh niên"
}

/// Rows of teams.csv as the Registry takes them.
struct TeamRows {
    private let document: CSVDocument
    private let id, level, name, hamlet, commune, province, established: Int
    private let decision: Int?

    init(_ document: CSVDocument) throws {
        self.document = document
        id = try document.column("team_id")
        level = try document.column("level")
        name = try document.column("name")
        hamlet = try document.column("hamlet")
        commune = try document.column("commune_code")
        province = try document.column("province_code")
        established = try document.column("established")
        decision = document.optionalColumn("decision")
    }

    func row(_ record: CSVDocument.Record) throws -> Cdt_Registry_V1_TeamRow {
        let f = record.fields
        var row = Cdt_Registry_V1_TeamRow()
        row.externalID = f[id]
        row.level = ImportFields.level(f[level])
        guard row.level != .unspecified else {
            throw CSVError(
                file: document.file, line: record.line,
                problem: "level \(f[level]): write xa (commune) or thon (hamlet)")
        }
        row.displayName = f[name]
        row.hamlet = f[hamlet]
        row.communeCode = f[commune]
        row.provinceCode = f[province]
        row.established = f[established]
        // A file that has no column for the decision's number still says when the team was established, which is
        // that decision's date. A column that is there and empty says that there is no decision.
        if decision.map({ !f[$0].isEmpty }) ?? !f[established].isEmpty {
            row.decision.number = decision.map { f[$0] } ?? ""
            row.decision.issuedOn = f[established]
        }
        return row
    }
}

/// Rows of members.csv as the Registry takes them.
struct MemberRows {
    private let document: CSVDocument
    private let id, team, role, name, sex, birth, phone, occupation: Int
    private let youthUnion, email, from, to: Int?

    init(_ document: CSVDocument) throws {
        self.document = document
        id = try document.column("member_id")
        team = try document.column("team_id")
        role = try document.column("role")
        name = try document.column("full_name")
        sex = try document.column("sex")
        birth = try document.column("birth_year")
        phone = try document.column("phone")
        occupation = try document.column("occupation")
        youthUnion = document.optionalColumn("youth_union")
        email = document.optionalColumn("email")
        from = document.optionalColumn("from")
        to = document.optionalColumn("to")
    }

    func row(_ record: CSVDocument.Record) throws -> Cdt_Registry_V1_MemberRow {
        let f = record.fields
        var row = Cdt_Registry_V1_MemberRow()
        row.externalID = f[id]
        row.teamExternalID = f[team]
        row.role = ImportFields.role(f[role])
        guard row.role != .unspecified else {
            throw CSVError(
                file: document.file, line: record.line,
                problem: "role \(f[role]): write tổ trưởng, tổ phó or thành viên")
        }
        row.fullName = f[name]
        row.sex = ImportFields.sex(f[sex])
        row.birth = f[birth]
        row.phones = f[phone].split(separator: " ").map(String.init)
        row.occupation = ImportFields.occupation(f[occupation])
        guard row.occupation != .unspecified || f[occupation].isEmpty else {
            throw CSVError(
                file: document.file, line: record.line,
                problem: "occupation \(f[occupation]): write one of \(Occupations.all.joined(separator: ", "))")
        }
        if let youthUnion, f[youthUnion] == "1" { row.organisations = [ImportFields.youthUnion] }
        row.email = email.map { f[$0] } ?? ""
        row.from = from.map { f[$0] } ?? ""
        row.to = to.map { f[$0] } ?? ""
        return row
    }
}
