import Foundation

/// Synthetic teams and members over the real communes of a day. Everything about persons is invented.
///
/// Each commune has a random sequence of its own, so that any choice of provinces gives the same rows as the whole.
package struct NationalData: Sendable {
    private let plan: NationalPlan
    private let seed: String
    private let year: Int
    private let day: String
    private let phonePrefix: String
    private let phoneSpan: Int
    private let mailDomains: [String: String]

    /// - Parameter phonePrefix: 0992 is known to no operator, so no real subscriber has such a number.
    package init(units: UnitTables, asOf day: String, seed: String = "1", phonePrefix: String = "0992") throws {
        plan = try NationalPlan(units: units, asOf: day, seed: seed)
        self.seed = seed
        self.day = day
        self.phonePrefix = phonePrefix
        year = Int(day.prefix(4)) ?? 2026
        phoneSpan = (phonePrefix.count..<10).reduce(1) { span, _ in span * 10 }
        // A name under `.example` is reserved (RFC 2606): no mail can reach anybody.
        mailDomains = Dictionary(
            uniqueKeysWithValues: units.provinces(on: day).map { province in
                let bare = province.name.replacing("Thành phố ", with: "").replacing("Tỉnh ", with: "")
                return (province.code, "\(foldedToLetters(bare)).example")
            })
    }

    package var communes: [UnitTables.Commune] { plan.communes }

    /// Calls `body` for each team of the chosen provinces (empty: all), in order of commune code.
    package func forEachTeam(provinces: Set<String> = [], _ body: (GeneratedTeam) throws -> Void) rethrows {
        var serial = 0
        for (commune, sizes) in zip(plan.communes, plan.sizes) {
            defer { serial += sizes.reduce(0, +) }
            guard provinces.isEmpty || provinces.contains(commune.provinceCode) else { continue }
            var memberSerial = serial
            var random = SeededRandom("\(seed)/\(commune.code)")
            let people = PersonNames(provinceCode: commune.provinceCode)
            var hamlets = HamletNames(commune: commune, &random)
            let decisions = [decision(&random), decision(&random)]
            for (number, size) in sizes.enumerated() {
                let hamlet = number == 0 ? "" : hamlets.name(number: number, &random)
                let decision = number == 0 || random.chance(0.7) ? decisions[0] : decisions[1]
                let level: TeamRowLevel = number == 0 ? .commune : .hamlet
                let id = "\(commune.code)-\(padded(number, to: 3))"
                var members: [GeneratedMember] = []
                members.reserveCapacity(size)
                for position in 1...size {
                    members.append(
                        member(
                            id: "\(id)-\(padded(position, to: 2))", position: position, level: level,
                            serial: memberSerial, provinceCode: commune.provinceCode, people: people, &random))
                    memberSerial += 1
                }
                let place = number == 0 ? commune.name : "\(hamlet), \(commune.name)"
                try body(
                    GeneratedTeam(
                        id: id, level: level, name: "Tổ công nghệ số cộng đồng \(place)",
                        hamlet: hamlet, communeCode: commune.code, provinceCode: commune.provinceCode,
                        established: decision.date, decision: decision.number, members: members))
            }
        }
    }

    /// A decision of the commune that set teams up: most in 2022, none after the day of the data.
    private func decision(_ random: inout SeededRandom) -> (date: String, number: String) {
        let years = [2022, 2022, 2022, 2023, 2024]
        var date = ""
        repeat {
            let month = 3 + random.below(10)
            let dayOfMonth = 1 + random.below(28)
            date = "\(random.pick(years))-\(padded(month, to: 2))-\(padded(dayOfMonth, to: 2))"
        } while date > day
        return (date, "\(12 + random.below(240))/QĐ-UBND")
    }

    private func member(
        id: String, position: Int, level: TeamRowLevel, serial: Int, provinceCode: String, people: PersonNames,
        _ random: inout SeededRandom
    ) -> GeneratedMember {
        let leads = position == 1
        let female = random.chance(leads ? 0.28 : 0.46)
        var occupation = random.pick(level == .commune ? Occupations.ofCommuneTeams : Occupations.ofHamletTeams)
        let age: Int
        if leads, level == .commune {
            occupation = Occupations.official
            age = 36 + random.below(22)
        } else if leads {
            // Field reports: the leaders of hamlet teams are mostly elderly.
            occupation = random.pick(Occupations.ofHamletLeaders)
            age = random.chance(0.62) ? Int(random.triangular(60, 79, mode: 64)) : 34 + random.below(26)
        } else {
            age = random.chance(0.38) ? 18 + random.below(13) : Int(random.triangular(31, 68, mode: 41))
        }
        let youthUnion = (18...30).contains(age) && random.chance(0.8)
        if youthUnion, random.chance(0.45) { occupation = Occupations.massOrganisation }
        let name = people.fullName(female: female, &random)
        // 387,421 has no factor in common with a power of ten, so that no number comes twice.
        let phone = (serial * 387_421 + 104_729) % phoneSpan
        return GeneratedMember(
            id: id, role: leads ? .leader : position == 2 ? .deputy : .member, fullName: name, female: female,
            birthYear: year - age, phone: phonePrefix + padded(phone, to: 10 - phonePrefix.count),
            occupation: occupation, youthUnion: youthUnion,
            email: "\(foldedToLetters(name)).\(padded(serial, to: 6))@\(mailDomains[provinceCode] ?? "vn.example")")
    }
}

/// Occupations of members, as members.csv spells them.
package enum Occupations {
    package static let official = "cán bộ"
    package static let massOrganisation = "đoàn thể"
    package static let all = [
        official, "giáo viên", "công an viên", "nhân viên y tế", massOrganisation,
        "doanh nghiệp viễn thông – công nghệ thông tin", "người dân có kỹ năng sử dụng công nghệ số",
    ]
    static let ofCommuneTeams = WeightedTable(Array(zip(all, [30, 12, 10, 9, 22, 11, 6])))
    static let ofHamletTeams = WeightedTable(Array(zip(all, [14, 11, 11, 8, 28, 3, 25])))
    static let ofHamletLeaders = WeightedTable(Array(zip(all, [38, 4, 4, 3, 36, 0, 15])))
}

/// `number` in decimal with leading zeros; String(format:) is slow for half a million rows.
func padded(_ number: Int, to width: Int) -> String {
    let digits = String(number)
    return digits.count >= width ? digits : String(repeating: "0", count: width - digits.count) + digits
}

/// Lower-case letters a to z and digits only: `Đặng Thị Ý` gives `dangthiy`.
func foldedToLetters(_ text: String) -> String {
    var letters = ""
    for scalar in text.decomposedStringWithCanonicalMapping.lowercased().unicodeScalars {
        switch scalar {
        case "đ", "ð": letters.append("d")
        case "a"..."z", "0"..."9": letters.unicodeScalars.append(scalar)
        default: break
        }
    }
    return letters
}
