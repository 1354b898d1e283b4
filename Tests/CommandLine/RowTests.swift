import Foundation
import Shared
import Testing

@testable import CommandLine

@Suite struct RowTests {
    private func document(_ text: String) throws -> CSVDocument { try CSVDocument(Array(text.utf8), file: "t.csv") }

    private static let teamHeader =
        "team_id,level,name,hamlet,commune_code,province_code,established,member_count"

    @Test func aTeamRowCarriesPlaceAndDecision() throws {
        let document = try document(
            Self.teamHeader + ",decision\n18070-001,thon,\"Tổ Thôn 1, Xã A\",Thôn 1,18070,42,2022-05-08,5,46/QĐ-UBND\n")
        let row = try TeamRows(document).row(document.records()[0])
        #expect(row.externalID == "18070-001")
        #expect(row.level == .hamlet)
        #expect(row.displayName == "Tổ Thôn 1, Xã A")
        #expect(row.hamlet == "Thôn 1")
        #expect(row.communeCode == "18070")
        #expect(row.provinceCode == "42")
        #expect(row.established == "2022-05-08")
        #expect(row.decision.number == "46/QĐ-UBND")
        #expect(row.decision.issuedOn == "2022-05-08")
    }

    @Test func withoutADecisionColumnTheDayOfEstablishmentIsTheDecisionsWhileAnEmptyOneMeansNone() throws {
        let without = try document(Self.teamHeader + "\nT,xa,Tổ,,18070,42,2022-05-08,5\n")
        let first = try TeamRows(without).row(without.records()[0])
        #expect(first.hasDecision)
        #expect(first.decision.issuedOn == "2022-05-08")
        let empty = try document(Self.teamHeader + ",decision\nT,xa,Tổ,,18070,42,2022-05-08,5,\n")
        #expect(try !TeamRows(empty).row(empty.records()[0]).hasDecision)
    }

    @Test func aMemberRowCarriesThePerson() throws {
        let document = try document(
            """
            member_id,team_id,role,full_name,sex,birth_year,phone,occupation,youth_union,email
            T-01,T,tổ trưởng,Nguyễn Thị Ý,nữ,1990,0992000001,đoàn thể,1,y@hatinh.example

            """)
        let row = try MemberRows(document).row(document.records()[0])
        #expect(row.externalID == "T-01")
        #expect(row.teamExternalID == "T")
        #expect(row.role == .leader)
        #expect(row.fullName == "Nguyễn Thị Ý")
        #expect(row.sex == .female)
        #expect(row.birth == "1990")
        #expect(row.phones == ["0992000001"])
        #expect(row.occupation == .massOrganisation)
        #expect(row.organisations == ["Đoàn Thanh niên"])
        #expect(row.email == "y@hatinh.example")
    }

    @Test func aWordNobodyKnowsIsRefusedWithTheWordsThatAreKnown() throws {
        let teams = try document(Self.teamHeader + "\nT,huyen,Tổ,,18070,42,2022-05-08,5\n")
        #expect(throws: CSVError(file: "t.csv", line: 2, problem: "level huyen: write xa (commune) or thon (hamlet)")) {
            try TeamRows(teams).row(teams.records()[0])
        }
        let members = try document(
            """
            member_id,team_id,role,full_name,sex,birth_year,phone,occupation
            T-01,T,chủ tịch,A,nam,1990,0992000001,cán bộ

            """)
        #expect(throws: CSVError.self) { try MemberRows(members).row(members.records()[0]) }
    }

    @Test func everyWordOfTheFilesIsReadAndWrittenBack() {
        for occupation in Occupations.all {
            #expect(ImportFields.text(ImportFields.occupation(occupation)) == occupation)
        }
        for role in ["tổ trưởng", "tổ phó", "thành viên"] {
            #expect(ImportFields.text(ImportFields.role(role)) == role)
        }
        for sex in ["nữ", "nam"] { #expect(ImportFields.text(ImportFields.sex(sex)) == sex) }
        for level in ["xa", "thon"] { #expect(ImportFields.text(ImportFields.level(level)) == level) }
    }

    @Test func rowsAreNumberedOverBothFilesTeamsFirst() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("rows-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let teams = folder.appendingPathComponent("teams.csv")
        let members = folder.appendingPathComponent("members.csv")
        try (Self.teamHeader + "\nA,xa,Tổ A,,18070,42,2022-05-08,1\nB,xa,Tổ B,,18071,42,2022-05-08,0\n")
            .write(to: teams, atomically: true, encoding: .utf8)
        try """
        member_id,team_id,role,full_name,sex,birth_year,phone,occupation
        A-01,A,tổ trưởng,Lê Văn Ba,nam,1990,0992000001,cán bộ

        """.write(to: members, atomically: true, encoding: .utf8)
        var reader = try ImportSource(teams: teams, members: members).reader()
        var seen: [String] = []
        while let (row, origin) = try reader.next() {
            seen.append("\(row.rowNumber) \(origin.file):\(origin.line) \(row.team.externalID)\(row.member.externalID)")
        }
        #expect(seen == ["1 teams.csv:2 A", "2 teams.csv:3 B", "3 members.csv:2 A-01"])
    }

    private static let reports = """
        member_id,month,status,submitted_on,sessions,households,public_services,online_shopping,online_payment,online_safety,other_platforms
        A-01,2024-10,đã nộp,2024-11-02,1,5,2,0,1,0,3
        A-02,2024-10,nộp muộn,2024-11-07,0,2,1,0,0,0,0
        A-03,2024-10,chưa nộp,,,,,,,,

        """

    @Test func aTeamThatReportsAsOneSumsItsMembersAndIsReceivedWithTheFirst() throws {
        let month = try #require(ReportMonth("2024-10"))
        let lines = try ReportLines(document(Self.reports), month: month)
        #expect(lines.members == 3)
        #expect(lines.count == 2)
        let all = ["A-01", "A-02", "A-03"].compactMap { lines[$0] }
        let report = try #require(
            ReportDraft.report(of: all, team: "teams/a", person: "", month: month, platform: "hatinh-so"))
        #expect(report.source == .import)
        #expect(report.declaredOn == "2024-11-02")
        #expect(
            report.activities.map { "\(label($0.skill)) \($0.count) \($0.platform)" } == [
                "ONLINE_PUBLIC_SERVICES 3 ", "ONLINE_PAYMENT 1 ", "LOCAL_PLATFORM 3 hatinh-so",
            ])
        #expect(report.counters.map { "\($0.code) \($0.value)" } == ["group_sessions 1", "households_visited 7"])
        #expect(report.counters.allSatisfy { $0.kind == .flow })
    }

    @Test func whoHasSubmittedNothingHasNoReport() throws {
        let month = try #require(ReportMonth("2024-10"))
        let lines = try ReportLines(document(Self.reports), month: month)
        let own = ["A-03"].compactMap { lines[$0] }
        #expect(ReportDraft.report(of: own, team: "teams/a", person: "people/c", month: month, platform: "x") == nil)
    }

    @Test func aReportFileOfAnotherMonthOrWithBadCountsIsRefused() throws {
        let november = try #require(ReportMonth("2024-11"))
        #expect(throws: CSVError.self) { try ReportLines(document(Self.reports), month: november) }
        let october = try #require(ReportMonth("2024-10"))
        let negative = Self.reports.replacing(",1,5,2,", with: ",-1,5,2,")
        #expect(throws: CSVError(file: "t.csv", line: 2, problem: "sessions is -1; it must be a number, 0 or more")) {
            try ReportLines(document(negative), month: october)
        }
    }

    @Test func workAndCountersAreReadFromOneWord() throws {
        let work = try #require(WorkArgument(argument: "local-platform:farmer:group-session:3:vneid")).activity
        #expect(work.skill == .localPlatform)
        #expect(work.beneficiary == .farmer)
        #expect(work.channel == .groupSession)
        #expect(work.count == 3)
        #expect(work.platform == "vneid")
        for bad in ["", "online-payment", "online-payment:resident:phone:0", "x:resident:phone:1", "a:b:c:d:e:f"] {
            #expect(WorkArgument(argument: bad) == nil)
        }
        #expect(CounterArgument(argument: "e_payment_accounts:stock:12")?.counter.kind == .stock)
        for bad in ["x:12", ":flow:1", "x:flow:-1", "x:sum:1"] { #expect(CounterArgument(argument: bad) == nil) }
    }

    @Test(arguments: [
        ("2024-02", 29), ("2023-02", 28), ("2024-04", 30), ("2024-12", 31), ("1900-02", 28), ("2000-02", 29),
    ])
    func monthsKnowTheirLastDay(month: String, day: Int) throws {
        #expect(try #require(ReportMonth(month)).lastDay == day)
    }

    @Test(arguments: ["2024-13", "2024-00", "24-10", "2024-1", "2024-10-01", "x"])
    func otherTextsAreNotMonths(text: String) { #expect(ReportMonth(text) == nil) }
}
