import Foundation

/// Reads written files back and says what is wrong with them: totals, limits, references, uniqueness.
package struct DataCheck {
    package private(set) var teams = 0
    package private(set) var communeTeams = 0
    package private(set) var members = 0
    package private(set) var communes: Set<String> = []
    /// At most ten are kept; one is enough to fail.
    package private(set) var problems: [String] = []

    /// - Parameter whole: whether the files must hold the whole country.
    package init(folder: URL, units: UnitTables, asOf day: String, whole: Bool) throws {
        let known = Dictionary(uniqueKeysWithValues: units.communes(on: day).map { ($0.code, $0.provinceCode) })
        let expected = try readTeams(folder.appendingPathComponent("teams.csv"), provinceOfCommune: known)
        try readMembers(folder.appendingPathComponent("members.csv"), expected: expected)
        if whole {
            let found = (teams, members, communes.count)
            let wanted = (NationalPlan.teams, NationalPlan.members, known.count)
            expect(found == wanted, "teams, members and communes with teams: \(found) instead of \(wanted)")
        }
    }

    package var summary: String {
        let verdict = problems.isEmpty ? "OK" : "FAILED: " + problems.joined(separator: "; ")
        return "check: \(teams) teams (\(communeTeams) of communes), \(members) members, "
            + "\(communes.count) communes: \(verdict)"
    }

    private mutating func expect(_ condition: Bool, _ problem: @autoclosure () -> String) {
        if !condition, problems.count < 10 { problems.append(problem()) }
    }

    private mutating func readTeams(_ url: URL, provinceOfCommune: [String: String]) throws -> [String: Int] {
        let document = try CSVDocument(contentsOf: url)
        let c = try ["team_id", "level", "hamlet", "commune_code", "province_code", "member_count"].map(document.column)
        var sizes: [String: Int] = [:]
        var places: Set<String> = []
        try document.eachRecord { record in
            let f = record.fields
            let id = f[c[0]]
            let size = Int(f[c[5]]) ?? -1
            let commune = f[c[1]] == TeamRowLevel.commune.rawValue
            let limit = commune ? NationalPlan.communeTeamLimit : NationalPlan.hamletTeamLimit
            expect(sizes.updateValue(size, forKey: id) == nil, "team \(id) twice")
            expect(places.insert("\(f[c[3]])/\(f[c[2]])").inserted, "two teams in \(f[c[2]]) of commune \(f[c[3]])")
            expect((1...limit).contains(size), "team \(id) has \(size) members, the limit is \(limit)")
            expect(provinceOfCommune[f[c[3]]] == f[c[4]], "commune \(f[c[3]]) is not in province \(f[c[4]])")
            expect(commune == f[c[2]].isEmpty, "team \(id): only a hamlet team has a hamlet")
            teams += 1
            if commune { communeTeams += 1 }
            communes.insert(f[c[3]])
        }
        return sizes
    }

    private mutating func readMembers(_ url: URL, expected sizes: [String: Int]) throws {
        let document = try CSVDocument(contentsOf: url)
        let c = try ["member_id", "team_id", "role", "phone", "occupation"].map(document.column)
        let email = document.optionalColumn("email")
        var count: [String: Int] = [:]
        var leaders: [String: Int] = [:]
        var unique: (ids: Set<String>, phones: Set<String>, mails: Set<String>) = ([], [], [])
        let occupations = Set(Occupations.all)
        try document.eachRecord { record in
            let f = record.fields
            count[f[c[1]], default: 0] += 1
            if f[c[2]] == MemberRowRole.leader.rawValue { leaders[f[c[1]], default: 0] += 1 }
            expect(unique.ids.insert(f[c[0]]).inserted, "member \(f[c[0]]) twice")
            let phone = f[c[3]]
            expect(phone.utf8.count == 10 && unique.phones.insert(phone).inserted, "phone \(phone) twice or wrong")
            if let email { expect(unique.mails.insert(f[email]).inserted, "e-mail \(f[email]) twice") }
            expect(occupations.contains(f[c[4]]), "member \(f[c[0]]): unknown occupation \(f[c[4]])")
            members += 1
        }
        for (team, size) in sizes {
            expect(count[team] == size, "team \(team) has \(count[team] ?? 0) members instead of \(size)")
            expect(leaders[team] == 1, "team \(team) has \(leaders[team] ?? 0) leaders")
        }
        expect(count.count == sizes.count, "members name \(count.count) teams, teams.csv has \(sizes.count)")
    }
}
