import Foundation
import RPC
import Shared
import Synchronization

/// Sends rows to the Registry and gathers the verdicts; goes on by itself after a broken stream.
struct ImportSession {
    struct Problem: Sendable {
        let origin: RowOrigin
        let verdict: Cdt_Common_V1_RowVerdict
    }

    struct Result: Sendable {
        var batch = ""
        var codeDate = ""
        var rows = 0
        var outcomes: [Cdt_Common_V1_RowOutcome: Int] = [:]
        var problems: [Problem] = []
        /// Rows stored by an earlier stream of the same batch; their verdicts are in the batch's report.
        var skipped: Int64 = 0
    }

    let client: Cdt_Registry_V1_ImportService.Client
    let source: ImportSource
    var header: Cdt_Registry_V1_ImportHeader
    /// A few hundred rows a message is best.
    static let rowsPerMessage = 500
    /// Streams that may break one after another without a single new verdict in between.
    static let attempts = 6

    mutating func run(progress: ProgressLine) async throws -> Result {
        var result = Result()
        var failures = 0
        while true {
            let before = result.rows
            do {
                try await stream(&result, progress)
                return result
            } catch let error as RPCError where error.code == .unavailable && !result.batch.isEmpty {
                failures = result.rows > before ? 1 : failures + 1
                guard failures < Self.attempts else { throw error }
                tellOnStandardError("import: the stream broke (\(error.message)); going on with \(result.batch)")
                try await Task.sleep(for: .milliseconds(200 << failures))
                header.batch = result.batch
            }
        }
    }

    /// Rows sent and not yet judged, in order.
    private final class Pending: Sendable {
        private let rows = Mutex<(queue: [(Int64, RowOrigin)], first: Int)>(([], 0))

        func append(_ number: Int64, _ origin: RowOrigin) { rows.withLock { $0.queue.append((number, origin)) } }

        /// The origin of a judged row; all rows before it are judged as well.
        func take(_ number: Int64) -> RowOrigin? {
            rows.withLock { state in
                while state.first < state.queue.count {
                    let (candidate, origin) = state.queue[state.first]
                    guard candidate <= number else { return nil }
                    state.first += 1
                    if state.first >= 4096 {
                        state.queue.removeFirst(state.first)
                        state.first = 0
                    }
                    if candidate == number { return origin }
                }
                return nil
            }
        }
    }

    private func stream(_ result: inout Result, _ progress: ProgressLine) async throws {
        let call = try await client.importRows(options: CallOptions())
        var first = Cdt_Registry_V1_ImportRowsRequest()
        first.header = header
        try await call.requests.send(first)
        var responses = call.responses.makeAsyncIterator()
        guard case .started(let started)? = try await responses.next()?.content else {
            call.cancel()
            throw RPCError(code: .internal, message: "the Registry did not begin the import with `started`")
        }
        result.batch = started.batch
        result.codeDate = started.codeDate
        result.skipped = max(result.skipped, header.batch.isEmpty ? 0 : started.resumeAfterRow)

        let pending = Pending()
        let source = source
        let sender = Task {
            do {
                try await Self.send(source, after: started.resumeAfterRow, to: call.requests, pending: pending)
            } catch {
                call.cancel()
                throw error
            }
        }
        do {
            try await withTaskCancellationHandler {
                while let response = try await responses.next() {
                    guard case .verdicts(let verdicts)? = response.content else { continue }
                    for verdict in verdicts.verdicts {
                        result.rows += 1
                        result.outcomes[verdict.outcome, default: 0] += 1
                        let origin = pending.take(verdict.rowNumber)
                        if verdict.outcome == .rejected || verdict.outcome == .warned, let origin {
                            result.problems.append(Problem(origin: origin, verdict: verdict))
                        }
                    }
                    progress.update(Int(started.resumeAfterRow) + result.rows)
                }
            } onCancel: {
                call.cancel()
            }
        } catch {
            // A fault in the file ends the stream as well, and is then the better explanation.
            sender.cancel()
            if case .failure(let cause) = await sender.result, !(cause is RPCError), !(cause is CancellationError) {
                throw cause
            }
            throw error
        }
        try await sender.value
    }

    private static func send(
        _ source: ImportSource, after: Int64, to requests: RequestWriter<Cdt_Registry_V1_ImportRowsRequest>,
        pending: Pending
    ) async throws {
        var reader = source.reader()
        var message = Cdt_Registry_V1_ImportRowsRequest()
        while let (row, origin) = try reader.next() {
            guard row.rowNumber > after else { continue }
            pending.append(row.rowNumber, origin)
            message.rows.rows.append(row)
            if message.rows.rows.count == rowsPerMessage {
                try await requests.send(message)
                message = Cdt_Registry_V1_ImportRowsRequest()
            }
        }
        if !message.rows.rows.isEmpty { try await requests.send(message) }
        requests.finish()
    }
}
