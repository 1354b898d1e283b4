import Foundation
import RPC
import ServiceKit
import Shared
import SwiftProtobuf
import TestSupport
import Testing

@testable import Registry

/// "Bad input gets an error that names the field and the reason": of those that no other test meets.
@Suite(.onBothEngines) struct RefusalTests {
    let registry: RunningRegistry
    init() async throws { registry = try await RunningRegistry.shared.value }

    private static let nobody = "01930000-0000-7000-8000-000000000000"

    @Test func `what does not exist is named`() async throws {
        func reason(_ body: () async throws -> Void) async -> String {
            let failure = await registry.failure(body)
            #expect(failure.code == .notFound)
            // What to do stands behind what is wrong.
            let problem = Reason(rawValue: failure.reason).map { Problem($0, "name").description } ?? ""
            #expect(problem.contains("; "), "\(failure.reason)")
            return failure.reason
        }
        let person = "people/\(Self.nobody)"
        let team = try await team("00925")
        #expect(
            await reason { _ = try await registry.registry.getPerson(.with { $0.name = person }) } == "PERSON_NOT_FOUND"
        )
        #expect(
            await reason { _ = try await registry.registry.getUnit(.with { $0.name = "units/\(Self.nobody)" }) }
                == "UNIT_NOT_FOUND")
        let joins = Cdt_Registry_V1_CreateMembershipRequest.with {
            $0.parent = team
            $0.membership.person = person
            $0.membership.role = .member
            $0.membership.from = "2025-08-01"
        }
        #expect(await reason { _ = try await registry.registry.createMembership(joins) } == "PERSON_NOT_FOUND")
        let membership = "\(team)/memberships/\(Self.nobody)"
        #expect(
            await reason { _ = try await registry.registry.getMembership(.with { $0.name = membership }) }
                == "MEMBERSHIP_NOT_FOUND")
        #expect(
            await reason { _ = try await registry.registry.voidMembership(.with { $0.name = membership }) }
                == "MEMBERSHIP_NOT_FOUND")
        #expect(
            await reason {
                _ = try await registry.reorganisations.previewReorganisation(
                    .with { $0.name = "reorganisations/\(Self.nobody)" })
            } == "REORGANISATION_NOT_FOUND")
        #expect(
            await reason {
                _ = try await registry.access.revokeGrant(.with { $0.name = "grants/\(Self.nobody)" })
            } == "GRANT_NOT_FOUND")
        #expect(
            await reason {
                _ = try await registry.people.dismissDuplicate(.with { $0.name = "duplicates/\(Self.nobody)" })
            } == "DUPLICATE_NOT_FOUND")
        #expect(
            await reason {
                _ = try await registry.people.unmergePeople(.with { $0.name = "personMerges/\(Self.nobody)" })
            } == "MERGE_NOT_FOUND")
        #expect(
            await reason {
                _ = try await registry.programme.recordMilestone(
                    .with {
                        $0.milestone.agency = "agencies/\(Self.nobody)"
                        $0.milestone.kind = .planIssued
                        $0.milestone.date = "2022-08-23"
                    })
            } == "AGENCY_NOT_FOUND")
    }

    @Test func `what stands against what is there is refused, and nothing of it is kept`() async throws {
        func reason(_ body: () async throws -> Void) async -> String {
            let failure = await registry.failure(body)
            #expect(failure.code == .failedPrecondition)
            return failure.reason
        }
        let team = try await team("00928")
        let planned = Cdt_Registry_V1_ChangeTeamStatusRequest.with {
            $0.name = team
            $0.status = .planned
            $0.from = "2025-08-01"
        }
        #expect(await reason { _ = try await registry.registry.changeTeamStatus(planned) } == "STATUS_NOT_ALLOWED")
        let shipped = try #require(
            try await registry.reorganisations.listReorganisations(.init()).reorganisations.first {
                $0.effectiveOn == "2025-07-01"
            })
        #expect(
            await reason {
                _ = try await registry.reorganisations.applyReorganisation(.with { $0.name = shipped.name })
            } == "REORGANISATION_APPLIED")
        let unit = try await registry.unit("00928", on: "2025-08-01")
        let policy = Cdt_Registry_V1_CreateCapacityPolicyRequest.with {
            $0.policy.unit = unit
            $0.policy.level = .hamlet
            $0.policy.limit = 5
            $0.policy.mode = .warn
            $0.policy.from = "2025-08-01"
        }
        _ = try await registry.registry.createCapacityPolicy(policy)
        #expect(await reason { _ = try await registry.registry.createCapacityPolicy(policy) } == "POLICY_OVERLAPS")
        let policies = try await registry.registry.listCapacityPolicies(.with { $0.unit = unit }).policies
        #expect(policies.count == 1)
    }

    @Test func `a citizen id is refused where the operator has set no key`() async throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("registry-\(UUID())")
        defer { try? FileManager.default.removeItem(at: folder) }
        let keyless = try await RunningRegistry.start(["--data", folder.path, "--today", "2026-11-21"])
        let failure = await keyless.failure {
            _ = try await keyless.registry.createPerson(
                .with {
                    $0.person.fullName = "Lò Văn Khóa"
                    $0.person.citizenID = "011088000001"
                })
        }
        #expect(failure.code == .failedPrecondition)
        #expect(failure.reason == "CITIZEN_ID_KEY_MISSING")
        await keyless.stop()
    }

    @Test func `a new unit of a reorganisation has a key of letters, digits and few signs`() async throws {
        let unit = try await registry.unit("00925", on: "2025-08-01")
        let failure = await registry.failure {
            _ = try await registry.reorganisations.createReorganisation(
                .with {
                    $0.reorganisation.title = "Khóa sai"
                    $0.reorganisation.effectiveOn = "2027-01-01"
                    $0.lines = [
                        .with {
                            $0.kind = .split
                            $0.source = unit
                            $0.target = "xã mới"
                        }
                    ]
                    $0.newUnits = [
                        .with {
                            $0.key = "xã mới"
                            $0.displayName = "Xã Mới"
                            $0.kind = "Xã"
                            $0.level = .commune
                        }
                    ]
                })
        }
        #expect(failure.code == .invalidArgument)
        #expect(failure.reason == "INVALID_KEY")
    }

    @Test func `numbers and names out of their bounds are named by their fields`() async throws {
        func fields(_ body: () async throws -> Void) async -> [String] {
            do {
                try await body()
                return []
            } catch {
                let details = (error as? RPCError)?.status?.details ?? []
                let request = details.lazy.compactMap { try? Google_Rpc_BadRequest(unpackingAny: $0) }.first
                return request?.fieldViolations.map(\.field) ?? ["\(error)"]
            }
        }
        let unit = try await registry.unit("00925", on: "2025-08-01")
        let policy = Cdt_Registry_V1_CreateCapacityPolicyRequest.with {
            $0.policy.unit = unit
            $0.policy.level = .commune
            $0.policy.limit = 0
            $0.policy.minimum = 3
            $0.policy.mode = .warn
            $0.policy.from = "2025-08-01"
        }
        #expect(
            await fields { _ = try await registry.registry.createCapacityPolicy(policy) }
                == ["policy.limit", "policy.minimum"])
        #expect(
            await fields {
                _ = try await registry.programme.recordFigure(
                    .with {
                        $0.figure.unit = unit
                        $0.figure.indicator = "Not an indicator"
                        $0.figure.date = "2022-06-30"
                    })
            } == ["figure.indicator"])
    }

    /// An active team of a commune.
    private func team(_ code: String) async throws -> String {
        let unit = try await registry.unit(code, on: "2025-08-01")
        return try await registry.registry.createTeam(
            .with {
                $0.team.level = .commune
                $0.team.unit = unit
                $0.team.displayName = "Tổ công nghệ số cộng đồng"
                $0.from = "2025-07-01"
            }
        ).team.name
    }
}
