import Synchronization

/// How far a reorganisation has come that is being applied or reverted: a country takes a while, and nothing of it is
/// to be seen in the database before all of it is.
package final class ReorganisationProgress: Sendable {
    private struct State {
        var done = 0
        var all = 0
        var told: ContinuousClock.Instant?
    }

    private let state = Mutex(State())
    private let tell: @Sendable (String) -> Void

    /// - Parameter tell: Gets a line for people, every two seconds at most.
    package init(tell: @escaping @Sendable (String) -> Void = { _ in }) { self.tell = tell }

    /// Communes done, and in all.
    package var communes: (done: Int, all: Int) { state.withLock { ($0.done, $0.all) } }

    /// What a run reports to.
    func reporting(_ verb: String, _ title: String) -> (_ done: Int, _ all: Int) -> Void {
        { [self] done, all in
            let isDue = state.withLock { state in
                state.done = done
                state.all = all
                let now = ContinuousClock.now
                guard state.told.map({ now - $0 >= .seconds(2) }) ?? true else { return false }
                state.told = now
                return true
            }
            if isDue || done == all { tell("\(verb) \(title): \(done) of \(all) communes") }
        }
    }
}
