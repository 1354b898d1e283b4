import ChangeFeed
import FundingPolicy
import Logging
import ServiceKit
import Shared
import Storage
import SwiftProtobuf
import TestSupport

/// A whole service but for its sockets: a database, the shipped policies, and a small country around the provinces that
/// pay, before and after 1/7/2025.
final class Fixture: Sendable {
    let database: Database
    let catalogue: PolicyCatalogue
    let queries: EntitlementQueries
    let runs: RunBook
    let worker: RunWorker
    let ledger: LedgerBook
    let claims: ClaimBook
    let payments: PaymentBook
    let simulations: Simulations
    let clock = SettableClock(day("2025-12-01"))

    static let freshness = Cdt_Common_V1_Freshness.with {
        $0.source = "registry"
        $0.connected = true
        $0.asOf = Instant(day("2025-12-01")).timestamp
    }

    convenience init() async throws {
        try await self.init(
            TestDatabase.open(
                [FundingSchema.migrations, RequestIDs.migrations, PageTokens.migrations, Outbox.migrations]))
    }

    /// Over a database that may have been used before.
    init(_ database: Database) async throws {
        self.database = database
        let tokens = try await PageTokens.load(from: database)
        let freshness: @Sendable () -> Cdt_Common_V1_Freshness = { Fixture.freshness }
        catalogue = PolicyCatalogue(database: database, pageTokens: tokens, clock: clock.clock)
        queries = EntitlementQueries(database: database, freshness: freshness)
        let outbox = try await Outbox.open([RunWorker.topic], in: database)
        runs = RunBook(database: database, outbox: outbox, pageTokens: tokens, clock: clock.clock)
        worker = RunWorker(
            database: database, outbox: outbox, clock: clock.clock, freshness: freshness, logger: Logger(label: "test"))
        ledger = LedgerBook(database: database, pageTokens: tokens, clock: clock.clock)
        claims = ClaimBook(database: database, pageTokens: tokens, clock: clock.clock)
        payments = PaymentBook(database: database, outbox: outbox, pageTokens: tokens, clock: clock.clock)
        simulations = Simulations(queries: queries)
        try await ShippedPolicies.load(into: database, now: clock.now)
        try await apply(Fixture.country)
    }

    // MARK: Facts

    func apply(_ facts: [any Message]) async throws {
        try await database.write { transaction in
            for fact in facts { try RegistryCopy.apply(Fixture.event(fact), in: transaction) }
        }
    }

    static func event(_ fact: any Message) throws -> FeedEvent {
        FeedEvent(
            sequence: 1, aggregate: "", version: 1, recordedAt: 0, type: type(of: fact).protoMessageName,
            payload: try fact.serializedBytes())
    }

    static let old = ("", "2025-06-30")
    static let new = ("2025-07-01", "")

    static func unit(
        _ id: String, _ level: Cdt_Registry_V1_UnitLevel, _ name: String, code: String = "", _ valid: (String, String),
        in placements: [(String, String, String)], successors: [String] = []
    ) -> Cdt_Registry_V1_UnitFact {
        .with {
            $0.unit.name = "units/\(id)"
            $0.unit.level = level
            $0.unit.displayName = name
            $0.unit.code = code
            $0.unit.validFrom = valid.0
            $0.unit.validTo = valid.1
            $0.unit.successors = successors.map { "units/\($0)" }
            $0.placements = placements.map { parent, from, to in
                .with {
                    $0.parent = "units/\(parent)"
                    $0.from = from
                    $0.to = to
                }
            }
        }
    }

    /// A province, one district, one commune and one hamlet; from 1/7/2025 the commune is `NAME-new` in `becomes`.
    static func province(_ id: String, _ name: String, code: String, becomes: String, keeps: Bool = false)
        -> [Cdt_Registry_V1_UnitFact]
    {
        [
            unit(
                id, .province, name, code: code, keeps ? ("", "") : old, in: [("vn", "", keeps ? "" : "2025-06-30")],
                successors: keeps ? [] : [becomes]),
            unit("\(id)-district", .district, "Huyện \(name)", old, in: [(id, "", "2025-06-30")]),
            unit(
                "\(id)-commune", .commune, "Xã \(name)", old, in: [("\(id)-district", "", "2025-06-30")],
                successors: ["\(id)-new"]),
            unit("\(id)-new", .commune, "Xã \(name) mới", new, in: [(becomes, "2025-07-01", "")]),
            unit(
                "\(id)-hamlet", .hamlet, "Thôn \(name)", ("2020-01-01", ""),
                in: [("\(id)-commune", "2020-01-01", "2025-06-30"), ("\(id)-new", "2025-07-01", "")]),
        ]
    }

    static let country: [any Message] =
        [unit("vn", .nation, "Việt Nam", ("", ""), in: [])]
        + province("yb", "Yên Bái", code: "15", becomes: "lc")
        + [unit("lc", .province, "Tỉnh Lào Cai", code: "15", new, in: [("vn", "2025-07-01", "")])]
        + province("ht", "Hà Tĩnh", code: "42", becomes: "ht", keeps: true)
        + province("bd", "Bình Dương", code: "74", becomes: "hcm")
        + province("hcm-old", "Hồ Chí Minh", code: "79", becomes: "hcm")
        + [unit("hcm", .province, "Thành phố Hồ Chí Minh", code: "79", new, in: [("vn", "2025-07-01", "")])]
        + province("dn-old", "Đà Nẵng", code: "48", becomes: "dn")
        + province("qn", "Quảng Nam", code: "49", becomes: "dn")
        + [unit("dn", .province, "Thành phố Đà Nẵng", code: "48", new, in: [("vn", "2025-07-01", "")])]

    /// A team in a province of the country, with the place its unit became on 1/7/2025.
    static func team(
        _ id: String, in province: String, level: Cdt_Common_V1_TeamLevel = .hamlet, from: String = "2022-06-01",
        decision: String? = "2022-06-01"
    ) -> Cdt_Registry_V1_TeamFact {
        .with {
            $0.team = "teams/\(id)"
            $0.level = level
            $0.displayName = "Tổ \(id)"
            $0.statusHistory = [
                .with {
                    $0.status = .active
                    $0.from = from
                }
            ]
            if level == .hamlet {
                $0.placements = [
                    .with {
                        $0.unit = "units/\(province)-hamlet"
                        $0.from = from
                    }
                ]
            } else {
                $0.placements = [
                    .with {
                        $0.unit = "units/\(province)-commune"
                        $0.from = from
                        $0.to = "2025-06-30"
                    },
                    .with {
                        $0.unit = "units/\(province)-new"
                        $0.from = "2025-07-01"
                    },
                ]
            }
            if let decision {
                $0.decision.number = "\(id)/QĐ-UBND"
                $0.decision.issuedOn = decision
            }
        }
    }

    static func member(
        _ person: String, of team: String, from: String = "2022-06-01", to: String = "", void: Bool = false
    )
        -> Cdt_Registry_V1_MembershipFact
    {
        .with {
            $0.membership = "teams/\(team)/memberships/\(person)"
            $0.team = "teams/\(team)"
            $0.person = "people/\(person)"
            $0.role = .member
            $0.from = from
            $0.to = to
            $0.void = void
        }
    }

    // MARK: Asking

    func entitlement(
        _ team: String, _ from: String, _ to: String = "", policy: String = "",
        rule: Cdt_Funding_V1_PartMonthRule = .unspecified
    ) async throws -> Cdt_Funding_V1_GetTeamEntitlementResponse {
        try await queries.team(
            .with {
                $0.team = "teams/\(team)"
                $0.fromMonth = from
                $0.toMonth = to
                $0.policy = policy
                $0.rule = rule
            })
    }

    func compute(_ request: Cdt_Funding_V1_ComputeEntitlementsRequest) async throws
        -> (lines: [Cdt_Funding_V1_EntitlementLine], end: Cdt_Funding_V1_ComputeEntitlementsResponse)
    {
        var lines: [Cdt_Funding_V1_EntitlementLine] = []
        var end = Cdt_Funding_V1_ComputeEntitlementsResponse()
        try await queries.compute(request) { response in
            lines += response.lines
            end = response
        }
        return (lines, end)
    }

    func enrol(_ teams: [String], from: String, to: String = "") async throws {
        _ = try await catalogue.record(
            .with {
                $0.enrolmentList.policy = "policies/yen-bai-60-2022"
                $0.enrolmentList.decision.number = "1/QĐ-UBND"
                $0.enrolmentList.from = from
                $0.enrolmentList.to = to
                $0.enrolmentList.teams = teams.map { "teams/\($0)" }
            }, key: nil)
    }

    func run(_ request: Cdt_Funding_V1_StartRunRequest) async throws -> Cdt_Funding_V1_Run {
        let started = try await runs.start(request, caller: "tester", key: nil).run
        await worker.computeAll()
        return try runs.get(.with { $0.name = started.name }).run
    }
}
