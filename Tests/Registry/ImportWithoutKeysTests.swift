import Foundation
import ServiceKit
import Shared
import Storage
import SwiftProtobuf
import TestSupport
import Testing

@testable import Registry

/// "Without \[an external id\], teams match by unit, level and decision, and people go to the duplicates queue."
@Suite(.onBothEngines) struct ImportWithoutKeysTests {
    typealias Row = Cdt_Registry_V1_ImportRow

    let registry: RunningRegistry
    let units: UnitIndex
    /// Communes of 2024 in a province where no other test has teams.
    let communes: [String]

    init() async throws {
        registry = try await RunningRegistry.shared.value
        units = try ShippedUnits.index()
        let day = date("2024-10-15")
        let province = try #require(Self.province("96", units, on: day))
        communes = units.descendants(of: province, at: .commune, on: day).map { [units] in units[$0].code }
    }

    private static func province(_ code: String, _ units: UnitIndex, on day: LocalDate) -> UnitRank? {
        guard case .unit(let rank) = units.resolve(code: code, on: day) else { return nil }
        return rank
    }

    /// Both modes say the same; what is stored is told by the second.
    private func both(_ rows: [Row], source: String, codeDate: String = "2024-10-15") async throws -> ImportOutcome {
        let validated = try await registry.importing(rows, mode: .validate, source: source, codeDate: codeDate)
        let stored = try await registry.importing(rows, source: source, codeDate: codeDate)
        #expect(validated.outcomes == stored.outcomes)
        #expect(validated.reasons == stored.reasons)
        return stored
    }

    @Test func `teams are recognised by unit, level and decision`() async throws {
        let (commune, other) = (communes[0], communes[1])
        let rows = [
            teamRow(1, "", commune: commune), teamRow(2, "", commune: commune, hamlet: "Ấp Một"),
            teamRow(3, "", commune: other),
        ]
        let first = try await both(rows, source: "no-keys")
        #expect(first.outcomes == [.accepted, .accepted, .accepted])
        #expect(Set(first.verdicts.map(\.name)).count == 3)
        for source in ["no-keys", "other-system"] {
            let again = try await both(rows, source: source)
            #expect(again.outcomes == [.unchanged, .unchanged, .unchanged])
            #expect(again.verdicts.map(\.name) == first.verdicts.map(\.name))
        }
        // Another name: the same team. Another decision: another team, for which there is no place.
        let changed = try await both(
            [
                teamRow(1, "", commune: commune) { $0.displayName = "Tổ chuyển đổi số cộng đồng" },
                teamRow(2, "", commune: other) { $0.decision.number = "02/QĐ-UBND" },
                teamRow(3, "", commune: communes[2]) { $0.clearDecision() },
            ], source: "no-keys")
        #expect(changed.reasons == [[], ["UNIT_HAS_ACTIVE_TEAM"], []])
        #expect(changed.verdicts[0].name == first.verdicts[0].name)
        let team = try await registry.registry.getTeam(.with { $0.name = first.verdicts[0].name }).team
        #expect(team.displayName == "Tổ chuyển đổi số cộng đồng")
        #expect(team.sourceSystem.isEmpty && team.externalID.isEmpty)
    }

    @Test func `a team keeps the key it has, whoever tells of it without one`() async throws {
        let keyed = try await both([teamRow(1, "k1", commune: communes[3])], source: "keyed")
        let told = try await both(
            [teamRow(1, "", commune: communes[3]) { $0.displayName = "Tổ số" }], source: "unkeyed")
        #expect(told.outcomes == [.accepted])
        #expect(told.verdicts[0].name == keyed.verdicts[0].name)
        let found = try await registry.registry.getTeam(
            .with {
                $0.source.sourceSystem = "keyed"
                $0.source.externalID = "k1"
            }
        ).team
        #expect(found.name == keyed.verdicts[0].name)
        #expect(found.displayName == "Tổ số")
    }

    @Test func `what could mean two teams, or says two things of one, is refused`() async throws {
        let commune = communes[4]
        _ = try await both(
            [
                teamRow(1, "former", commune: commune) { $0.dissolved = "2024-01-31" },
                teamRow(2, "latter", commune: commune, established: "2024-03-01"),
            ], source: "two-teams")
        let rows = [
            teamRow(1, "", commune: commune), teamRow(2, "", commune: communes[5]),
            teamRow(3, "", commune: communes[5]) { $0.displayName = "Khác" },
        ]
        #expect(try await both(rows, source: "two-teams").reasons == [["TEAM_AMBIGUOUS"], [], ["ROW_REPEATED"]])
    }

    @Test func `people without a key are new, are not doubled by the same row, and come to the duplicates queue`()
        async throws
    {
        let team = try await both([teamRow(1, "", commune: communes[6])], source: "people").verdicts[0].name
        let known = memberRow(1, "p1", team: team) {
            $0.fullName = "Huỳnh Thị Bé Ba"
            $0.birth = "1988"
            $0.phones = ["0992777001"]
        }
        func unkeyed(_ number: Int64, _ change: (inout Cdt_Registry_V1_MemberRow) -> Void = { _ in }) -> Row {
            memberRow(number, "", team: team) {
                $0.fullName = "Huỳnh Thị Bé Ba"
                $0.birth = "1988"
                $0.phones = ["0992777001"]
                change(&$0)
            }
        }
        let rows = [known, unkeyed(2), unkeyed(3), unkeyed(4) { $0.phones = ["0992777002"] }]
        let first = try await both(rows, source: "people")
        #expect(first.outcomes == [.accepted, .accepted, .unchanged, .accepted])
        #expect(first.verdicts[1].name == first.verdicts[2].name)
        let again = try await both(rows, source: "people")
        #expect(again.outcomes == rows.map { _ in .unchanged })
        #expect(again.verdicts.map(\.name) == first.verdicts.map(\.name))
        let people = try await registry.registry.listMemberships(
            .with {
                $0.parent = team
                $0.date = "2024-10-15"
            }
        ).memberships.map(\.person)
        #expect(Set(people).count == 3)

        _ = try await registry.people.scanDuplicates(.with { $0.all = true })
        let person = try await registry.registry.getMembership(.with { $0.name = first.verdicts[1].name }).membership
            .person
        let queue = try await registry.people.listDuplicates(.with { $0.person = person }).duplicates
        #expect(!queue.isEmpty)
        #expect(queue.allSatisfy { people.contains($0.firstPerson) && people.contains($0.secondPerson) })
    }

    @Test func `two hamlets of one name, another team, a full team that only warns: each its own reason`() async throws
    {
        let day = date("2025-10-15")
        // A commune that two whole ones became.
        let merged = try #require(
            units.all.indices.last {
                units[$0].level == .commune && units[$0].validity.contains(day)
                    && units.predecessors(of: $0).count { !$0.isPart && units[$0.source].level == .commune } >= 2
            })
        let parts = units.predecessors(of: merged).filter { !$0.isPart && units[$0.source].level == .commune }
            .map { units[$0.source].code }
        let former = try await both(
            [
                teamRow(1, "a", commune: parts[0], hamlet: "Ấp Trùng Tên"),
                teamRow(2, "b", commune: parts[1], hamlet: "Ấp Trùng Tên"),
                teamRow(3, "c", commune: communes[7], hamlet: "Ấp Bảy"), memberRow(4, "m", team: "a"),
            ], source: "reasons")
        #expect(former.summary.rejected == 0)
        let commune = try await registry.unit(communes[7], on: "2024-10-15")
        _ = try await registry.registry.createCapacityPolicy(
            .with {
                $0.policy.unit = commune
                $0.policy.level = .hamlet
                $0.policy.limit = 1
                $0.policy.mode = .warn
                $0.policy.from = "2022-01-01"
            })
        let full = try await both(
            [memberRow(1, "first", team: "c"), memberRow(2, "second", team: "c"), memberRow(3, "m", team: "b")],
            source: "reasons")
        #expect(full.reasons == [[], ["OVER_CAPACITY"], ["TEAM_CHANGED"]])
        #expect(full.outcomes == [.accepted, .warned, .rejected])
        let ambiguous = try await both(
            [teamRow(1, "d", commune: units[merged].code, hamlet: "Ấp Trùng Tên", established: "2025-08-01")],
            source: "reasons", codeDate: "2025-10-15")
        #expect(ambiguous.reasons == [["HAMLET_AMBIGUOUS"]])
    }
}
