import RPC
import ServiceKit
import Shared
import Storage
import SwiftProtobuf

extension Cdt_Activity_V1_ListFiguresRequest: PagedRequest {}

extension ActivityReportingHandlers {
    func getFigures(_ request: Cdt_Activity_V1_GetFiguresRequest, context: ServerContext) async throws
        -> Cdt_Activity_V1_GetFiguresResponse
    {
        var check = Violations()
        let query = check.figures(request.period, request.unit, "unit", request.treeDate, request.level)
        try await admit(query.need, context: context)
        try check.refuse()
        let registry = registry
        let (figures, pending) = try await reporting.figures(query)
        return .with {
            $0.figures = figures
            $0.treeDate = query.treeDate.description
            $0.registry = registry
            $0.pendingTeams = Int64(pending)
        }
    }

    func listFigures(_ request: Cdt_Activity_V1_ListFiguresRequest, context: ServerContext) async throws
        -> Cdt_Activity_V1_ListFiguresResponse
    {
        var check = Violations()
        let query = check.figures(request.period, request.parent, "parent", request.treeDate, request.level)
        let level = check.unitLevel(request.unitLevel)
        try await admit(query.need, context: context)
        try check.refuse()
        let page = try pageTokens.page(of: request, Method.listFigures, size: 500, maximum: 5000)
        let offset = page.offset
        let registry = registry
        let below = try await reporting.figuresBelow(query, level: level, offset: offset, limit: page.size)
        let token =
            below.isLast
            ? ""
            : try pageTokens.token(
                after: ["\(offset + below.children.count)"], of: request, Method.listFigures)
        return .with {
            $0.figures = below.children
            $0.nextPageToken = token
            $0.parent = below.parent
            $0.treeDate = query.treeDate.description
            $0.registry = registry
            $0.pendingTeams = Int64(below.pending)
        }
    }

    func watchFigures(
        _ request: Cdt_Activity_V1_WatchFiguresRequest, response: ResponseWriter<Cdt_Activity_V1_WatchFiguresResponse>,
        context: ServerContext
    ) async throws {
        var check = Violations()
        let query = check.figures(request.period, request.unit, "unit", request.treeDate, .unspecified)
        try await admit(query.need, context: context)
        try check.refuse()
        try await watch(
            reading: { try await self.reporting.figures(query).figures },
            telling: { figures, registry in
                try await response.write(
                    .with {
                        $0.figures = figures
                        $0.treeDate = query.treeDate.description
                        $0.registry = registry
                    })
            })
    }

    /// Tells a value that comes from figures, and each later one that differs, with the age of the Registry's facts in
    /// it.
    func watch<Value: Equatable>(
        reading read: () async throws -> Value, telling tell: (Value, Cdt_Common_V1_Freshness) async throws -> Void
    ) async throws {
        // Listening before the first look: what is committed after it is an element here. The interval is for the
        // clock, which turns what is due into what is missing.
        var commits = reporting.database.commits(on: FigureStore.channel, every: .seconds(30)).makeAsyncIterator()
        var last: Value?
        repeat {
            let registry = registry
            let value = try await read()
            if value != last { try await tell(value, registry) }
            // Many commits in a moment are told of once.
            if last != nil { try await Task.sleep(for: .milliseconds(500)) }
            last = value
        } while await commits.next() != nil
    }
}

extension FigureQuery {
    /// What a caller must be allowed who asks for these.
    var need: AccessNeed { .unit(.read, unit, treeDate, of: period.lastDay) }
}

extension PageTokens.Page {
    /// Rows before this page, in a list that is numbered.
    var offset: Int { position?.first.flatMap { Int($0) } ?? 0 }
}

extension Violations {
    /// Nil for the level that follows below.
    mutating func unitLevel(_ level: Cdt_Registry_V1_UnitLevel) -> UnitLevel? {
        let known = UnitLevel(rawValue: level.rawValue)
        require(
            known != nil || level == .unspecified, "unit_level", "is not a value of the contract",
            vi: "không phải giá trị của giao diện")
        return known
    }

    mutating func figures(
        _ period: String, _ unit: String, _ unitField: String, _ treeDate: String, _ level: Cdt_Common_V1_TeamLevel
    ) -> FigureQuery {
        let month = month(period, "period") ?? Month(index: 0)
        let unit = name(unit, of: "units", unitField, required: false)
        let date = date(treeDate, "tree_date", required: false)
        return FigureQuery(period: month, unit: unit, treeDate: date ?? month.lastDay, level: teamLevel(level))
    }

    /// Nil for teams of both levels.
    mutating func teamLevel(_ level: Cdt_Common_V1_TeamLevel) -> TeamLevel? {
        let known = TeamLevel(rawValue: level.rawValue)
        require(
            known != nil || level == .unspecified, "level", "is not a value of the contract",
            vi: "không phải giá trị của giao diện")
        return known
    }
}
