/// How many hamlet teams each commune has and how many members each team, so that the national totals of 8/2024 hold
/// to the unit: 93,524 teams and 457,820 members, at most 10 in a commune team and 5 in a hamlet team.
package struct NationalPlan: Sendable {
    package static let teams = 93_524
    package static let members = 457_820
    package static let communeTeamLimit = 10
    package static let hamletTeamLimit = 5
    /// Hoàng Sa has no civilian hamlets: a commune team only.
    private static let hoangSa = "20333"

    package struct Infeasible: Error, CustomStringConvertible {
        package let description: String
    }

    package let communes: [UnitTables.Commune]
    /// Sizes of each commune's teams, the commune team first; same order as `communes`.
    package let sizes: [[Int]]

    /// The plan always covers the whole country, so that a part of it is the same as in the whole.
    package init(units: UnitTables, asOf day: String, seed: String) throws {
        guard day >= UnitTables.firstDay else {
            throw Infeasible(
                description: "nothing is known of the units on \(day); choose \(UnitTables.firstDay) or later")
        }
        communes = units.communes(on: day)
        let hamletTeams = Self.teams - communes.count
        let most = communes.count * Self.communeTeamLimit + hamletTeams * Self.hamletTeamLimit
        guard !communes.isEmpty, hamletTeams > 0, (Self.teams...most).contains(Self.members) else {
            throw Infeasible(
                description: "\(communes.count) communes in force on \(day) cannot hold \(Self.members) members")
        }
        var random = SeededRandom("\(seed)/plan/\(day)")
        let weights = Self.weights(of: communes, units: units, asOf: day, &random)
        let hamlets = Self.apportion(hamletTeams, by: weights)
        let communeSize = WeightedTable([(10, 32), (9, 30), (8, 24), (7, 14)])
        let communeSizes = communes.map { _ in random.pick(communeSize) }
        var hamletSizes = try Self.hamletSizes(
            count: hamletTeams, members: Self.members - communeSizes.reduce(0, +), &random)[...]
        sizes = zip(communeSizes, hamlets).map { size, count in
            defer { hamletSizes = hamletSizes.dropFirst(count) }
            return [size] + hamletSizes.prefix(count)
        }
    }

    /// Communes differ; one that came out of several in 2025 has their hamlets together.
    private static func weights(
        of communes: [UnitTables.Commune], units: UnitTables, asOf day: String, _ random: inout SeededRandom
    ) -> [Double] {
        var predecessors: [String: Double] = [:]
        if day >= UnitTables.reorganisation {
            var parts: [String: Int] = [:]
            for line in units.successions { parts[line.oldCode, default: 0] += 1 }
            for line in units.successions {
                predecessors[line.newCode, default: 0] += 1 / Double(parts[line.oldCode, default: 1])
            }
        }
        return communes.map { commune in
            if commune.code == hoangSa { return 0 }
            if commune.kind == "đặc khu" { return 0.3 }
            return max(0.4, predecessors[commune.code] ?? 1) * random.between(0.7, 1.3)
        }
    }

    /// Nearly all hamlet teams are full; what is missing is taken as three and four members.
    private static func hamletSizes(count: Int, members: Int, _ random: inout SeededRandom) throws -> [Int] {
        let missing = hamletTeamLimit * count - members
        guard (0...2 * count).contains(missing) else {
            throw Infeasible(description: "\(members) members do not fit \(count) hamlet teams of 3 to 5")
        }
        var sizes = [Int](repeating: hamletTeamLimit, count: count)
        var order = Array(0..<count)
        random.shuffle(&order)
        // A third of the shortfall in threes; more of them where fours alone could not hold the rest.
        let threes = max(missing / 6, missing - count)
        for index in order[..<threes] { sizes[index] -= 2 }
        for index in order[threes..<(missing - threes)] { sizes[index] -= 1 }
        return sizes
    }

    /// Largest remainder; ties go to the earlier.
    static func apportion(_ total: Int, by weights: [Double]) -> [Int] {
        let sum = weights.reduce(0, +)
        let shares = weights.map { $0 * Double(total) / sum }
        var whole = shares.map { Int($0) }
        let left = total - whole.reduce(0, +)
        let byRemainder = shares.indices.sorted { a, b in
            let ra = shares[a] - Double(whole[a])
            let rb = shares[b] - Double(whole[b])
            return ra == rb ? a < b : ra > rb
        }
        for index in byRemainder.prefix(left) { whole[index] += 1 }
        return whole
    }
}
