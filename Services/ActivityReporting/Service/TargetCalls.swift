import RPC
import ServiceKit
import Shared
import SwiftProtobuf

extension Cdt_Activity_V1_ListTargetsRequest: PagedRequest {}
extension Cdt_Activity_V1_ListTargetStandingsRequest: PagedRequest {}

/// The calls of `cdt.activity.v1.TargetService`.
struct TargetHandlers: Cdt_Activity_V1_TargetService.ServiceProtocol {
    typealias Method = Cdt_Activity_V1_TargetService.Method

    let base: ActivityReportingHandlers
    private var reporting: Reporting { base.reporting }

    func createTarget(_ request: Cdt_Activity_V1_CreateTargetRequest, context: ServerContext) async throws
        -> Cdt_Activity_V1_CreateTargetResponse
    {
        var check = Violations()
        let target = request.target
        let unit = check.name(target.unit, of: "units", "target.unit", required: false)
        check.target(target)
        try await base.admit(.unit(.administer, unit, reporting.clock.today), context: context)
        try check.refuse()
        let id = UUIDv7.next(at: reporting.clock.now)
        let caller = base.caller(context)
        return try await base.once(try RequestIDs.key(request.requestID, of: request, context)) { keeper in
            try Reporting.createTarget(target, id: id, by: caller, keeper)
                .map { target in .with { $0.target = target } }
        }
    }

    func endTarget(_ request: Cdt_Activity_V1_EndTargetRequest, context: ServerContext) async throws
        -> Cdt_Activity_V1_EndTargetResponse
    {
        var check = Violations()
        let id = check.name(request.name, of: "targets", "name") ?? ""
        let last = check.date(request.validTo, "valid_to", required: false) ?? reporting.clock.today
        try await base.admit(.somewhere(.administer), context: context)
        try check.refuse()
        let unit = ResourceName.id(try reporting.target(id).unit, in: "units")
        try await base.admit(.unit(.administer, unit, reporting.clock.today), context: context)
        return try await base.once(try RequestIDs.key(request.requestID, of: request, context)) { keeper in
            try Reporting.endTarget(id, on: last, keeper).map { target in .with { $0.target = target } }
        }
    }

    func getTarget(_ request: Cdt_Activity_V1_GetTargetRequest, context: ServerContext) async throws
        -> Cdt_Activity_V1_GetTargetResponse
    {
        var check = Violations()
        let id = check.name(request.name, of: "targets", "name") ?? ""
        // What units aim at is for everybody who has to do with reports; how far they are is not.
        try await base.admit(.somewhere(.read), context: context)
        try check.refuse()
        let target = try reporting.target(id)
        return .with { $0.target = target }
    }

    func listTargets(_ request: Cdt_Activity_V1_ListTargetsRequest, context: ServerContext) async throws
        -> Cdt_Activity_V1_ListTargetsResponse
    {
        var check = Violations()
        let unit = check.name(request.unit, of: "units", "unit", required: false)
        try await base.admit(.somewhere(.read), context: context)
        try check.refuse()
        let page = try base.pageTokens.page(of: request, Method.listTargets, size: 100)
        let found = try await reporting.targets(unit: unit, before: page.position?.first, limit: page.size + 1)
        let (targets, token) = try base.pageTokens.cut(found, to: page, of: request, Method.listTargets) {
            [ResourceName.lastID($0.name)]
        }
        return .with {
            $0.targets = targets
            $0.nextPageToken = token
        }
    }

    func getTargetStanding(_ request: Cdt_Activity_V1_GetTargetStandingRequest, context: ServerContext) async throws
        -> Cdt_Activity_V1_GetTargetStandingResponse
    {
        let query = try await query(request.name, request.unit, "unit", request.date, .init(), context)
        let registry = base.registry
        let standing = try await reporting.standing(query)
        return .with {
            $0.target = query.target
            $0.standing = standing
            $0.date = query.date.description
            $0.registry = registry
        }
    }

    func listTargetStandings(_ request: Cdt_Activity_V1_ListTargetStandingsRequest, context: ServerContext) async throws
        -> Cdt_Activity_V1_ListTargetStandingsResponse
    {
        var check = Violations()
        let level = check.unitLevel(request.unitLevel)
        check.require(level != .hamlet, "unit_level", "must be COMMUNE or above", vi: "cần cấp xã trở lên")
        let query = try await query(request.name, request.parent, "parent", request.date, check, context)
        let page = try base.pageTokens.page(of: request, Method.listTargetStandings, size: 100)
        let offset = page.offset
        let registry = base.registry
        let found = try await reporting.standings(
            below: query, level: level, reachedOnly: request.reachedOnly, offset: offset, limit: page.size)
        let token =
            found.isLast
            ? ""
            : try base.pageTokens.token(after: ["\(offset + found.seen)"], of: request, Method.listTargetStandings)
        return .with {
            $0.standings = found.page
            $0.nextPageToken = token
            $0.target = query.target
            $0.date = query.date.description
            $0.registry = registry
        }
    }

    private func query(
        _ name: String, _ unit: String, _ field: String, _ date: String, _ check: Violations, _ context: ServerContext
    ) async throws -> StandingQuery {
        var check = check
        let id = check.name(name, of: "targets", "name") ?? ""
        let unit = check.name(unit, of: "units", field, required: false)
        let day = check.date(date, "date", required: false) ?? reporting.clock.today
        try await base.admit(.somewhere(.read), context: context)
        try check.refuse()
        let target = try reporting.target(id)
        let asked = unit ?? ResourceName.id(target.unit, in: "units")
        try await base.admit(.unit(.read, asked, day, of: day), context: context)
        return StandingQuery(target: target, unit: unit, date: day, field: field)
    }
}

extension Violations {
    fileprivate mutating func target(_ target: Cdt_Activity_V1_Target) {
        _ = text(target.displayName, "target.display_name", max: 200)
        require(
            (1...10_000).contains(target.threshold), "target.threshold", "must be 1 to 10000 hundredths of a percent",
            vi: "cần từ 1 đến 10000 phần vạn")
        _ = date(target.validFrom, "target.valid_from")
        days(target.validFrom, target.validTo, "target")
        require(target.parts.count <= 20, "target.parts", "must be 20 at most", vi: "tối đa 20")
        switch target.measure {
        case .stocks, .flows:
            code(target.numerator, "target.numerator")
            code(target.denominator, "target.denominator")
            for (i, part) in target.parts.enumerated() { code(part, "target.parts[\(i)]") }
        case .communesWithTeam:
            require(
                target.numerator.isEmpty && target.denominator.isEmpty && target.parts.isEmpty, "target.numerator",
                "must be empty, as denominator and parts: communes are counted, not counters",
                vi: "cần để trống tử số, mẫu số và thành phần: chỉ tiêu này đếm xã")
        default:
            add(
                "target.measure", "must be STOCKS, FLOWS or COMMUNES_WITH_TEAM",
                vi: "cần một cách đo có trong giao diện")
        }
    }
}
