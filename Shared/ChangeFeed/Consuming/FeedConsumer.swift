import Logging
import RPC
import Shared
import Storage
import SwiftProtobuf
import Synchronization
import Telemetry

/// Applies another service's events to this service's database: at least once on the wire, exactly once in effect.
///
/// The cursor is stored in the same transaction as the effects of the events, so a crash between the two cannot happen;
/// and a version of an aggregate that has been passed is ignored.
package final class FeedConsumer: Sendable {
    /// Every bound of a consumer, with its default.
    package struct Options: Sendable {
        /// Events in one transaction at most; 0: the server's choice.
        package var maxBatch: Int32 = 0
        package var backoff = Backoff(initial: .milliseconds(200), maximum: .seconds(10))
        /// A stream that is silent for so long is given up; heartbeats come every 10 seconds at most.
        package var silence: Duration = .seconds(30)
        /// How often `as_of` is stored while nothing else is.
        package var storeInterval: Duration = .seconds(10)
        /// With several replicas on one PostgreSQL: one that has not said for so long that it follows is taken for
        /// dead.
        package var lease: Duration = .seconds(10)

        package init() {}
    }

    /// Counters for metrics.
    package struct Statistics: Sendable {
        package var applied = 0
        package var ignored = 0
        package var batches = 0
        package var connections = 0
        package var failures = 0
    }

    private struct State {
        var cursor: String
        var freshness: FeedFreshness
        var storedAsOf: Int64?
        var lastHeard = ContinuousClock.now
        var statistics = Statistics()
    }

    package let name: String
    package let topic: String
    private let source: any FeedSource
    private let database: Database
    private let options: Options
    private let logger: Logger
    private let apply: @Sendable (FeedEvent, WriteTransaction) throws -> Void
    private let position: ConsumerPosition
    /// Nil on SQLite, where there is one replica.
    private let lease: ReplicaLease?
    private let state: Mutex<State>

    /// What every consumer's database needs.
    package static var migrations: MigrationSet { ConsumerPosition.migrations }

    /// A consumer that goes on where the one of the same name left off.
    ///
    /// - Parameters:
    ///   - name: Unique in the database, never changed.
    ///   - apply: Puts one event into the database, in the place of what was there of its aggregate. It may run more than
    ///     once before it is committed. If it throws, the batch is undone and tried again later: nothing is skipped. When
    ///     the source's history no longer reaches back to the stored cursor (it was restored from a backup), the topic is
    ///     read again from the start, and what has not come again by its end gets a tombstone.
    package init(
        name: String, source: any FeedSource, topic: String, database: Database, options: Options = Options(),
        logger: Logger,
        apply: @escaping @Sendable (FeedEvent, WriteTransaction) throws -> Void
    ) throws {
        self.name = name
        self.topic = topic
        self.source = source
        self.database = database
        self.options = options
        self.logger = logger
        self.apply = apply
        position = ConsumerPosition(name: name, topic: topic)
        lease =
            database.dialect == .postgres
            ? ReplicaLease(table: "feed_consumers", column: "name", key: .text(name)) : nil
        let stored = try database.read { [position] in try position.load(in: $0) }
        state = Mutex(
            State(
                cursor: stored?.cursor ?? "",
                freshness: FeedFreshness(
                    asOf: stored?.asOf, isConnected: false, isCaughtUp: false, problem: nil,
                    newestEvent: stored?.newestEvent, isComplete: stored?.isRestarting == false),
                storedAsOf: stored?.asOf))
    }

    /// As above, with another service's feed by RPC.
    package convenience init(
        name: String, client: Cdt_Feed_V1_FeedService.Client, topic: String, database: Database,
        options: Options = Options(), logger: Logger,
        apply: @escaping @Sendable (FeedEvent, WriteTransaction) throws -> Void
    ) throws {
        try self.init(
            name: name, source: RemoteFeed(client), topic: topic, database: database, options: options, logger: logger,
            apply: apply)
    }

    /// How old what has been applied is. Survives a restart.
    package var freshness: FeedFreshness { state.withLock { $0.freshness } }
    package var statistics: Statistics { state.withLock { $0.statistics } }

    /// Follows until the task is cancelled, connecting again for ever. Of several replicas one does, and the others
    /// wait for their turn. `tracer`: for a span of each batch that recorded calls have caused, with links to them.
    package func run(tracer: Tracer? = nil) async {
        var failures = 0
        var fence: Int64?
        while !Task.isCancelled {
            let before = statistics.batches
            do {
                let turn: Int64
                if let fence { turn = fence } else { turn = try await awaitTurn() }
                fence = turn
                try await followOnce(turn, tracer)
                disconnected(because: "the stream has ended")
            } catch is CancellationError where Task.isCancelled {
                break
            } catch is ReplicaLease.Lost {
                fence = nil
                disconnected(because: "another replica follows")
                continue
            } catch {
                await handle(error, fence)
            }
            failures = statistics.batches > before ? 1 : failures + 1
            // Throws when cancelled, which the loop sees.
            try? await Task.sleep(for: options.backoff.wait(attempt: failures))
        }
        disconnected(because: nil)
        // Not cancelled with the task: the next replica need not wait.
        if let lease, let fence {
            try? await Task { [database] in try await database.write { try lease.release(fence, in: $0) } }.value
        }
    }

    /// Waits until it is this replica's turn to follow; the fence.
    private func awaitTurn() async throws -> Int64 {
        guard let lease else { return 0 }
        var watch = ReplicaLease.Watch()
        while true {
            let found = try database.read { try lease.find(in: $0) }
            if let found, !watch.mayTake(found, after: options.lease) {
                try learn(isFollowed: true)
                try await Task.sleep(for: min(options.lease / 8, .seconds(1)))
                continue
            }
            let fence = try await database.write { [position] tx in
                if let found { return try lease.take(after: found, in: tx) }
                // The first time there is no row yet.
                _ = try position.id(in: tx)
                return try lease.find(in: tx).flatMap { try lease.take(after: $0, in: tx) }
            }
            watch.forget()
            guard let fence else { continue }
            try learn(isFollowed: false)
            return fence
        }
    }

    /// Takes over what is stored: by another replica, while that one follows or before this one goes on.
    private func learn(isFollowed: Bool) throws {
        let stored = try database.read { [position] in try position.load(in: $0) }
        state.withLock { state in
            state.cursor = stored?.cursor ?? ""
            state.storedAsOf = stored?.asOf
            state.freshness = FeedFreshness(
                asOf: stored?.asOf, isConnected: isFollowed, isCaughtUp: false, problem: nil,
                newestEvent: stored?.newestEvent, isComplete: stored?.isRestarting == false)
        }
    }

    /// Throws when it is no longer this replica's turn.
    private func keepTurn(_ fence: Int64) async throws {
        guard let lease else { return try await Task.sleep(for: .seconds(86_400 * 365)) }
        while true {
            try await Task.sleep(for: options.lease / 4)
            try await database.write { try lease.keep(fence, in: $0) }
        }
    }

    private func handle(_ error: any Error, _ fence: Int64?) async {
        disconnected(because: "\(error)")
        if let error = error as? RPCError, error.code == .outOfRange || FeedError.reason(of: error) == "CURSOR_EXPIRED"
        {
            logger.warning(
                "the feed's history no longer reaches the stored cursor; reading it again from the start",
                metadata: ["consumer": "\(name)", "topic": "\(topic)"])
            do {
                try await startAgain(fence)
            } catch {
                disconnected(because: "\(error)")
                logger.error(
                    "the consumer could not start again", metadata: ["consumer": "\(name)", "error": "\(error)"])
            }
            return
        }
        logger.log(
            level: Self.level(of: error), "feed interrupted",
            metadata: ["consumer": "\(name)", "topic": "\(topic)", "error": "\(error)"])
    }

    /// A source that is away comes back by itself; a token without a grant, or an event that cannot be applied, needs
    /// somebody to look.
    static func level(of error: any Error) -> Logger.Level {
        switch (error as? RPCError)?.code {
        case .unavailable, .cancelled, .deadlineExceeded, .resourceExhausted: .info
        default: .warning
        }
    }

    private func disconnected(because problem: String?) {
        state.withLock {
            $0.freshness.isConnected = false
            $0.freshness.isCaughtUp = false
            $0.freshness.problem = problem
            if problem != nil { $0.statistics.failures += 1 }
        }
    }

    /// One stream, from the stored cursor to its end.
    private func followOnce(_ fence: Int64, _ tracer: Tracer?) async throws {
        let request = Cdt_Feed_V1_FollowRequest.with {
            $0.topic = topic
            $0.cursor = state.withLock { $0.cursor }
            $0.maxBatch = options.maxBatch
        }
        state.withLock {
            $0.lastHeard = .now
            $0.statistics.connections += 1
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { [self] in
                try await source.follow(request) { response in
                    let batch = tracer.flatMap { BatchSpan(of: response.events, in: topic, tracer: $0) }
                    do {
                        try await receive(response, fence)
                    } catch {
                        batch?.end(hasFailed: true)
                        throw error
                    }
                    batch?.end(hasFailed: false)
                }
            }
            group.addTask { [self] in try await watch() }
            group.addTask { [self] in try await keepTurn(fence) }
            defer { group.cancelAll() }
            try await group.next()
        }
    }

    /// Throws when nothing has been heard for too long. A broken connection is not always told.
    private func watch() async throws {
        while true {
            try await Task.sleep(for: options.silence / 4)
            let silence = ContinuousClock.now - state.withLock { $0.lastHeard }
            guard silence < options.silence else {
                throw RPCError(code: .unavailable, message: "the feed has been silent for \(silence)")
            }
        }
    }

    private func receive(_ response: Cdt_Feed_V1_FollowResponse, _ fence: Int64) async throws {
        let asOf = response.hasAsOf ? response.asOf.microseconds : nil
        let (cursor, storedAsOf, isComplete) = state.withLock { state in
            state.lastHeard = .now
            state.freshness.isConnected = true
            return (state.cursor, state.storedAsOf, state.freshness.isComplete)
        }
        let events = response.events.map(FeedEvent.init)
        var counts = (applied: 0, ignored: 0)
        let isDue = (asOf ?? 0) - (storedAsOf ?? 0) >= options.storeInterval.microseconds
        let isSettled = !isComplete && response.caughtUp
        if !events.isEmpty || response.cursor != cursor || isDue || isSettled {
            counts = try await store(events, cursor: response.cursor, asOf: asOf, isSettled: isSettled, fence)
        }
        state.withLock { state in
            state.lastHeard = .now
            state.cursor = response.cursor
            state.freshness.isCaughtUp = response.caughtUp
            if isSettled { state.freshness.isComplete = true }
            state.freshness.problem = nil
            if let asOf {
                state.freshness.asOf = max(asOf, state.freshness.asOf ?? asOf)
                if isDue || !events.isEmpty { state.storedAsOf = asOf }
            }
            if let newest = events.last?.recordedAt { state.freshness.newestEvent = newest }
            state.statistics.batches += 1
            state.statistics.applied += counts.applied
            state.statistics.ignored += counts.ignored
        }
    }

    private func store(
        _ events: [FeedEvent], cursor: String, asOf: Int64?, isSettled: Bool, _ fence: Int64
    ) async throws -> (applied: Int, ignored: Int) {
        try await database.write { [position, apply, lease] tx in
            try lease?.keep(fence, in: tx)
            let consumer = try position.id(in: tx)
            var applied = 0
            for event in events where try position.isNew(event, for: consumer, in: tx) {
                do {
                    try apply(event, tx)
                } catch let error where !(error is StorageError) && !(error is CancellationError) {
                    // What the database throws decides whether the batch is run again, and passes as it is.
                    throw CannotApply(sequence: event.sequence, aggregate: event.aggregate, cause: error)
                }
                applied += 1
            }
            if isSettled {
                for aggregate in try position.endRestart(for: consumer, in: tx) {
                    try apply(.tombstone(of: aggregate, at: asOf ?? 0), tx)
                }
            }
            try position.store(
                cursor: cursor, asOf: asOf, newestEvent: events.last?.recordedAt, for: consumer, in: tx)
            return (applied, events.count - applied)
        }
    }

    private func startAgain(_ fence: Int64?) async throws {
        try await database.write { [position, lease] tx in
            if let fence { try lease?.keep(fence, in: tx) }
            try position.restart(for: try position.id(in: tx), in: tx)
        }
        state.withLock {
            $0.cursor = ""
            $0.freshness.asOf = nil
            $0.storedAsOf = nil
            $0.freshness.isComplete = false
        }
    }
}
