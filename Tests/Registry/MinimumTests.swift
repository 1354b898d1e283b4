import ServiceKit
import Shared
import SwiftProtobuf
import TestSupport
import Testing

@testable import Registry

/// R3: "an optional minimum only warns".
@Suite(.onBothEngines) struct MinimumTests {
    let registry: RunningRegistry
    init() async throws { registry = try await RunningRegistry.shared.value }

    @Test func `a team that is, or gets, too small is said to be, and nothing is refused`() async throws {
        let units = try ShippedUnits.index()
        let last = try #require(units.descendants(of: UnitIndex.nation, at: .commune, on: date("2025-08-01")).last)
        let commune = units[last].id.unitName
        let team = try await registry.registry.createTeam(
            .with {
                $0.team.level = .commune
                $0.team.unit = commune
                $0.team.displayName = "Tổ công nghệ số cộng đồng"
                $0.from = "2025-08-01"
            }
        ).team.name
        _ = try await registry.registry.createCapacityPolicy(
            .with {
                $0.policy.unit = commune
                $0.policy.level = .commune
                $0.policy.limit = 10
                $0.policy.minimum = 2
                $0.policy.mode = .enforce
                $0.policy.from = "2025-08-01"
            })
        func join() async throws -> Cdt_Registry_V1_CreateMembershipResponse {
            let person = try await registry.registry.createPerson(.with { $0.person.fullName = "Lò Văn Ít" }).person
                .name
            return try await registry.registry.createMembership(
                .with {
                    $0.parent = team
                    $0.membership.person = person
                    $0.membership.role = .member
                    $0.membership.from = "2025-09-01"
                })
        }
        func flags(on day: String) async throws -> [String] {
            let seen = try await registry.registry.getTeam(
                .with {
                    $0.name = team
                    $0.date = day
                }
            ).team.flags
            let listed = try await registry.registry.listTeams(
                .with {
                    $0.unit = commune
                    $0.date = day
                    $0.flag = "BELOW_MINIMUM"
                }
            ).teams.filter { $0.name == team }
            #expect(listed.map(\.flags) == (seen.contains("BELOW_MINIMUM") ? [seen] : []))
            return seen
        }
        #expect(try await flags(on: "2025-09-01") == ["NEEDS_LEADER", "BELOW_MINIMUM"])
        let first = try await join()
        #expect(first.warnings.map(\.reason) == ["BELOW_MINIMUM"])
        #expect(try await flags(on: "2025-09-01") == ["NEEDS_LEADER", "BELOW_MINIMUM"])
        let second = try await join()
        #expect(second.warnings.isEmpty)
        #expect(try await flags(on: "2025-09-01") == ["NEEDS_LEADER"])
        // The members came later.
        #expect(try await flags(on: "2025-08-31") == ["NEEDS_LEADER", "BELOW_MINIMUM"])
        let third = try await join()
        let enough = try await registry.registry.endMembership(
            .with {
                $0.name = third.membership.name
                $0.to = "2026-01-31"
            })
        #expect(enough.warnings.isEmpty)
        let few = try await registry.registry.endMembership(
            .with {
                $0.name = second.membership.name
                $0.to = "2026-01-31"
            })
        #expect(few.warnings.map(\.reason) == ["BELOW_MINIMUM"])
        #expect(few.warnings.allSatisfy { $0.description_p.contains("1 members, fewer than 2") })
        let none = try await registry.registry.voidMembership(.with { $0.name = first.membership.name })
        #expect(none.warnings.map(\.reason) == ["BELOW_MINIMUM"])
    }
}
