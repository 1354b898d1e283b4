import FundingPolicy
import ServiceKit
import Shared
import Storage
import SwiftProtobuf
import TestSupport
import Testing

@Suite(.onBothEngines) struct SimulationTests {
    private func simulate(_ service: Fixture, _ request: Cdt_Funding_V1_SimulatePoliciesRequest) async throws
        -> Cdt_Funding_V1_SimulatePoliciesResponse
    {
        var last = Cdt_Funding_V1_SimulatePoliciesResponse()
        var done: Int64 = 0
        try await service.simulations.simulate(request) { response in
            #expect(response.teamsDone >= done)
            done = response.teamsDone
            last = response
        }
        return last
    }

    private func country() async throws -> Fixture {
        let service = try await Fixture()
        try await service.apply([
            Fixture.team("a", in: "ht"), Fixture.team("b", in: "ht", level: .commune), Fixture.team("c", in: "bd"),
            Fixture.team("e", in: "hcm-old"), Fixture.member("p", of: "c"), Fixture.member("q", of: "c"),
        ])
        return service
    }

    @Test func theCostIsToldByMonthProvinceAndLevel() async throws {
        let service = try await country()
        let answer = try await simulate(
            service,
            .with {
                $0.fromMonth = "2025-06"
                $0.toMonth = "2025-07"
            })
        #expect(answer.complete && answer.teamsDone == answer.teamsTotal)
        #expect(answer.amountDong == 2 * (1_200_000 + 120_000))
        #expect(answer.cells.reduce(0) { $0 + $1.amountDong } == answer.amountDong)
        // In the tree of the last day of the period, Bình Dương's teams are in Hồ Chí Minh City.
        #expect(
            answer.cells.map { "\($0.month) \($0.provinceDisplayName) \($0.teamLevel.rawValue) \($0.amountDong)" } == [
                "2025-06 Hà Tĩnh 1 600000", "2025-06 Hà Tĩnh 2 600000", "2025-06 Thành phố Hồ Chí Minh 2 120000",
                "2025-07 Hà Tĩnh 1 600000", "2025-07 Hà Tĩnh 2 600000", "2025-07 Thành phố Hồ Chí Minh 2 120000",
            ])
        #expect(answer.cells.map(\.personsPaid) == [0, 0, 2, 0, 0, 2])
        let before = try await simulate(
            service,
            .with {
                $0.fromMonth = "2025-06"
                $0.treeDate = "2025-06-30"
            })
        #expect(before.cells.map(\.provinceDisplayName) == ["Hà Tĩnh", "Hà Tĩnh", "Bình Dương"])
    }

    @Test func aDraftIsComparedWithWhatIsInForceAndNothingIsWritten() async throws {
        let service = try await country()
        var draft = try service.catalogue.get(.with { $0.name = Fixture.haTinh }).policy
        draft.components[0].rateDong = 700_000
        draft.levels = [.hamlet]
        let next = try await service.catalogue.create(.with { $0.policy = draft }, key: nil).policy
        func rows() throws -> [Int] {
            try service.database.read { transaction in
                try ["runs", "run_lines", "ledger_journals", "request_ids"].map {
                    try transaction.count("SELECT count(*) FROM \($0)")
                }
            }
        }
        let stored = try rows()
        let answer = try await simulate(
            service,
            .with {
                $0.unit = "units/ht"
                $0.fromMonth = "2024-10"
                $0.policies = [.with { $0.policy = Fixture.haTinh }]
                $0.alternatives = [
                    .with {
                        $0.policy = next.name
                        $0.version = next.version
                    }
                ]
            })
        #expect([answer.amountDong, answer.alternativeAmountDong] == [1_200_000, 700_000])
        #expect(answer.cells.map(\.differenceDong) == [-600_000, 100_000])
        #expect(answer.cells.map(\.alternativeTeamsPaid) == [0, 1])
        #expect(answer.totals.map(\.policyVersion) == [1] && answer.alternativeTotals.map(\.policyVersion) == [2])
        #expect(try rows() == stored)
    }

    @Test func wrongQuestionsNameTheField() async throws {
        let service = try await Fixture()
        let wrong = await refusal {
            _ = try await simulate(
                service,
                .with {
                    $0.unit = "x"
                    $0.alternatives = [.with { $0.policy = "y" }]
                    $0.treeDate = "z"
                })
        }
        #expect(wrong?.violations.map(\.field) == ["unit", "alternatives[0].policy", "from_month", "tree_date"])
        let unknown = await refusal {
            _ = try await simulate(
                service,
                .with {
                    $0.unit = "units/none"
                    $0.fromMonth = "2024-10"
                })
        }
        #expect(unknown?.reason == "UNIT_NOT_FOUND")
    }
}
