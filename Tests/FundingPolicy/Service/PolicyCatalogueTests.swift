import FundingPolicy
import RPC
import ServiceKit
import Shared
import SwiftProtobuf
import TestSupport
import Testing

@Suite(.onBothEngines) struct PolicyCatalogueTests {
    private func draft(code: String = "42") -> Cdt_Funding_V1_Policy {
        .with {
            $0.title = "Hà Tĩnh, higher"
            $0.titleVi = "Hà Tĩnh, mức mới"
            $0.jurisdictionCode = code
            $0.document.number = "1/2026/NQ-HĐND"
            $0.document.issuedOn = "2025-12-10"
            $0.validFrom = "2026-01-01"
            $0.beneficiary = .team
            $0.levels = [.hamlet]
            $0.components = [
                .with {
                    $0.id = "allowance"
                    $0.kind = .ratePerTeamMonth
                    $0.rateDong = 700_000
                }
            ]
        }
    }

    private func refusal(_ body: () async throws -> Void) async -> ServiceError? {
        do {
            try await body()
            return nil
        } catch { return error as? ServiceError }
    }

    @Test func theShippedPoliciesAreThoseOfTheSpecificationAndSound() async throws {
        let policies = try ShippedPolicies.all()
        #expect(
            policies.map(\.name) == [
                "policies/yen-bai-60-2022", "policies/ha-tinh-119-2023", "policies/binh-duong-27-2023",
                "policies/da-nang-36-2024", "policies/da-nang-26-2025",
            ])
        for policy in policies {
            #expect(PolicyValidation.violations(of: policy, jurisdictionKnown: true) == [])
            #expect(policy.partMonthRule == .halfMonth)
            #expect(policy.roundingStep == 1)
            #expect(!policy.stackable)
        }
        // The rules of the samples are the rules that ship.
        for (sample, shipped) in zip(
            [Sample.yenBai(), Sample.haTinh(), Sample.binhDuong(), Sample.daNang2024()], policies)
        {
            #expect(sample.validity == shipped.validity)
            #expect(sample.levels == shipped.levels)
            #expect(sample.beneficiary == shipped.beneficiary)
            #expect(sample.requiresEnrolment == shipped.requiresEnrolment)
            #expect(sample.components.map(\.rate) == shipped.components.map(\.rate))
            #expect(sample.components.map(\.kind) == shipped.components.map(\.kind))
            #expect(sample.caps.map(\.amount) == shipped.caps.map(\.amount))
            #expect(sample.jurisdictionCode == shipped.jurisdictionCode)
        }
    }

    @Test func policiesAreListedWithTheirTerritory() async throws {
        let service = try await Fixture()
        let all = try await service.catalogue.list(.init()).policies
        #expect(all.count == 5)
        #expect(all.first { $0.name == "policies/da-nang-36-2024" }?.jurisdictionUnit == "units/dn-old")
        #expect(all.first { $0.name == "policies/da-nang-26-2025" }?.jurisdictionUnit == "units/dn")
        let in2026 = try await service.catalogue.list(.with { $0.validOn = "2026-02-01" }).policies
        #expect(in2026.map(\.name) == ["policies/binh-duong-27-2023", "policies/da-nang-26-2025"])
        let first = try await service.catalogue.list(.with { $0.pageSize = 3 })
        let rest = try await service.catalogue.list(
            .with {
                $0.pageSize = 3
                $0.pageToken = first.nextPageToken
            })
        #expect((first.policies + rest.policies).map(\.name) == all.map(\.name))
        #expect(rest.nextPageToken.isEmpty)
    }

    @Test func loadingTheShippedPoliciesAgainChangesNothing() async throws {
        let service = try await Fixture()
        let before = try await service.catalogue.list(.init())
        service.clock.advance(by: .seconds(60))
        try await ShippedPolicies.load(into: service.database, now: service.clock.now)
        #expect(try await service.catalogue.list(.init()) == before)
    }

    @Test func aDraftPaysNothingUntilActivatedButCanBeSimulated() async throws {
        let service = try await Fixture()
        try await service.apply([Fixture.team("a", in: "ht")])
        let created = try await service.catalogue.create(.with { $0.policy = draft() }, key: nil)
        #expect(created.problems.isEmpty)
        #expect(created.policy.state == .draft)
        #expect(created.policy.territoryDate == "2025-12-10")
        #expect(try await service.entitlement("a", "2026-03").amountDong == 0)
        let simulated = try await service.compute(
            .with {
                $0.unit = "units/ht"
                $0.fromMonth = "2026-03"
                $0.policies = [
                    .with {
                        $0.policy = created.policy.name
                        $0.version = 1
                    }
                ]
            })
        #expect(simulated.end.amountDong == 700_000)
        let active = try await service.catalogue.activate(
            .with {
                $0.name = created.policy.name
                $0.version = 1
                $0.etag = created.policy.etag
            }, key: nil)
        #expect(active.policy.state == .active)
        #expect(try await service.entitlement("a", "2026-03").amountDong == 700_000)
    }

    @Test func activationNamesEveryReasonAgainstIt() async throws {
        let service = try await Fixture()
        var bad = draft(code: "99")
        bad.components[0].rateDong = -5
        bad.levels = []
        let created = try await service.catalogue.create(.with { $0.policy = bad }, key: nil)
        let fields = ["policy.jurisdiction_code", "policy.levels", "policy.components[0].rate_dong"]
        #expect(created.problems.map(\.field) == fields)
        let error = await refusal {
            _ = try await service.catalogue.activate(
                .with {
                    $0.name = created.policy.name
                    $0.version = 1
                }, key: nil)
        }
        #expect(error?.code == .failedPrecondition)
        #expect(error?.reason == "INVALID_POLICY")
        #expect(error?.violations.map(\.field) == fields)
        #expect(error?.violations.allSatisfy { !$0.descriptionVi.isEmpty } == true)
    }

    @Test func anUnsoundDraftIsNotSimulatedButRefusedWithItsReasons() async throws {
        let service = try await Fixture()
        try await service.apply([Fixture.team("a", in: "ht")])
        var bad = draft()
        bad.components[0].rateDong = -5
        let created = try await service.catalogue.create(.with { $0.policy = bad }, key: nil)
        let error = await refusal {
            _ = try await service.compute(
                .with {
                    $0.fromMonth = "2026-03"
                    $0.policies = [
                        .with {
                            $0.policy = created.policy.name
                            $0.version = 1
                        }
                    ]
                })
        }
        #expect(error?.reason == "INVALID_POLICY")
        #expect(error?.violations.map(\.field) == ["policy.components[0].rate_dong"])
        #expect(try await service.entitlement("a", "2024-10").amountDong == 600_000)
    }

    @Test func aNewVersionMustNotOverlapAnActiveOne() async throws {
        let service = try await Fixture()
        var next = draft()
        next.name = "policies/ha-tinh-119-2023"
        next.validFrom = "2025-06-01"
        let created = try await service.catalogue.create(.with { $0.policy = next }, key: nil)
        #expect(created.policy.version == 2)
        #expect(created.problems.map(\.reason) == ["OVERLAPPING_VERSIONS"])
        next.name = "policies/none"
        let error = await refusal { _ = try await service.catalogue.create(.with { $0.policy = next }, key: nil) }
        #expect(error?.reason == "POLICY_NOT_FOUND")
    }

    @Test func aWrongFormIsRefusedWithAllViolations() async throws {
        let service = try await Fixture()
        let error = await refusal {
            _ = try await service.catalogue.create(
                .with {
                    $0.policy.validFrom = "1/1/2026"
                    $0.policy.components = [.init()]
                }, key: nil)
        }
        #expect(error?.code == .invalidArgument)
        #expect(
            error?.violations.map(\.field) == [
                "policy.valid_from", "policy.beneficiary", "policy.components[0].kind",
            ])
    }

    @Test func enrolmentListsAreRefusedWhereTheyMeanNothing() async throws {
        let service = try await Fixture()
        try await service.apply([Fixture.team("a", in: "yb")])
        let unknown = await refusal { try await service.enrol(["a", "zz"], from: "2024-01-01") }
        #expect(unknown?.reason == "UNKNOWN_TEAM")
        #expect(unknown?.metadata["teams"] == "teams/zz")
        let unused = await refusal {
            _ = try await service.catalogue.record(
                .with {
                    $0.enrolmentList.policy = "policies/ha-tinh-119-2023"
                    $0.enrolmentList.decision.number = "1"
                    $0.enrolmentList.from = "2024-01-01"
                    $0.enrolmentList.teams = ["teams/a"]
                }, key: nil)
        }
        #expect(unused?.reason == "ENROLMENT_NOT_USED")
        try await service.enrol(["a", "a"], from: "2024-01-01", to: "2024-06-30")
        let lists = try await service.catalogue.listEnrolments(.with { $0.policy = "policies/yen-bai-60-2022" })
        #expect(lists.enrolmentLists.map(\.teamCount) == [1])
        #expect(try await service.entitlement("a", "2024-01", "2024-12").amountDong == 3_000_000)
    }
}
