import ChangeFeed
import RPC
import ServiceKit
import Shared
import Storage
import SwiftProtobuf

/// The calls of `cdt.activity.v1.ActivityReportingService`: read the request, ask the domain, fill the reply.
struct ActivityReportingHandlers: Cdt_Activity_V1_ActivityReportingService.ServiceProtocol {
    typealias Method = Cdt_Activity_V1_ActivityReportingService.Method

    let reporting: Reporting
    let pageTokens: PageTokens
    let gatherer: SubmissionGatherer
    /// How old the facts of the Registry are.
    let freshness: @Sendable () -> FeedFreshness

    init(reporting: Reporting, pageTokens: PageTokens, freshness: @escaping @Sendable () -> FeedFreshness) {
        self.reporting = reporting
        self.pageTokens = pageTokens
        self.freshness = freshness
        gatherer = SubmissionGatherer { try await reporting.submit($0) }
    }

    /// Asked for before the answer is read: facts that come in between make the answer newer than it says, never older.
    var registry: Cdt_Common_V1_Freshness {
        let known = freshness()
        return .with {
            $0.source = "registry"
            if let asOf = known.asOf { $0.asOf = Instant(microseconds: asOf).timestamp }
            $0.connected = known.isConnected
        }
    }

    /// A write with a request id over obligations: the same request gets the same answer.
    func once<Reply: Message & Sendable>(
        _ key: RequestIDs.Key?,
        _ body: @escaping @Sendable (inout ObligationKeeper) throws -> Result<Reply, ServiceError>
    ) async throws -> Reply {
        try await reporting.keep { keeper in
            let (tx, now) = (keeper.tx, keeper.now)
            return try RequestIDs.once(key, in: tx, now: now) { try body(&keeper) }
        }.get()
    }

    func caller(_ context: ServerContext) -> String { context.identity?.subject ?? "" }
}

extension Violations {
    /// The key in `obligations/{id}` or `reports/{id}`.
    mutating func key(_ name: String, of collection: String, _ field: String = "name") -> ObligationKey {
        let before = all.count
        let key = self.name(name, of: collection, field).flatMap(ObligationKey.init(id:))
        if key == nil, all.count == before {
            add(
                field, reason: "INVALID_NAME",
                "is not of the form \(collection)/YYYY-MM.{team id} or with .{person id}",
                vi: "không có dạng \(collection)/YYYY-MM.{mã tổ} hoặc thêm .{mã người}")
        }
        return key ?? ObligationKey(period: Month(index: 0), team: "", person: "")
    }
}
