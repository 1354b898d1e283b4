import ArgumentParser
import Shared

/// `online-payment:resident:home-visit:12` or, with a platform, `local-platform:resident:online:3:vneid`.
struct WorkArgument: ExpressibleByArgument {
    let activity: Cdt_Activity_V1_Activity

    init?(argument: String) {
        let parts = argument.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 4 || parts.count == 5,
            let skill = enumValue(Cdt_Activity_V1_Skill.self, parts[0]),
            let beneficiary = enumValue(Cdt_Activity_V1_BeneficiaryKind.self, parts[1]),
            let channel = enumValue(Cdt_Activity_V1_ActivityChannel.self, parts[2]),
            let count = Int64(parts[3]), count > 0
        else { return nil }
        var activity = Cdt_Activity_V1_Activity()
        activity.skill = skill
        activity.beneficiary = beneficiary
        activity.channel = channel
        activity.count = count
        if parts.count == 5 { activity.platform = parts[4] }
        self.activity = activity
    }
}

/// `e_payment_accounts:flow:12`.
struct CounterArgument: ExpressibleByArgument {
    let counter: Cdt_Activity_V1_Counter

    init?(argument: String) {
        let parts = argument.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 3, !parts[0].isEmpty,
            let kind = enumValue(Cdt_Activity_V1_CounterKind.self, parts[1]), let value = Int64(parts[2]), value >= 0
        else { return nil }
        var counter = Cdt_Activity_V1_Counter()
        counter.code = parts[0]
        counter.kind = kind
        counter.value = value
        counter.qualifier = .exact
        self.counter = counter
    }
}

/// `infrastructure`, `infrastructure:high` or `other:low:mất điện thường xuyên`.
struct DifficultyArgument: ExpressibleByArgument {
    let difficulty: Cdt_Activity_V1_Difficulty

    init?(argument: String) {
        let parts = argument.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false).map(String.init)
        guard let kind = enumValue(Cdt_Activity_V1_DifficultyKind.self, parts[0]) else { return nil }
        var difficulty = Cdt_Activity_V1_Difficulty()
        difficulty.kind = kind
        if parts.count > 1 {
            guard let severity = enumValue(Cdt_Activity_V1_Severity.self, parts[1]) else { return nil }
            difficulty.severity = severity
        }
        if parts.count > 2 { difficulty.text = parts[2] }
        self.difficulty = difficulty
    }
}

/// What a question about a month is about: a unit, and the tree in which it is one.
struct UnitMonthArguments: ParsableArguments {
    @Argument(help: "units/{id}, vn, or a national code.")
    var unit = "vn"
    @Option(help: "YYYY-MM.")
    var month: MonthArgument
    @Option(help: "The day whose units count, and on which a code is read; default: the month's last day.")
    var treeDate = ""

    /// The resource name of the unit; empty for the country.
    func unitName(_ suite: Connections) async throws -> String {
        try await suite.unitName(unit, on: treeDate.isEmpty ? month.month.day(month.month.lastDay) : treeDate)
    }
}
