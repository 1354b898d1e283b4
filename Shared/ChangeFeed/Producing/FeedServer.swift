import RPC
import Shared
import Storage
import Synchronization

/// Serves a service's own events: `cdt.feed.v1.FeedService`.
package final class FeedServer: Cdt_Feed_V1_FeedService.ServiceProtocol {
    /// Every bound of a feed, with its default.
    package struct Limits: Sendable {
        /// Events in one response at most.
        package var batchEvents = 500
        /// About so many bytes in one response at most; a single larger event still goes.
        package var batchBytes = 1 << 20
        /// How often a reader that is caught up hears that it still is. The contract promises 10 seconds.
        package var heartbeat: Duration = .seconds(5)
        /// Two responses to a reader that is caught up are so far apart at least, so that commits in quick succession
        /// travel, and are applied, together.
        package var pause: Duration = .milliseconds(10)
        /// Streams served at once.
        package var followers = 256

        package init() {}
    }

    /// Counters for metrics.
    package struct Statistics: Sendable {
        package var followers = 0
        package var responses = 0
        package var events = 0
    }

    private let reader: FeedReader
    private let access: FeedAccess
    private let limits: Limits
    private let counters = Mutex(Statistics())

    package init(reader: FeedReader, access: FeedAccess, limits: Limits = Limits()) {
        self.reader = reader
        self.access = access
        self.limits = limits
    }

    package convenience init(
        database: Database, outbox: Outbox, access: FeedAccess = .everyone, limits: Limits = Limits()
    ) {
        self.init(reader: FeedReader(database: database, outbox: outbox), access: access, limits: limits)
    }

    package var statistics: Statistics { counters.withLock { $0 } }

    /// Removes the history that no reader needs any more; for a daily task. `microseconds` is now, since 1970.
    package func compact(at microseconds: Int64) async throws {
        try await reader.outbox.compact(in: reader.database, at: microseconds)
    }

    package func follow(
        _ request: Cdt_Feed_V1_FollowRequest, response: ResponseWriter<Cdt_Feed_V1_FollowResponse>,
        context: ServerContext
    ) async throws {
        do {
            // An unknown topic is told before the access to it is judged: topics are documented, not secret.
            _ = try reader.topic(request.topic)
            let filter = try await access.filter(request.topic, context)
            try await offLoop { try await self.follow(request, filter: filter) { try await response.write($0) } }
        } catch let error as FeedError {
            throw error.rpcError
        }
    }

    /// Building and encoding a batch takes far longer than a handler may hold its event loop. A new task does not
    /// inherit the preference for the loop's executor.
    private func offLoop(_ body: @escaping @Sendable () async throws -> Void) async throws {
        let task = Task { try await body() }
        try await withTaskCancellationHandler {
            try await task.value
        } onCancel: {
            task.cancel()
        }
    }

    /// Sends responses until the task is cancelled, `send` throws, or the database closes.
    package func follow(
        _ request: Cdt_Feed_V1_FollowRequest, filter: FeedFilter = .everything,
        send: (Cdt_Feed_V1_FollowResponse) async throws -> Void
    ) async throws {
        guard request.maxBatch >= 0 else {
            throw FeedError.make(
                .invalidArgument, reason: "INVALID_MAX_BATCH", field: "max_batch",
                message: "max_batch: must not be negative; 0 leaves it to the server",
                vietnamese: "max_batch không được âm; 0 để máy chủ tự chọn.")
        }
        let topic = try reader.topic(request.topic)
        try enter()
        defer { counters.withLock { $0.followers -= 1 } }
        let limit = request.maxBatch == 0 ? limits.batchEvents : min(Int(request.maxBatch), limits.batchEvents)
        var cursor = request.cursor
        // Listening before the first read: a commit after that read is an element here.
        let commits = reader.database.commits(on: topic.channel, every: limits.heartbeat)
        try await catchUp(&cursor, request.topic, limit, filter, send)
        for await _ in commits {
            try await Task.sleep(for: limits.pause)
            try await catchUp(&cursor, request.topic, limit, filter, send)
        }
        try Task.checkCancellation()
        // The database was closed: the service is stopping.
        throw RPCError(code: .unavailable, message: "the service is stopping; follow again with the last cursor")
    }

    /// Sends everything there is; the last response says so, unless something has still to be numbered, which will wake
    /// this stream again.
    private func catchUp(
        _ cursor: inout String, _ topic: String, _ limit: Int, _ filter: FeedFilter,
        _ send: (Cdt_Feed_V1_FollowResponse) async throws -> Void
    ) async throws {
        var hasMore = true
        while hasMore {
            var batch = try await reader.batch(
                topic: topic, after: cursor, events: limit, bytes: limits.batchBytes, scope: filter.scope())
            hasMore = batch.hasMore
            if batch.events.isEmpty, !batch.isCaughtUp { return }
            cursor = batch.cursor
            batch.events = try await filter.apply(batch.events)
            // Sent even when the filter left nothing: the reader's cursor moves on.
            try await send(batch.message)
            counters.withLock {
                $0.responses += 1
                $0.events += batch.events.count
            }
        }
    }

    private func enter() throws {
        let isFull = counters.withLock { counters in
            guard counters.followers < limits.followers else { return true }
            counters.followers += 1
            return false
        }
        guard !isFull else {
            throw FeedError.make(
                .resourceExhausted, reason: "TOO_MANY_FOLLOWERS", field: nil,
                message: "\(limits.followers) streams follow already; try again later",
                vietnamese: "Đã có \(limits.followers) luồng đang theo dõi; hãy thử lại sau.")
        }
    }
}
