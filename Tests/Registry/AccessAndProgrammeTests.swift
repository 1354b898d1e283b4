import Foundation
import RPC
import ServiceKit
import Shared
import SwiftProtobuf
import TestSupport
import Testing

@testable import Registry

@Suite struct AccessRuleTests {
    let units: UnitIndex
    init() throws { units = try ShippedUnits.index() }

    private func unit(_ code: String, _ day: String) -> UnitRank {
        guard case .unit(let rank) = units.resolve(code: code, on: date(day)) else { return -1 }
        return rank
    }

    private func grant(_ unit: UnitRank, _ role: AccessRole) -> Grant {
        Grant(
            id: UniqueID(high: 0, low: 1), subject: "cdt-laocai", unit: units[unit].id, verbs: [], role: role,
            createdAt: Instant(microseconds: 0))
    }

    /// Lào Cai is code 15 since 1/7/2025 and holds what was Yên Bái (15 until then) and Lào Cai (10).
    static let cases: [(String, String, AccessVerb, String, String, String, Bool)] = [
        // grant: code and day; verb; unit: code and day; date asked for; allowed
        ("15", "2025-07-01", AccessVerb.writeTeams, "15", "2025-07-01", "2026-01-01", true),
        // The past of all territory now in it.
        ("15", "2025-07-01", .read, "15", "2025-06-30", "2024-10-31", true),
        ("15", "2025-07-01", .read, "10", "2025-06-30", "2024-10-31", true),
        // A neighbour's never.
        ("15", "2025-07-01", .read, "11", "2025-07-01", "2026-01-01", false),
        ("15", "2025-07-01", .read, "20", "2024-10-31", "2024-10-31", false),
        // A grant on an abolished unit: its past, reading only.
        ("15", "2025-06-30", .read, "15", "2025-06-30", "2024-10-31", true),
        ("15", "2025-06-30", .writeTeams, "15", "2025-06-30", "2024-10-31", false),
        ("15", "2025-06-30", .read, "15", "2025-06-30", "2025-07-01", false),
        ("15", "2025-06-30", .read, "15", "2025-07-01", "2026-01-01", false),
        ("15", "2025-06-30", .read, "10", "2025-06-30", "2024-10-31", false),
        // A verb that was not granted.
        ("15", "2025-07-01", .administer, "15", "2025-07-01", "2026-01-01", false),
        // Upwards never.
        ("03160", "2025-07-01", .read, "11", "2025-07-01", "2026-01-01", false),
        ("11", "2025-07-01", .read, "03160", "2024-01-01", "2024-01-01", true),
        // An abolished district now lies in its province.
        ("11", "2025-07-01", .read, "099", "2024-01-01", "2024-01-01", true),
    ]

    @Test(arguments: cases)
    func `a grant covers its subtree today and the past of all territory now in it`(
        grantCode: String, grantDay: String, verb: AccessVerb, code: String, day: String, asked: String, allowed: Bool
    ) {
        let granted = grant(unit(grantCode, grantDay), .editor)
        #expect(
            AccessRules.allows(
                granted, verb, on: unit(code, day), date: date(asked), today: date("2026-11-21"), units: units)
                == allowed)
    }

    @Test func `the nation covers everything, and a revoked grant nothing`() {
        var all = grant(UnitIndex.nation, .administrator)
        let anywhere = unit("00001", "2024-01-01")
        func allows() -> Bool {
            AccessRules.allows(
                all, .administer, on: anywhere, date: date("2024-01-01"), today: date("2026-11-21"), units: units)
        }
        #expect(allows())
        all.revokedAt = Instant(microseconds: 1)
        #expect(!allows())
    }

    @Test func `roles are sets of verbs, each holding the one before`() {
        let sets = AccessRole.allCases.map(\.verbs)
        for (smaller, larger) in zip(sets, sets.dropFirst()) { #expect(smaller.isStrictSubset(of: larger)) }
        #expect(sets.last == Set(AccessVerb.allCases))
    }
}

@Suite(.onBothEngines) struct AccessAndProgrammeCallTests {
    let registry: RunningRegistry
    init() async throws { registry = try await RunningRegistry.shared.value }

    @Test func `grants are given once, listed, checked and revoked`() async throws {
        let unit = try await registry.unit("15", on: "2026-11-21")
        let subject = "cdt-\(UUID())"
        let request = Cdt_Registry_V1_CreateGrantRequest.with {
            $0.grant.subject = subject
            $0.grant.unit = unit
            $0.grant.role = .viewer
            $0.requestID = UUID().uuidString
        }
        let grant = try await registry.access.createGrant(request).grant
        #expect(try await registry.access.createGrant(request).grant.name == grant.name)
        var second = request
        second.requestID = ""
        let twice = await registry.failure { _ = try await registry.access.createGrant(second) }
        #expect(twice.code == .alreadyExists)
        #expect(twice.reason == "GRANT_EXISTS")
        func allowed(_ verb: Cdt_Registry_V1_AccessVerb) async throws -> Bool {
            try await registry.access.checkAccess(
                .with {
                    $0.subject = subject
                    $0.verb = verb
                    $0.unit = unit
                }
            ).allowed
        }
        #expect(try await allowed(.read))
        #expect(try await !allowed(.writeTeams))
        let listed = try await registry.access.listGrants(.with { $0.subject = subject }).grants
        #expect(listed.map(\.name) == [grant.name])
        #expect(try await registry.access.revokeGrant(.with { $0.name = grant.name }).grant.revoked)
        #expect(try await !allowed(.read))
        let again = await registry.failure { _ = try await registry.access.revokeGrant(.with { $0.name = grant.name }) }
        #expect(again.reason == "GRANT_REVOKED")
        let old = try await registry.unit("15", on: "2025-06-30")
        let past = try await registry.access.createGrant(
            .with {
                $0.grant.subject = subject
                $0.grant.unit = old
                $0.grant.verbs = [.read]
            })
        #expect(past.grant.pastOnly)
        #expect(past.warnings.map(\.reason) == ["GRANT_PAST_ONLY"])
        let wrong = await registry.failure {
            _ = try await registry.access.createGrant(.with { $0.grant.unit = unit })
        }
        #expect(wrong.code == .invalidArgument)
    }

    @Test func `62 of 63 provinces had issued a plan, as of a date`() async throws {
        let day = "2022-08-23"
        let provinces = try await registry.registry.listUnits(
            .with {
                $0.level = .province
                $0.date = day
                $0.pageSize = 100
            }
        ).units
        #expect(provinces.count == 63)
        for (index, province) in provinces.enumerated() {
            let agency = try await registry.programme.createAgency(
                .with {
                    $0.agency.kind = .province
                    $0.agency.displayName = province.displayName
                    $0.agency.unit = province.name
                }
            ).agency
            if index < 62 {
                _ = try await registry.programme.recordMilestone(
                    .with {
                        $0.milestone.agency = agency.name
                        $0.milestone.kind = .planIssued
                        $0.milestone.date = "2022-08-01"
                        $0.milestone.document.number = "\(index + 1)/KH-UBND"
                    })
            }
            if index < 49 {
                _ = try await registry.programme.recordMilestone(
                    .with {
                        $0.milestone.agency = agency.name
                        $0.milestone.kind = .teamModelStarted
                        $0.milestone.date = index == 48 ? day : "2022-03-15"
                    })
            }
        }
        func share(_ kind: Cdt_Registry_V1_MilestoneKind, _ day: String) async throws -> Cdt_Common_V1_Ratio {
            let status = try await registry.programme.getProgrammeStatus(.with { $0.date = day })
            return try #require(status.shares.first { $0.kind == kind && $0.agencyKind == .province }).share
        }
        let plans = try await share(.planIssued, day)
        #expect(plans.numerator == 62 && plans.denominator == 63)
        #expect(plans.percent == "98.41")
        #expect(try await share(.teamModelStarted, day).numerator == 49)
        #expect(try await share(.teamModelStarted, "2022-08-22").numerator == 48)
        #expect(try await share(.steeringCommittee, day).numerator == 0)
        let twice = await registry.failure {
            _ = try await registry.programme.createAgency(
                .with {
                    $0.agency.kind = .province
                    $0.agency.displayName = provinces[0].displayName
                    $0.agency.unit = provinces[0].name
                })
        }
        #expect(twice.reason == "AGENCY_EXISTS")
        let withUnit = await registry.failure {
            _ = try await registry.programme.createAgency(
                .with {
                    $0.agency.kind = .ministry
                    $0.agency.displayName = "Bộ Công an"
                    $0.agency.unit = provinces[0].name
                })
        }
        #expect(withUnit.reason == "UNIT_NOT_ALLOWED")
    }

    /// "Membership in the national digital-transformation network (scheme 1690) from its date on, coordinating body
    /// included."
    @Test func `who joined the national network is counted from that day on, its coordinating body too`() async throws {
        let kinds: [Cdt_Registry_V1_AgencyKind] = [.ministry, .coordinatingBody]
        for kind in kinds {
            let agency = try await registry.programme.createAgency(
                .with {
                    $0.agency.kind = kind
                    $0.agency.displayName = "Thành viên mạng lưới \(kind.rawValue)"
                }
            ).agency
            _ = try await registry.programme.recordMilestone(
                .with {
                    $0.milestone.agency = agency.name
                    $0.milestone.kind = .networkJoined
                    $0.milestone.date = "2024-05-01"
                    $0.milestone.document.number = "1690/QĐ-TTg"
                })
        }
        for (day, joined) in [("2024-04-30", Int64(0)), ("2024-05-01", 1)] {
            let status = try await registry.programme.getProgrammeStatus(.with { $0.date = day })
            for kind in kinds {
                let share = status.shares.first { $0.kind == .networkJoined && $0.agencyKind == kind }?.share
                #expect(share?.numerator == joined, "\(kind) on \(day)")
            }
        }
    }

    /// SPEC section 1: "more than", "nearly", "over" are part of the fact.
    static let figures: [(String, String, String, Int, Cdt_Common_V1_Qualifier, Int)] = [
        ("", "2022-08-23", "provinces_with_teams", 49, Cdt_Common_V1_Qualifier.exact, 63),
        ("", "2022-08-23", "teams", 42_469, .exact, 0), ("", "2022-08-23", "members", 208_000, .atLeast, 0),
        ("", "2024-08-31", "teams", 93_524, .exact, 0), ("", "2024-08-31", "members", 457_820, .exact, 0),
        ("20", "2022-06-08", "digital_citizen_accounts", 8_140, .atLeast, 0),
        ("20", "2022-06-08", "ecommerce_accounts", 19_870, .exact, 0),
        ("20", "2022-06-08", "digital_stores", 126_560, .exact, 0),
        ("20", "2022-08-23", "teams", 1_700, .atLeast, 0), ("20", "2022-08-23", "members", 7_887, .exact, 0),
        ("19", "2022-05-31", "members", 17_000, .nearly, 0), ("19", "2022-05-31", "teams", 2_250, .atLeast, 0),
    ]

    @Test(arguments: figures)
    func `a published figure keeps its qualifier`(
        code: String, day: String, indicator: String, value: Int, qualifier: Cdt_Common_V1_Qualifier, outOf: Int
    ) async throws {
        let unit = code.isEmpty ? "" : try await registry.unit(code, on: day)
        let figure = Cdt_Registry_V1_Figure.with {
            $0.unit = unit
            $0.indicator = indicator
            $0.date = day
            $0.value = Int64(value)
            $0.qualifier = qualifier
            $0.outOf = Int64(outOf)
            $0.source = "Bộ Thông tin và Truyền thông"
        }
        #expect(try await registry.programme.recordFigure(.with { $0.figure = figure }).figure == figure)
        // Recorded again it is the same one.
        _ = try await registry.programme.recordFigure(.with { $0.figure = figure })
        let found = try await registry.programme.listFigures(
            .with {
                $0.unit = unit.isEmpty ? "units/vn" : unit
                $0.indicator = indicator
            }
        ).figures.filter { $0.date == day }
        #expect(found == [figure])
    }
}
