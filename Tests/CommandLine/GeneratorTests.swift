import Foundation
import TestSupport
import Testing

@testable import CommandLine

@Suite(.ownThread) struct GeneratorTests {
    static let units = Result { try UnitTables(directory: #require(UnitTables.defaultDirectory())) }

    @Test(arguments: [("2024-08-12", 10_595), ("2024-10-01", 10_542), ("2026-10-01", 3_321)])
    func theCountryHasExactlyTheTeamsAndMembersOfThePublishedTotals(day: String, communes: Int) throws {
        let data = try NationalData(units: Self.units.get(), asOf: day)
        var teams = 0
        var members = 0
        var communeTeams: Set<String> = []
        var overLimit: [String] = []
        var withoutLeader: [String] = []
        var late: [String] = []
        var phones: Set<String> = []
        var mails: Set<String> = []
        var ids: Set<String> = []
        data.forEachTeam { team in
            teams += 1
            members += team.members.count
            if team.level == .commune { communeTeams.insert(team.communeCode) }
            if team.members.count > (team.level == .commune ? 10 : 5) { overLimit.append(team.id) }
            if team.members.map(\.role).prefix(2) != [.leader, .deputy] { withoutLeader.append(team.id) }
            if team.established > day || team.established < "2022-03-01" { late.append(team.id) }
            for member in team.members {
                phones.insert(member.phone)
                mails.insert(member.email)
                ids.insert(member.id)
            }
        }
        #expect(data.communes.count == communes)
        #expect(teams == 93_524)
        #expect(members == 457_820)
        #expect(communeTeams.count == data.communes.count)
        #expect(overLimit.isEmpty)
        #expect(withoutLeader.isEmpty)
        #expect(late.isEmpty, "no team is established after the day of the data")
        #expect(phones.count == members)
        #expect(mails.count == members)
        #expect(ids.count == members)
    }

    @Test func aChoiceOfProvincesHasTheSameTeamsAsTheWholeCountry() throws {
        let data = try NationalData(units: Self.units.get(), asOf: "2024-10-01")
        var whole: [GeneratedTeam] = []
        data.forEachTeam { if ["42", "08"].contains($0.provinceCode) { whole.append($0) } }
        var chosen: [GeneratedTeam] = []
        try NationalData(units: Self.units.get(), asOf: "2024-10-01").forEachTeam(provinces: ["42", "08"]) {
            chosen.append($0)
        }
        #expect(chosen == whole)
        #expect(chosen.count { $0.provinceCode == "42" && $0.level == .commune } == 216)
    }

    @Test func anotherSeedGivesOtherPeople() throws {
        func first(seed: String) throws -> GeneratedTeam? {
            var team: GeneratedTeam?
            try NationalData(units: Self.units.get(), asOf: "2024-10-01", seed: seed).forEachTeam(provinces: ["42"]) {
                if team == nil { team = $0 }
            }
            return team
        }
        let one = try #require(try first(seed: "1"))
        #expect(try one == first(seed: "1"))
        #expect(try one != first(seed: "2"))
    }

    @Test func hamletsAreNamedAsInTheirRegion() throws {
        var words: [String: Set<String>] = [:]
        var names: [String: Int] = [:]
        let data = try NationalData(units: Self.units.get(), asOf: "2024-10-01")
        data.forEachTeam(provinces: ["11", "42", "66", "79", "92"]) { team in
            guard team.level == .hamlet else { return }
            names["\(team.communeCode)/\(team.hamlet)", default: 0] += 1
            words[team.provinceCode, default: []].insert(String(team.hamlet.split(separator: " ")[0]))
        }
        #expect(words["11"] == ["Bản", "Tổ"])
        #expect(words["42"] == ["Thôn", "Tổ"])
        #expect(words["66"]?.isSuperset(of: ["Buôn", "Thôn"]) == true)
        #expect(words["79"] == ["Ấp", "Khu"])
        #expect(words["92"] == ["Ấp", "Khóm", "Khu"])
        #expect(names.values.allSatisfy { $0 == 1 }, "a hamlet's name is unique within its commune")
    }

    @Test func filesReadBackAsTheyWereWrittenAndPassTheCheck() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("generator-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        let units = try Self.units.get()
        let data = try NationalData(units: units, asOf: "2024-10-01")
        let month = try #require(ReportMonth("2024-10"))
        let counts = try DataFiles(folder: folder).write(data, provinces: ["42"], reports: [ReportRows(month: month)])
        let check = try DataCheck(folder: folder, units: units, asOf: "2024-10-01", whole: false)
        #expect(check.problems == [])
        #expect(check.teams == counts.teams)
        #expect((1_850...1_950).contains(counts.teams), "about 1,900 teams in Hà Tĩnh")
        #expect(counts.reportRows == counts.members)
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted() == [
                "members.csv", "reports-2024-10.csv", "teams.csv",
            ])

        // The check must notice a damaged file.
        let members = folder.appendingPathComponent("members.csv")
        var lines = try String(contentsOf: members, encoding: .utf8).split(separator: "\n")
        lines.removeLast()
        try lines.joined(separator: "\n").write(to: members, atomically: true, encoding: .utf8)
        #expect(try !DataCheck(folder: folder, units: units, asOf: "2024-10-01", whole: false).problems.isEmpty)
    }

    @Test func reportsSayLateOnlyAfterTheDueDay() throws {
        let month = try #require(ReportMonth("2024-12"))
        let rows = ReportRows(month: month)
        var counts: [String: Int] = [:]
        var wrong: [[String]] = []
        try NationalData(units: Self.units.get(), asOf: "2024-12-31").forEachTeam(provinces: ["42"]) { team in
            for row in rows.rows(of: team) {
                counts[row[2], default: 0] += 1
                let fits =
                    switch row[2] {
                    case ReportRows.submitted: row[3] >= "2024-12-28" && row[3] <= "2025-01-05"
                    case ReportRows.late: row[3] >= "2025-01-06"
                    default: row[3].isEmpty
                    }
                if !fits { wrong.append(row) }
            }
        }
        let all = Double(counts.values.reduce(0, +))
        #expect(wrong.isEmpty)
        #expect((0.66...0.74).contains(Double(counts[ReportRows.submitted] ?? 0) / all))
        #expect((0.14...0.22).contains(Double(counts[ReportRows.notSubmitted] ?? 0) / all))
    }

    @Test func aDayBeforeTheUnitDataIsRefused() throws {
        let units = try Self.units.get()
        #expect(throws: NationalPlan.Infeasible.self) {
            _ = try NationalPlan(units: units, asOf: "2022-04-09", seed: "1")
        }
    }
}
