import Foundation
import FundingPolicy
import ServiceKit
import Shared
import Storage
import SwiftProtobuf
import TestSupport
import Testing

/// Ten explanations, as a person reads them, are part of the documentation. They are told by the service itself: with
/// `CDT_WRITE_DOCUMENTS=1` this test writes the file anew.
@Suite struct ExplanationDocumentTests {
    private static let file = "\(PackageFolder.path)/Services/FundingPolicy/EXPLANATIONS.md"

    private struct Told {
        var title: String
        var explanation: Cdt_Funding_V1_Explanation
    }

    @Test func theDocumentShowsWhatTheServiceSays() async throws {
        var text = """
            # Ten explanations

            What the service answers when somebody asks why an amount is what it is: of lines in `explanation` of
            `GetTeamEntitlement`, `ComputeEntitlements` and `ListRunLines`, of claims in `explanation` of each item. A test
            asks the service and compares this file; `CDT_WRITE_DOCUMENTS=1 ./dev test --filter ExplanationDocumentTests`
            writes it anew.

            """
        for (index, told) in try await told().enumerated() {
            text += """

                ## \(index + 1). \(told.title)

                ```text
                \(told.explanation.text)
                ```

                ```text
                \(told.explanation.textVi)
                ```

                """
        }
        if ProcessInfo.processInfo.environment["CDT_WRITE_DOCUMENTS"] != nil {
            try text.write(toFile: Self.file, atomically: true, encoding: .utf8)
        }
        let kept = try String(contentsOfFile: Self.file, encoding: .utf8)
        #expect(kept == text, "write the document anew: CDT_WRITE_DOCUMENTS=1")
    }

    private func told() async throws -> [Told] {
        let service = try await Fixture()
        try await service.apply([
            Fixture.team("pa-khoang", in: "yb"),
            Fixture.team("moi", in: "ht", from: "2024-03-15", decision: "2024-03-15"),
            Fixture.team("chua-qd", in: "ht", decision: nil), Fixture.team("thuan-an", in: "bd"),
            Fixture.team("phuong", in: "bd", level: .commune), Fixture.team("xa", in: "dn-old", level: .commune),
            Fixture.team("hoa-vang", in: "dn-old"), Fixture.member("an", of: "thuan-an"),
            Fixture.member("binh", of: "thuan-an", from: "2024-06-20"), Fixture.member("chi", of: "thuan-an"),
            Fixture.member("chi", of: "phuong", from: "2024-05-11"),
        ])
        try await service.enrol(["pa-khoang"], from: "2022-12-09")
        func line(
            _ team: String, _ month: String, rule: Cdt_Funding_V1_PartMonthRule = .unspecified, policy: String = "",
            _ chosen: (Cdt_Funding_V1_EntitlementLine) -> Bool = { _ in true }
        ) async throws -> Cdt_Funding_V1_Explanation {
            let lines = try await service.entitlement(team, month, policy: policy, rule: rule).lines
            let line = lines.first(where: chosen)
            return try #require(line).explanation
        }
        var told = [
            Told(title: "A whole month of a team on its list", explanation: try await line("pa-khoang", "2024-01")),
            Told(title: "A team established in the middle of a month", explanation: try await line("moi", "2024-03")),
            Told(title: "The same month, paid by the day", explanation: try await line("moi", "2024-03", rule: .daily)),
            Told(title: "A team without a decision", explanation: try await line("chua-qd", "2024-10")),
            Told(
                title: "A member who joined too late in the month",
                explanation: try await line("thuan-an", "2024-06") { $0.person == "people/binh" }),
            Told(
                title: "A person in two teams, booked to the one with most days",
                explanation: try await line("thuan-an", "2024-05") { $0.person == "people/chi" }),
            Told(
                title: "Bình Dương's territory after it became part of Hồ Chí Minh City",
                explanation: try await line("thuan-an", "2025-07") { $0.person == "people/an" }),
            Told(
                title: "A team of a level that the policy does not cover",
                explanation: try await line("xa", "2024-10", policy: Fixture.daNang)),
        ]
        told.append(Told(title: "A claim that the yearly ceiling cuts", explanation: try await cutClaim(service)))
        told.append(
            Told(title: "A month taken back after a correction", explanation: try await takenBack(service)))
        return told
    }

    private func cutClaim(_ service: Fixture) async throws -> Cdt_Funding_V1_Explanation {
        try await service.appropriate(Fixture.daNang, 2024, 10_000_000)
        service.clock.set(day("2024-12-28"))
        _ = try await service.approve(service.claim("2024-10-15", 2_400_000, team: "hoa-vang"))
        let claim = try await service.approve(service.claim("2024-12-20", 1_200_000, team: "hoa-vang"))
        service.clock.set(day("2025-12-01"))
        return claim.items[0].explanation
    }

    private func takenBack(_ service: Fixture) async throws -> Cdt_Funding_V1_Explanation {
        try await service.appropriate(Fixture.binhDuong, 2024, 10_000_000)
        let request = Cdt_Funding_V1_StartRunRequest.with {
            $0.unit = "units/bd"
            $0.fromMonth = "2024-11"
        }
        _ = try await service.posted(request)
        try await service.apply([Fixture.member("an", of: "thuan-an", to: "2024-10-31")])
        let run = try await service.posted(request)
        let lines = try await service.runs.lines(
            .with {
                $0.run = run.name
                $0.onlyDeltas = true
                $0.explain = true
            }
        ).lines
        return try #require(lines.first).explanation
    }
}
