import RPC
import ServiceKit
import Shared
import Storage
import SwiftProtobuf

extension Cdt_Activity_V1_ListAchievementsRequest: PagedRequest {}

/// The calls of `cdt.activity.v1.AchievementService`.
struct AchievementHandlers: Cdt_Activity_V1_AchievementService.ServiceProtocol {
    let base: ActivityReportingHandlers
    private var reporting: Reporting { base.reporting }

    func getAchievements(_ request: Cdt_Activity_V1_GetAchievementsRequest, context: ServerContext) async throws
        -> Cdt_Activity_V1_GetAchievementsResponse
    {
        var check = Violations()
        let figures = check.figures(request.period, request.unit, "unit", request.treeDate, request.level)
        let query = check.achievements(figures, from: request.fromPeriod)
        try await base.admit(figures.need, context: context)
        try check.refuse()
        let registry = base.registry
        let achievements = try await reporting.achievements(query)
        return .with {
            $0.achievements = achievements
            $0.treeDate = figures.treeDate.description
            $0.registry = registry
        }
    }

    func listAchievements(_ request: Cdt_Activity_V1_ListAchievementsRequest, context: ServerContext) async throws
        -> Cdt_Activity_V1_ListAchievementsResponse
    {
        typealias Method = Cdt_Activity_V1_AchievementService.Method
        var check = Violations()
        let figures = check.figures(request.period, request.parent, "parent", request.treeDate, request.level)
        let query = check.achievements(figures, from: request.fromPeriod)
        let level = check.unitLevel(request.unitLevel)
        try await base.admit(figures.need, context: context)
        try check.refuse()
        let page = try base.pageTokens.page(of: request, Method.listAchievements, size: 100, maximum: 1000)
        let offset = page.offset
        let registry = base.registry
        let below = try await reporting.achievementsBelow(query, level: level, offset: offset, limit: page.size)
        let token =
            below.isLast
            ? ""
            : try base.pageTokens.token(
                after: ["\(offset + below.children.count)"], of: request, Method.listAchievements)
        return .with {
            $0.achievements = below.children
            $0.nextPageToken = token
            $0.treeDate = figures.treeDate.description
            $0.registry = registry
        }
    }

    func watchAchievements(
        _ request: Cdt_Activity_V1_WatchAchievementsRequest,
        response: ResponseWriter<Cdt_Activity_V1_WatchAchievementsResponse>, context: ServerContext
    ) async throws {
        var check = Violations()
        let figures = check.figures(request.period, request.unit, "unit", request.treeDate, .unspecified)
        let query = check.achievements(figures, from: request.fromPeriod)
        try await base.admit(figures.need, context: context)
        try check.refuse()
        try await base.watch(
            reading: { try await reporting.achievements(query) },
            telling: { achievements, registry in
                try await response.write(
                    .with {
                        $0.achievements = achievements
                        $0.treeDate = figures.treeDate.description
                        $0.registry = registry
                    })
            })
    }

    func getIndicator(_ request: Cdt_Activity_V1_GetIndicatorRequest, context: ServerContext) async throws
        -> Cdt_Activity_V1_GetIndicatorResponse
    {
        var check = Violations()
        let figures = check.figures(request.period, request.unit, "unit", request.treeDate, .unspecified)
        let query = IndicatorQuery(
            figures: figures, numerator: request.numerator, denominator: request.denominator, parts: request.parts,
            isStock: request.kind == .stock, threshold: Int64(request.threshold))
        check.code(request.numerator, "numerator")
        check.code(request.denominator, "denominator")
        for (i, part) in request.parts.enumerated() { check.code(part, "parts[\(i)]") }
        check.require(
            request.kind == .stock || request.kind == .flow, "kind", "must be STOCK or FLOW", vi: "cần STOCK hoặc FLOW")
        check.require(
            (1...10_000).contains(request.threshold), "threshold", "must be 1 to 10000 hundredths of a percent",
            vi: "cần từ 1 đến 10000 phần vạn")
        check.require(request.parts.count <= 20, "parts", "must be 20 at most", vi: "tối đa 20")
        try await base.admit(figures.need, context: context)
        try check.refuse()
        let registry = base.registry
        var reply = try await reporting.indicator(query)
        reply.treeDate = figures.treeDate.description
        reply.registry = registry
        return reply
    }

    func getParticipation(_ request: Cdt_Activity_V1_GetParticipationRequest, context: ServerContext) async throws
        -> Cdt_Activity_V1_GetParticipationResponse
    {
        var check = Violations()
        let query = check.figures(request.period, request.unit, "unit", request.treeDate, request.level)
        try await base.admit(query.need, context: context)
        try check.refuse()
        let registry = base.registry
        var reply = try await reporting.participation(query)
        reply.treeDate = query.treeDate.description
        reply.registry = registry
        return reply
    }

    func getComposition(_ request: Cdt_Activity_V1_GetCompositionRequest, context: ServerContext) async throws
        -> Cdt_Activity_V1_GetCompositionResponse
    {
        var check = Violations()
        let unit = check.name(request.unit, of: "units", "unit", required: false)
        let date = check.date(request.date, "date", required: false) ?? reporting.clock.today
        let level = check.teamLevel(request.level)
        try await base.admit(.unit(.read, unit, date, of: date), context: context)
        try check.refuse()
        let registry = base.registry
        var reply = try await reporting.composition(unit: unit, on: date, level: level)
        reply.date = date.description
        reply.registry = registry
        return reply
    }
}

extension Violations {
    fileprivate mutating func achievements(_ figures: FigureQuery, from: String) -> AchievementQuery {
        let first = month(from, "from_period", required: false) ?? figures.period
        require(
            first <= figures.period, "from_period", "must not be after period", vi: "không được sau kỳ cuối")
        return AchievementQuery(figures: figures, from: first)
    }
}
