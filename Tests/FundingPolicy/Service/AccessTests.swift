import FundingPolicy
import RPC
import ServiceKit
import Shared
import Storage
import SwiftProtobuf
import TestSupport
import Testing

/// Grants name verbs and a unit: they cover "that unit's subtree today and the past of all territory now in it".
@Suite(.onBothEngines) struct AccessTests {
    private func service() async throws -> Fixture {
        let service = try await Fixture()
        try await service.apply([
            Fixture.team("a", in: "ht"), Fixture.team("b", in: "bd"), Fixture.team("c", in: "bd", level: .commune),
            Fixture.team("y", in: "yb"),
        ])
        return service
    }

    private func allows(_ service: Fixture, _ verbs: Set<String>, at unit: String, _ need: AccessNeed) throws -> Bool {
        let identity = Identity(subject: "x", grants: [.init(verbs: verbs, unit: unit)])
        return try service.database.read { transaction in
            let reach = Reach(
                identity: identity, source: FactsReader(transaction), today: service.clock.now.localDate)
            return try AccessGate.allows(need, reach, transaction)
        }
    }

    @Test func aProvinceReachesItsOwnUnitsTeamsAndPolicies() async throws {
        let service = try await service()
        func reads(_ need: AccessNeed) throws -> Bool { try allows(service, ["funding.read"], at: "units/ht", need) }
        #expect(try reads(.unit(.read, "units/ht")))
        #expect(try reads(.unit(.read, "units/ht-hamlet")))
        #expect(try reads(.unit(.read, "units/ht-commune")))
        #expect(try reads(.team(.read, "teams/a")))
        #expect(try reads(.policy(.read, Fixture.haTinh)))
        #expect(try reads(.somewhere(.read)))
        #expect(try !reads(.unit(.read, "units/bd")))
        #expect(try !reads(.unit(.read, "")))
        #expect(try !reads(.unit(.read, "units/vn")))
        #expect(try !reads(.nation(.read)))
        #expect(try !reads(.team(.read, "teams/b")))
        #expect(try !reads(.policy(.read, Fixture.binhDuong)))
        #expect(try !reads(.policy(.read, "")))
        #expect(try !reads(.team(.prepare, "teams/a")))
        #expect(try !reads(.team(.read, "teams/none")))
        #expect(try !reads(.unit(.read, "units/none")))
        #expect(try !reads(.run(.read, "runs/none")))
    }

    @Test func theProvinceThatHasTheTerritoryNowReachesItsPastAndItsPolicies() async throws {
        let service = try await service()
        for verb in [FundingVerb.read, .prepare, .approve, .pay, .administer] {
            func does(_ need: AccessNeed) throws -> Bool { try allows(service, [verb.name], at: "units/hcm", need) }
            #expect(try does(.unit(verb, "units/bd")))
            #expect(try does(.team(verb, "teams/b")))
            #expect(try does(.policy(verb, Fixture.binhDuong)))
            #expect(try !does(.policy(verb, Fixture.haTinh)))
            #expect(try !does(.nation(verb)))
        }
    }

    @Test func anAbolishedProvinceIsReadAccessToItsPast() async throws {
        let service = try await service()
        func has(_ need: AccessNeed) throws -> Bool { try allows(service, ["funding.*"], at: "units/bd", need) }
        #expect(try has(.unit(.read, "units/bd")))
        #expect(try has(.unit(.read, "units/bd-commune")))
        #expect(try has(.team(.read, "teams/b")))
        #expect(try has(.team(.read, "teams/c")))
        #expect(try has(.policy(.read, Fixture.binhDuong)))
        #expect(try !has(.unit(.read, "units/hcm")))
        #expect(try !has(.team(.prepare, "teams/b")))
        #expect(try !has(.unit(.prepare, "units/bd")))
        #expect(try !has(.policy(.approve, Fixture.binhDuong)))
    }

    @Test func verbsCoverWhatTheySay() async throws {
        let service = try await service()
        for (verbs, covered) in [
            (["funding.write"], [.prepare, .approve, .pay, .administer]), (["funding.read"], [.read]),
            (Set(["*"]), FundingVerb.allCases), (Set(["funding.*"]), FundingVerb.allCases), (["registry.*"], []),
            (["funding.prepare", "funding.pay"], [.prepare, .pay]),
        ] as [(Set<String>, [FundingVerb])] {
            for verb in FundingVerb.allCases {
                #expect(try allows(service, verbs, at: "", .nation(verb)) == covered.contains(verb), "\(verbs) \(verb)")
                #expect(
                    try allows(service, verbs, at: "units/ht", .team(verb, "teams/a")) == covered.contains(verb))
            }
        }
        #expect(try !allows(service, ["*"], at: "ht", .team(.read, "teams/a")))
    }

    @Test func runsClaimsAndBatchesAreWhereTheirUnitTeamOrPolicyIs() async throws {
        let service = try await service()
        try await service.appropriate(Fixture.haTinh, 2024, 10_000_000)
        let own = try await service.posted(
            .with {
                $0.unit = "units/ht"
                $0.fromMonth = "2024-10"
            })
        let whole = try await service.run(.with { $0.fromMonth = "2024-10" })
        let batch = try await service.batch()
        func reads(_ unit: String, _ need: AccessNeed) throws -> Bool {
            try allows(service, ["funding.read"], at: unit, need)
        }
        for (unit, expected) in [("units/ht", true), ("units/hcm", false)] {
            #expect(try reads(unit, .run(.read, own.name)) == expected)
            #expect(try reads(unit, .batch(.read, batch.name)) == expected)
            #expect(
                try reads(unit, .account(.read, "accounts/ha-tinh-119-2023.2024.state.payable")) == expected)
            #expect(try !reads(unit, .run(.read, whole.name)))
        }
        #expect(try reads("", .run(.read, whole.name)))
        // A next version cannot carry a policy into another province.
        #expect(
            try !allows(
                service, ["*"], at: "units/ht", .draft(.administer, code: "74", unit: "", on: day("2024-01-01"))))
        #expect(
            try allows(
                service, ["*"], at: "units/hcm", .draft(.administer, code: "74", unit: "", on: day("2024-01-01"))))
    }
}
