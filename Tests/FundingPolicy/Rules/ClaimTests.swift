import FundingPolicy
import ServiceKit
import Testing

@Suite struct ClaimTests {
    private func rules(_ policy: Policy = Sample.daNang2024()) -> ExpenseRules {
        ExpenseRules(policy: policy, component: policy.components[0])
    }

    private func item(_ date: String, _ amount: Int64, submitted: String = "", workDays: [WorkDay] = []) -> ExpenseItem
    {
        ExpenseItem(
            id: date, date: day(date), amount: amount, workDays: workDays,
            submittedOn: day(submitted.isEmpty ? date : submitted))
    }

    @Test func daNang2024() throws {
        var rules = rules()
        let items = [
            item("2024-08-05", 400_000), item("2024-08-12", 900_000), item("2024-10-15", 1_500_000),
            item("2024-12-20", 1_200_000),
        ]
        let decided = try items.map { try rules.decide($0, team: Sample.team(), coverage: Coverage()) }
        #expect(decided.map(\.due) == [0, 900_000, 1_500_000, 600_000])
        #expect(decided.map(\.reasons.ordered) == [[.outOfPeriod], [], [], [.cap]])
        #expect(decided.last?.cutByTeam == 600_000)
        #expect(decided.reduce(0) { $0 + $1.due } == 3_000_000)
    }

    @Test func daNang2025LeavesWhatIsNotClaimedToLapse() throws {
        var rules = rules()
        #expect(
            try rules.decide(item("2025-05-05", 2_100_000), team: Sample.team(), coverage: Coverage()).due == 2_100_000)
        #expect(try rules.leftInYear(2025) == 900_000)
    }

    @Test func claimsAreTakenUntilTheEndOfJanuary() throws {
        var rules = rules()
        let last = item("2024-11-01", 100_000, submitted: "2025-01-31")
        let late = item("2024-11-02", 100_000, submitted: "2025-02-01")
        #expect(try rules.decide(last, team: Sample.team(), coverage: Coverage()).due == 100_000)
        let refused = try rules.decide(late, team: Sample.team(), coverage: Coverage())
        #expect(refused.due == 0)
        #expect(refused.reasons.ordered == [.lateClaim])
    }

    @Test func anExpenseOnADayTheTeamIsNotActiveIsRefused() throws {
        var rules = rules()
        let team = Sample.team(activeFrom: "2024-09-10")
        let refused = try rules.decide(item("2024-09-09", 1), team: team, coverage: Coverage())
        #expect(refused.reasons.ordered == [.notActive])
        #expect(try rules.decide(item("2024-09-10", 1), team: team, coverage: Coverage()).due == 1)
    }

    @Test func theDailyCeilingComesBeforeTheYearlyOneAndCountsAllClaims() throws {
        var rules = rules()
        let twoPersons = ["people/1", "people/2"].map { WorkDay(person: $0, date: day("2024-09-02")) }
        let first = try rules.decide(
            item("2024-09-02", 70_000, workDays: twoPersons), team: Sample.team(), coverage: Coverage())
        #expect(first.due == 70_000)
        let second = try rules.decide(
            item("2024-09-02", 70_000, workDays: twoPersons), team: Sample.team(), coverage: Coverage())
        #expect(second.due == 30_000)
        #expect(second.cutByDay == 40_000)
        #expect(second.reasons.ordered == [.cap])
        #expect(try rules.leftInYear(2024) == 2_900_000)
    }

    @Test func aWorkedDayIsPaidOncePerPersonAndOnlyWhenActive() throws {
        let policy = Sample.binhDuong()
        var rules = ExpenseRules(policy: policy, component: policy.components[1])
        let sheet = [
            WorkDay(person: "people/1", date: day("2024-05-01")), WorkDay(person: "people/1", date: day("2024-05-01")),
            WorkDay(person: "people/1", date: day("2024-05-02")), WorkDay(person: "people/2", date: day("2024-04-30")),
            WorkDay(person: "people/2", date: day("2024-06-01")),
        ]
        let item = item("2024-06-01", 0, workDays: sheet)
        let paid: Set = [WorkDay(person: "people/1", date: day("2024-05-02"))]
        let decided = try rules.decideDays(item, team: Sample.team(), coverage: Coverage(), paid: paid) {
            $0.date >= day("2024-05-01")
        }
        #expect(decided.due == 300_000)
        #expect(decided.paid.map(\.date) == [day("2024-05-01"), day("2024-06-01")])
        #expect(decided.parts.map(\.payee.person) == ["people/1", "people/2"])
        #expect(decided.parts.map(\.due) == [150_000, 150_000])
        #expect(decided.reasons.ordered == [.notActive, .cap])
    }

    @Test func expensesOfPersonsWhoAreNoMembersCountForNothing() throws {
        var rules = rules()
        let days = ["people/1", "people/2"].map { WorkDay(person: $0, date: day("2024-09-02")) }
        let decided = try rules.decide(
            item("2024-09-02", 90_000, workDays: days), team: Sample.team(), coverage: Coverage()
        ) { $0.person == "people/1" }
        #expect(decided.due == 50_000)
        #expect(decided.reasons.ordered == [.notActive, .cap])
        let none = try rules.decide(
            item("2024-09-02", 90_000, workDays: days), team: Sample.team(), coverage: Coverage()
        ) { _ in false }
        #expect(none.due == 0 && none.reasons.ordered == [.notActive])
    }
}
