import Testing

@testable import HTTP2

/// Above the limit one stream goes on, and always one that is there.
@Suite struct InboundBudgetTests {
    /// Holds more than it may, with the first stream going on and two that wait.
    private static func full() -> InboundBudget {
        var budget = InboundBudget(limit: 100)
        #expect(budget.changed(by: 200, stream: 9, needsMore: true).isEmpty)
        #expect(budget.credit(10, to: 1) == 10)
        #expect(budget.credit(20, to: 3) == 0)
        #expect(budget.credit(30, to: 5) == 0)
        return budget
    }

    @Test(arguments: [0, -5])
    func `who may go on and ends makes room for the next, whether it held anything or not`(change: Int) {
        var budget = Self.full()
        let free = budget.changed(by: change, stream: 1, needsMore: false)
        #expect(free.map(\.stream) == [3] && free.map(\.credit) == [20])
        #expect(budget.credit(7, to: 3) == 7)
        #expect(budget.credit(7, to: 5) == 0)
    }

    @Test func `who has ended while it waited is never the next`() {
        var budget = Self.full()
        #expect(budget.changed(by: 0, stream: 3, needsMore: false).map(\.stream) == [3])
        #expect(budget.changed(by: 0, stream: 1, needsMore: false).map(\.stream) == [5])
    }

    @Test func `below the limit all get what they were refused`() {
        var budget = Self.full()
        let free = budget.changed(by: -150, stream: 9, needsMore: false)
        #expect(free.map(\.stream) == [3, 5] && free.map(\.credit) == [20, 30])
    }
}
