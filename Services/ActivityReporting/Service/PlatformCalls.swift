import RPC
import ServiceKit
import Shared
import SwiftProtobuf

extension Cdt_Activity_V1_ListPlatformsRequest: PagedRequest {}

/// The calls of `cdt.activity.v1.PlatformService`.
struct PlatformHandlers: Cdt_Activity_V1_PlatformService.ServiceProtocol {
    let base: ActivityReportingHandlers
    private var reporting: Reporting { base.reporting }

    func setPlatform(_ request: Cdt_Activity_V1_SetPlatformRequest, context: ServerContext) async throws
        -> Cdt_Activity_V1_SetPlatformResponse
    {
        var check = Violations()
        let platform = request.platform
        let unit = check.name(platform.unit, of: "units", "platform.unit", required: false)
        check.code(platform.code, "platform.code")
        _ = check.text(platform.displayName, "platform.display_name", max: 200)
        check.require(
            Cdt_Activity_V1_PlatformKind.allCases.contains(platform.kind) && platform.kind != .unspecified,
            "platform.kind", "is not a value of the contract", vi: "không phải giá trị của giao diện")
        check.days(platform.validFrom, platform.validTo, "platform")
        try await base.admit(.unit(.administer, unit, reporting.clock.today), context: context)
        try check.refuse()
        let id = UUIDv7.next(at: reporting.clock.now)
        let caller = base.caller(context)
        return try await base.once(try RequestIDs.key(request.requestID, of: request, context)) { keeper in
            try Reporting.setPlatform(platform, id: id, by: caller, keeper)
                .map { platform in .with { $0.platform = platform } }
        }
    }

    func getPlatform(_ request: Cdt_Activity_V1_GetPlatformRequest, context: ServerContext) async throws
        -> Cdt_Activity_V1_GetPlatformResponse
    {
        var check = Violations()
        let id = check.name(request.name, of: "platforms", "name") ?? ""
        // Catalogues are for everybody who has to do with reports.
        try await base.admit(.somewhere(.read), context: context)
        try check.refuse()
        let platform = try reporting.platform(id)
        return .with { $0.platform = platform }
    }

    func listPlatforms(_ request: Cdt_Activity_V1_ListPlatformsRequest, context: ServerContext) async throws
        -> Cdt_Activity_V1_ListPlatformsResponse
    {
        typealias Method = Cdt_Activity_V1_PlatformService.Method
        var check = Violations()
        let unit = check.name(request.unit, of: "units", "unit", required: false)
        let date = check.date(request.date, "date", required: false)
        try await base.admit(.somewhere(.read), context: context)
        try check.refuse()
        let page = try base.pageTokens.page(of: request, Method.listPlatforms, size: 100)
        let after = page.position.flatMap { $0.count == 2 ? (code: $0[0], id: $0[1]) : nil } ?? ("", "")
        let (found, next) = try await reporting.platforms(unit: unit, date: date, after: after, limit: page.size)
        let token = try next.map {
            try base.pageTokens.token(after: [$0.code, $0.id], of: request, Method.listPlatforms)
        }
        return .with {
            $0.platforms = found
            $0.nextPageToken = token ?? ""
        }
    }
}

extension Violations {
    /// A code, as counters and platforms have them.
    mutating func code(_ text: String, _ field: String) {
        require(
            ReportCheck.isCode(text), field, "must be 1 to 64 of a-z, 0-9 and underscore",
            vi: "cần 1 đến 64 ký tự a-z, 0-9 và gạch dưới")
    }

    /// First and last day of a validity, each of which may be open.
    mutating func days(_ from: String, _ to: String, _ field: String) {
        let first = date(from, "\(field).valid_from", required: false)
        let last = date(to, "\(field).valid_to", required: false)
        if let first, let last {
            require(
                first <= last, "\(field).valid_to", "must not be before valid_from", vi: "không được trước ngày bắt đầu"
            )
        }
    }
}
