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
        try await admit(.unit(.read, query.unit, query.treeDate), context: context)
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
        let level = UnitLevel(rawValue: request.unitLevel.rawValue)
        check.require(
            level != nil || request.unitLevel == .unspecified, "unit_level", "is not a value of the contract",
            vi: "không phải giá trị của giao diện")
        try await admit(.unit(.read, query.unit, query.treeDate), context: context)
        try check.refuse()
        let page = try pageTokens.page(of: request, Method.listFigures, size: 500, maximum: 5000)
        let offset = page.position?.first.flatMap { Int($0) } ?? 0
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
        try await admit(.unit(.read, query.unit, query.treeDate), context: context)
        try check.refuse()
        // Listening before the first look: what is committed after it is an element here. The interval is for the clock,
        // which turns what is due into what is missing.
        let commits = reporting.database.commits(on: FigureStore.channel, every: .seconds(30))
        var last: Cdt_Activity_V1_Figures?
        func send() async throws {
            let registry = registry
            let figures = try await reporting.figures(query).figures
            guard figures != last else { return }
            last = figures
            try await response.write(
                .with {
                    $0.figures = figures
                    $0.treeDate = query.treeDate.description
                    $0.registry = registry
                })
        }
        try await send()
        for await _ in commits {
            try await send()
            try await Task.sleep(for: .milliseconds(500))
        }
    }
}

extension Violations {
    mutating func figures(
        _ period: String, _ unit: String, _ unitField: String, _ treeDate: String, _ level: Cdt_Common_V1_TeamLevel
    ) -> FigureQuery {
        let month = month(period, "period") ?? Month(index: 0)
        let unit = name(unit, of: "units", unitField, required: false)
        let date = date(treeDate, "tree_date", required: false)
        let teamLevel = TeamLevel(rawValue: level.rawValue)
        require(
            teamLevel != nil || level == .unspecified, "level", "is not a value of the contract",
            vi: "không phải giá trị của giao diện")
        return FigureQuery(period: month, unit: unit, treeDate: date ?? month.lastDay, level: teamLevel)
    }
}
