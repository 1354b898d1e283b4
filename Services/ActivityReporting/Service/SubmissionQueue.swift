/// Reports on their way from a stream into transactions: what has arrived by the time the last transaction is durable
/// goes into the next one, however the client has cut its messages.
actor SubmissionQueue {
    /// Reports in one message at most.
    static let messageLimit = 500
    /// Reports in one transaction at most: some tens of milliseconds, so that other writers wait little.
    private static let batchLimit = 500
    /// Reports that may wait before the client is no longer read from.
    private static let room = 1_000

    private var waiting: [Submission] = []
    private var isFinished = false
    private var taker: CheckedContinuation<Void, Never>?
    private var giver: CheckedContinuation<Void, Never>?

    /// Adds reports; returns when there is room for more. One caller at a time.
    func give(_ submissions: [Submission]) async {
        guard !isFinished else { return }
        waiting += submissions
        wake(&taker)
        while waiting.count >= Self.room, !isFinished {
            await withCheckedContinuation { giver = $0 }
        }
    }

    /// The next reports in order, as many as wait; nil at the end. One caller at a time.
    func take() async -> [Submission]? {
        while waiting.isEmpty, !isFinished {
            await withCheckedContinuation { taker = $0 }
        }
        guard !waiting.isEmpty else { return nil }
        let batch = Array(waiting.prefix(Self.batchLimit))
        waiting.removeFirst(batch.count)
        wake(&giver)
        return batch
    }

    /// Nothing more will be given; what waits can still be taken.
    func finish() {
        isFinished = true
        wake(&taker)
        wake(&giver)
    }

    /// Nothing more will be taken.
    func abandon() {
        waiting = []
        finish()
    }

    private func wake(_ waiter: inout CheckedContinuation<Void, Never>?) {
        waiter?.resume()
        waiter = nil
    }
}
