import ChangeFeed
import Foundation
import RPC
import ServiceKit
import Shared
import Storage
import SwiftProtobuf
import TestSupport
import Testing

@testable import ActivityReporting

@Suite("Where a grant reaches")
struct ReachTests {
    static func reach(_ verbs: [String], _ unit: String, today: String) -> Reach {
        Reach(
            identity: Identity(
                subject: "s", grants: [.init(verbs: Set(verbs), unit: unit.isEmpty ? "" : "units/\(unit)")]),
            map: PlaceMap(tree: UnitTree(SmallWorld.units), places: []), today: day(today))
    }

    @Test(
        "The subtree of today, and the past of all territory now in it; an abolished unit's past to read only",
        arguments: [
            ("A", "read", "2024-11-04", "a1", "2024-10-31", true),
            ("A", "read", "2024-11-04", "dA", "2024-10-31", true),
            ("A", "submit", "2024-11-04", "a2", "2024-11-04", true),
            ("A", "read", "2024-11-04", "B", "2024-10-31", false),
            ("A", "read", "2024-11-04", "vn", "2024-10-31", false),
            ("dA", "read", "2024-11-04", "A", "2024-10-31", false),
            // After 1/7/2025 AB has all of A and B, and b1 is split between x and y.
            ("AB", "read", "2025-08-01", "A", "2024-10-31", true),
            ("AB", "approve", "2025-08-01", "b1", "2024-10-31", true),
            ("x", "read", "2025-08-01", "a1", "2024-10-31", true),
            ("x", "read", "2025-08-01", "b1", "2024-10-31", false),
            ("x", "read", "2025-08-01", "A", "2024-10-31", false),
            ("C", "read", "2025-08-01", "AB", "2025-08-01", false),
            // What was abolished stays readable as it was, and nothing more.
            ("A", "read", "2025-08-01", "a1", "2024-10-31", true),
            ("A", "read", "2025-08-01", "x", "2025-08-01", false),
            ("A", "submit", "2025-08-01", "a1", "2024-10-31", false),
            ("", "accept", "2025-08-01", "vn", "2025-08-01", true),
        ])
    func covers(_ grant: String, _ verb: String, _ today: String, _ unit: String, _ date: String, _ allowed: Bool)
        throws
    {
        let asked = try #require(ActivityVerb(rawValue: verb))
        let reach = Self.reach([asked.name], grant, today: today)
        #expect(reach.allows(asked, unit: unit, on: day(date), of: day(date)) == allowed)
    }

    @Test("By the tree of its time, an abolished unit's grant does not read what is said of its territory since")
    func pastIsNotNow() {
        let reach = Self.reach(["activity.read"], "A", today: "2025-08-01")
        #expect(reach.allows(.read, unit: "A", on: day("2024-10-31"), of: day("2024-10-31")))
        #expect(!reach.allows(.read, unit: "A", on: day("2024-10-31"), of: day("2025-07-31")))
    }

    @Test(
        "A province that has given a commune away does not read its own past of that time: it would pass for the rest")
    func communeThatLeft() {
        let units =
            SmallWorld.units + [
                UnitRecord(
                    id: "c2", level: .commune, code: "c2", name: "C2",
                    parents: [
                        .init(unit: "C", days: range(nil, "2024-12-31")),
                        .init(unit: "AB", days: range("2025-01-01", nil)),
                    ])
            ]
        let reach = Reach(
            identity: Identity(subject: "s", grants: [.init(verbs: ["activity.read"], unit: "units/C")]),
            map: PlaceMap(tree: UnitTree(units), places: []), today: day("2025-08-01"))
        #expect(reach.allows(.read, unit: "C", on: day("2025-08-01"), of: day("2024-10-31")))
        #expect(!reach.allows(.read, unit: "C", on: day("2024-10-31"), of: day("2024-10-31")))
        #expect(reach.allows(.read, unit: "c1", on: day("2024-10-31"), of: day("2024-10-31")))
        #expect(!reach.allows(.read, unit: "c2", on: day("2024-10-31"), of: day("2024-10-31")))
    }

    @Test("Of an abolished district the communes count, each where it went")
    func abolishedLevel() {
        #expect(
            Self.reach(["activity.read"], "x", today: "2025-08-01").allows(
                .read, unit: "dA", on: day("2024-10-31"), of: day("2024-10-31")))
        #expect(
            !Self.reach(["activity.read"], "x", today: "2025-08-01").allows(
                .read, unit: "dB", on: day("2024-10-31"), of: day("2024-10-31")))
        #expect(
            Self.reach(["activity.read"], "AB", today: "2025-08-01").allows(
                .read, unit: "dB", on: day("2024-10-31"), of: day("2024-10-31")))
    }

    @Test("A team or hamlet that has moved is its new place's; where it was then may be read there")
    func moved() {
        let path = PlacePath([
            .init(unit: "a1", days: range(nil, "2024-09-30")), .init(unit: "c1", days: range("2024-10-01", nil)),
        ])
        let (old, new) = (
            Self.reach(["activity.*"], "A", today: "2024-11-04"), Self.reach(["activity.*"], "C", today: "2024-11-04")
        )
        #expect(old.allows(.read, along: path, on: day("2024-08-31")))
        #expect(!old.allows(.read, along: path, on: day("2024-10-31")))
        #expect(!old.allows(.submit, along: path, on: day("2024-08-31")))
        #expect(
            new.allows(.read, along: path, on: day("2024-08-31"))
                && new.allows(.submit, along: path, on: day("2024-10-31")))
        #expect(old.mayHaveSeen("a1") && !old.mayHaveSeen("c1"))
    }

    @Test("A grant whose unit is no name of one opens nothing", arguments: ["20", "vn", "units/", "units", "teams/A"])
    func malformed(unit: String) {
        let identity = Identity(subject: "s", grants: [.init(verbs: ["*"], unit: unit)])
        #expect(!identity.hasNation(.read) && identity.units(for: .read) == [])
    }

    @Test("Each verb is covered by its own name, by all of the service, and the writing ones by activity.write")
    func verbs() {
        for verb in ActivityVerb.allCases {
            #expect(verb.isCovered(by: [verb.name]) && verb.isCovered(by: ["activity.*"]) && verb.isCovered(by: ["*"]))
            #expect(verb.isCovered(by: ["activity.write"]) == (verb != .read))
            #expect(!verb.isCovered(by: ["registry.*", "activity.other"]))
        }
    }
}

@Suite("Callers who may do something in places only", .serialized, .onBothEngines)
struct AccessTests {
    typealias Client = Cdt_Activity_V1_ActivityReportingService.Client

    struct Guarded: Sendable {
        let client: Client
        let achievements: Cdt_Activity_V1_AchievementService.Client
        let difficulties: Cdt_Activity_V1_DifficultyService.Client
        let feed: Cdt_Feed_V1_FeedService.Client
        let training: Cdt_Activity_V1_TrainingService.Client
        let targets: Cdt_Activity_V1_TargetService.Client
        let platforms: Cdt_Activity_V1_PlatformService.Client
        let wire: RPCClient
        let registry: RegistryStandIn
        let issuer: TokenIssuer

        func options(_ grants: [(verbs: [String], unit: String)]) throws -> CallOptions {
            let token = try issuer.token(TokenIssuer.claims("somebody", grants: grants))
            return .init(timeout: .seconds(60), metadata: ["authorization": "Bearer \(token)"])
        }
        func granted(_ verbs: String..., in unit: String) throws -> CallOptions { try options([(verbs, unit)]) }
        func everything() throws -> CallOptions { try options([(["*"], "")]) }
    }

    static func with(_ body: (Guarded) async throws -> Void) async throws {
        let registry = try await RegistryStandIn()
        try await registry.tellSmallTruth(members: 2)
        let folder = try ScratchFolder()
        defer { folder.remove() }
        let issuer = TokenIssuer()
        try issuer.write(folder.path("jwks.json"))
        try await ServiceTests.with(registry, more: ["--jwks", folder.path("jwks.json")]) { _, service in
            let client = try RPCClient(host: "127.0.0.1", port: service.endpoint.port)
            let guarded = Guarded(
                client: Client(client), achievements: .init(client), difficulties: .init(client), feed: .init(client),
                training: .init(client), targets: .init(client), platforms: .init(client), wire: client,
                registry: registry, issuer: issuer)
            do {
                let all = try guarded.everything()
                try await eventually {
                    let reply = try? await guarded.client.getFigures(.with { $0.period = "2024-10" }, options: all)
                    return reply?.figures.expected == 2
                }
                try await body(guarded)
            } catch {
                await client.close()
                throw error
            }
            await client.close()
        }
        await registry.server.shutdown(grace: .zero)
    }

    static func isDenied(_ body: () async throws -> Void) async -> Bool {
        do {
            try await body()
            return false
        } catch { return (error as? RPCError)?.code == .permissionDenied }
    }

    @Test("A province reads and sends what is its own; the nation is not")
    func province() async throws {
        try await Self.with { guarded in
            let client = guarded.client
            let own = try guarded.granted("activity.read", "activity.submit", in: "units/u1")
            #expect(
                try await client.getFigures(
                    .with {
                        $0.period = "2024-10"
                        $0.unit = "units/u2"
                    }, options: own
                ).figures.expected == 2)
            #expect(
                await Self.isDenied { _ = try await client.getFigures(.with { $0.period = "2024-10" }, options: own) })
            #expect(
                await Self.isDenied {
                    _ = try await client.listObligations(.with { $0.period = "2024-10" }, options: own)
                })
            #expect(
                try await client.listObligations(
                    .with {
                        $0.period = "2024-10"
                        $0.team = "teams/t"
                    }, options: own
                ).obligations.count == 2)
            #expect(
                try await guarded.achievements.getAchievements(
                    .with {
                        $0.period = "2024-10"
                        $0.unit = "units/u1"
                    }, options: own
                ).achievements.unit == "units/u1")
            #expect(
                await Self.isDenied {
                    _ = try await guarded.achievements.getAchievements(.with { $0.period = "2024-10" }, options: own)
                })
            #expect(await Self.isDenied { _ = try await guarded.difficulties.listDifficulties(.init(), options: own) })
            let verdicts = try await client.syncReports(
                .with {
                    $0.submissions = [
                        ServiceTests.submission("p0"), ServiceTests.submission("p0", operation: "fremd"),
                        ServiceTests.submission("p1"),
                    ]
                    $0.submissions[1].report.team = "teams/elsewhere"
                    $0.submissions[2].report.source = .paper
                    $0.submissions[2].report.declaredOn = "2024-11-02"
                }, options: own
            ).verdicts
            #expect(verdicts.map(\.outcome) == [.applied, .rejected, .rejected])
            #expect(verdicts.map { $0.problems.first?.reason ?? "" } == ["", "PERMISSION_DENIED", "PERMISSION_DENIED"])
            #expect(verdicts.map(\.position) == [1, 2, 3])
        }
    }

    @Test("The feed follows the grants: one's own is told, another's is not, and what leaves is a tombstone")
    func feed() async throws {
        try await Self.with { guarded in
            /// The newest of each obligation, as a reader with a grant in a unit is told.
            func follow(_ unit: String, _ verb: String = "activity.read") async throws -> [String: Bool] {
                let options = try guarded.granted(verb, in: unit)
                let call = try await guarded.feed.follow(
                    .with { $0.topic = ActivityReportingService.topic }, options: options)
                var isThere: [String: Bool] = [:]
                for try await response in call.responses {
                    for event in response.events { isThere[event.aggregate] = !event.tombstone }
                    if response.caughtUp { break }
                }
                call.cancel()
                return isThere
            }
            let october = "obligations/2024-10.t.p0"
            #expect(try await follow("units/u0")[october] == true)
            #expect(try await follow("units/u1")[october] == true)
            #expect(try await follow("units/u2")[october] == true)
            #expect(try await follow("units/u9").isEmpty)
            #expect(await Self.isDenied { _ = try await follow("units/u1", "activity.submit") })
            // Another province, and the team moves there.
            for (id, level, parent) in [
                ("u3", Cdt_Registry_V1_UnitLevel.province, "u0"), ("u4", Cdt_Registry_V1_UnitLevel.commune, "u3"),
            ] {
                try await guarded.registry.tell(
                    "units/\(id)", 1,
                    Cdt_Registry_V1_UnitFact.with { fact in
                        fact.unit.name = "units/\(id)"
                        fact.unit.level = level
                        fact.placements = [.with { $0.parent = "units/\(parent)" }]
                    })
            }
            try await guarded.registry.tell(
                "teams/t", 2,
                Cdt_Registry_V1_TeamFact.with { fact in
                    fact.team = "teams/t"
                    fact.level = .commune
                    fact.statusHistory = [
                        .with {
                            $0.status = .active
                            $0.from = "2022-06-01"
                        }
                    ]
                    fact.placements = [
                        .with {
                            $0.unit = "units/u4"
                            $0.from = "2022-06-01"
                        }
                    ]
                })
            try await eventually { try await follow("units/u3")[october] == true }
            #expect(try await follow("units/u1").isEmpty)
            #expect(try await follow("units/u0")[october] == true)
        }
    }

    @Test("A team is judged by the place the facts give it, also before its obligations were derived from them")
    func newTeam() async throws {
        let world = try await AchievementTests.world()
        try await world.team("new", .commune, in: "a2")
        try await world.team("late", .hamlet, in: "h")
        func may(_ verb: ActivityVerb, _ team: String, in unit: String) async throws -> Bool {
            let identity = Identity(subject: "s", grants: [.init(verbs: [verb.name], unit: "units/\(unit)")])
            let today = world.clock.clock.today
            return try await world.reporting.judge(identity) {
                try $0.allows([verb], team: team, on: today, in: $1)
            }
        }
        #expect(try await may(.submit, "new", in: "A"))
        #expect(try await may(.submit, "late", in: "a1"))
        #expect(try await !may(.submit, "new", in: "B"))
        try await world.team("t", .commune, in: "b1")
        #expect(try await may(.read, "t", in: "B"))
        #expect(try await !may(.read, "t", in: "A"))
        #expect(try await !may(.read, "none", in: "A"))
    }

    @Test("The leader endorses, the commune approves, the province accepts: each by its own verb")
    func steps() async throws {
        try await Self.with { guarded in
            let client = guarded.client
            let all = try guarded.everything()
            let report = try await client.submitReport(
                .with { $0.submission = ServiceTests.submission("p0") }, options: all
            ).report
            let leader = try guarded.granted("activity.endorse", in: "units/u2")
            let commune = try guarded.granted("activity.approve", in: "units/u2")
            let province = try guarded.granted("activity.accept", in: "units/u1")
            let stranger = try guarded.granted("activity.write", in: "units/u9")
            for other in [commune, province, stranger] {
                #expect(
                    await Self.isDenied {
                        _ = try await client.endorseReport(.with { $0.name = report }, options: other)
                    })
            }
            _ = try await client.endorseReport(.with { $0.name = report }, options: leader)
            #expect(
                await Self.isDenied { _ = try await client.approveReport(.with { $0.name = report }, options: leader) })
            _ = try await client.approveReport(.with { $0.name = report }, options: commune)
            #expect(
                await Self.isDenied { _ = try await client.acceptReport(.with { $0.name = report }, options: commune) })
            let accepted = try await client.acceptReport(.with { $0.name = report }, options: province)
            #expect(accepted.report.state == .accepted)
            #expect(
                await Self.isDenied {
                    _ = try await client.openPeriod(.with { $0.period = "2024-09" }, options: province)
                })
            #expect(
                await Self.isDenied {
                    _ = try await client.returnReport(
                        .with {
                            $0.name = report
                            $0.reason = "x"
                        }, options: stranger)
                })
        }
    }
}
