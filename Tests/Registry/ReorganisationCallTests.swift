import Foundation
import RPC
import ServiceKit
import Shared
import SwiftProtobuf
import TestSupport
import Testing

@testable import Registry

/// A Registry of its own: here the whole tree changes.
@Suite(.onBothEngines) struct ReorganisationCallTests {
    /// The country is moved in these calls; a machine may take its time.
    private let patient = CallOptions(timeout: .seconds(900))

    private func event(_ registry: RunningRegistry, _ day: String) async throws -> Cdt_Registry_V1_Reorganisation {
        let all = try await registry.reorganisations.listReorganisations(.init()).reorganisations
        return try #require(all.first { $0.effectiveOn == day })
    }

    private func revert(_ registry: RunningRegistry, _ day: String) async throws
        -> Cdt_Registry_V1_RevertReorganisationResponse
    {
        let name = try await event(registry, day).name
        return try await registry.reorganisations.revertReorganisation(.with { $0.name = name }, options: patient)
    }

    /// All teams on a day, without what only tells how often they were written.
    private func picture(_ registry: RunningRegistry, on day: String) async throws -> [Cdt_Registry_V1_Team] {
        try await registry.registry.listTeams(
            .with {
                $0.date = day
                $0.pageSize = 1000
            }
        ).teams.map { team in
            var team = team
            team.etag = ""
            team.clearUpdateTime()
            return team
        }.sorted { $0.name < $1.name }
    }

    private func count(_ registry: RunningRegistry, _ code: String, _ day: String) async throws -> Int64 {
        let unit = try await registry.unit(code, on: day)
        let counts = try await registry.registry.countTeams(
            .with {
                $0.unit = unit
                $0.date = day
            })
        return counts.communeTeams + counts.hamletTeams
    }

    @Test func `1/7/2025 applied to teams of 2024, as previewed, and reverted to exactly what was`() async throws {
        let registry = try await RunningRegistry.start(on: TestDatabase.serviceArguments())
        let listed = try await registry.reorganisations.listReorganisations(.init()).reorganisations
        #expect(listed.map(\.effectiveOn) == ["2025-07-01", "2026-04-30", "2026-09-01", "2026-09-20"])
        #expect(listed.allSatisfy { $0.state == .applied })
        #expect(listed.first?.document.number == "202/2025/QH15")

        // Later ones stand on it.
        let early = await registry.failure { _ = try await revert(registry, "2025-07-01") }
        #expect(early.code == .failedPrecondition)
        #expect(early.reason == "LATER_FACTS")
        #expect(early.metadata["kind"] == "reorganisations")
        for day in ["2026-09-20", "2026-09-01", "2026-04-30", "2025-07-01"] {
            #expect(try await revert(registry, day).reorganisation.state == .reverted)
        }
        let again = await registry.failure { _ = try await revert(registry, "2025-07-01") }
        #expect(again.reason == "REORGANISATION_NOT_APPLIED")
        let today = "2026-11-21"
        #expect(
            try await registry.registry.listUnits(
                .with {
                    $0.level = .province
                    $0.date = today
                }
            ).totalSize == 63)

        // Teams of communes that were merged, divided and left alone, with hamlets, and some members.
        let communes = ["03160", "00001", "00004", "00006", "07294", "20260", "20311", "20312"]
        let divided = try await dividedCommunes(registry, 2)
        var rows: [Cdt_Registry_V1_ImportRow] = []
        for (index, code) in (communes + divided).enumerated() {
            let number = Int64(rows.count + 1)
            rows.append(teamRow(number, "c\(index)", commune: code))
            rows.append(teamRow(number + 1, "h\(index)", commune: code, hamlet: "Thôn 1"))
            rows.append(
                memberRow(number + 2, "m\(index)", team: "c\(index)", role: .leader) {
                    $0.phones = []
                })
        }
        let imported = try await registry.importing(rows, source: "national", codeDate: "2024-10-15", perMessage: 30)
        #expect(imported.summary.rejected == 0)
        let old = try await picture(registry, on: today)
        let shown = try await event(registry, "2025-07-01")

        let preview = try await registry.reorganisations.previewReorganisation(
            .with { $0.name = shown.name }, options: patient)
        #expect(preview.problems.isEmpty)
        #expect(preview.effect.unitsEnded == 52 + 696 + 10_035)
        #expect(preview.effect.unitsCreated == 23 + 3_321)
        #expect(preview.effect.teams == Int64(2 * (communes.count + divided.count)))
        #expect(preview.effect.hamlets == Int64(communes.count + divided.count))
        #expect(preview.effect.memberships == Int64(communes.count + divided.count))
        // Of each divided commune its team and its hamlet.
        #expect(preview.effect.needsPlacement >= 4)
        let applied = try await registry.reorganisations.applyReorganisation(
            .with {
                $0.name = shown.name
                $0.etag = shown.etag
            }, options: patient)
        #expect(applied.reorganisation.state == .applied)
        #expect(applied.effect == preview.effect)

        let moved = try await picture(registry, on: today)
        #expect(moved.count == old.count)
        for team in moved where team.level == .commune {
            let unit = try await registry.registry.getUnit(.with { $0.name = team.unit })
            #expect(unit.inForce)
        }
        // "A new unit's past is the sum over the teams placed in it."
        let sources = try await count(registry, "20", "2025-06-30")
        #expect(try await count(registry, "20", today) == sources)
        #expect(try await count(registry, "48", "2025-06-30") == 6)
        #expect(try await count(registry, "48", today) == 6)

        try await correct(registry)
        let blocked = await registry.failure { _ = try await revert(registry, "2025-07-01") }
        #expect(blocked.reason == "LATER_FACTS")
        await registry.stop()
    }

    @Test func `a revert gives back exactly what was`() async throws {
        let registry = try await RunningRegistry.start(on: TestDatabase.serviceArguments())
        let today = "2026-11-21"
        let before = try await event(registry, "2026-09-20")
        let rows = ["07294", "09193", "03160"].enumerated().map { index, code in
            teamRow(Int64(index + 1), "t\(index)", commune: code, established: "2025-08-01")
        }
        _ = try await registry.importing(rows, source: "national", codeDate: "2026-01-15")
        let applied = try await picture(registry, on: today)
        let answer = try await revert(registry, "2026-09-20")
        #expect(answer.teams == 2)
        let reverted = try await picture(registry, on: today)
        #expect(reverted != applied)
        #expect(reverted.allSatisfy { $0.placements.count == 1 })
        let ward = try await registry.registry.resolveUnitCode(.with { $0.code = "07294" }).unit
        #expect(ward.displayName == "Xã Bố Hạ")

        let again = try await registry.reorganisations.applyReorganisation(
            .with { $0.name = before.name }, options: patient)
        #expect(again.effect.teams == 2)
        #expect(try await picture(registry, on: today) == applied)
        #expect(try await revert(registry, "2026-09-20").teams == 2)
        #expect(try await picture(registry, on: today) == reverted)
        await registry.stop()
    }

    @Test func `a draft of a province's own is previewed, applied and corrected`() async throws {
        let registry = try await RunningRegistry.start(on: TestDatabase.serviceArguments())
        let source = try await registry.unit("03160", on: "2026-11-21")
        let team = try await registry.registry.createTeam(
            .with {
                $0.team.level = .commune
                $0.team.unit = source
                $0.team.displayName = "Tổ công nghệ số cộng đồng"
                $0.from = "2025-07-01"
            }
        ).team
        func draft(_ change: (inout Cdt_Registry_V1_CreateReorganisationRequest) -> Void) async throws
            -> Cdt_Registry_V1_Reorganisation
        {
            var request = Cdt_Registry_V1_CreateReorganisationRequest.with {
                $0.reorganisation.title = "Chia xã"
                $0.reorganisation.effectiveOn = "2026-06-01"
                $0.reorganisation.document.number = "1/NQ-HĐND"
                $0.newUnits = [
                    .with {
                        $0.key = "a"
                        $0.level = .commune
                        $0.code = "99001"
                        $0.displayName = "Xã Một"
                        $0.kind = "xã"
                    },
                    .with {
                        $0.key = "b"
                        $0.level = .commune
                        $0.code = "99002"
                        $0.displayName = "Xã Hai"
                        $0.kind = "xã"
                    },
                ]
                $0.lines = ["a", "b"].map { key in
                    .with {
                        $0.kind = .split
                        $0.source = source
                        $0.target = key
                        $0.isDefault = key == "a"
                    }
                }
                $0.requestID = UUID().uuidString
            }
            change(&request)
            return try await registry.reorganisations.createReorganisation(request).reorganisation
        }
        let wrong = await registry.failure { _ = try await draft { $0.lines[0].isDefault = false } }
        #expect(wrong.code == .invalidArgument)
        #expect(wrong.reason == "DEFAULT_MISSING")
        let event = try await draft { _ in }
        #expect(event.state == .draft)
        #expect(event.lineCount == 2)
        let lines = try await registry.reorganisations.listReorganisationLines(.with { $0.parent = event.name })
        #expect(lines.lines.map(\.target) == ["a", "b"])
        #expect(lines.newUnits.map(\.code) == ["99001", "99002"])
        let applied = try await registry.reorganisations.applyReorganisation(
            .with {
                $0.name = event.name
                $0.requestID = UUID().uuidString
            }, options: patient)
        #expect(applied.effect.teams == 1)
        #expect(applied.effect.needsPlacement == 1)
        let placed = try await registry.registry.getTeam(.with { $0.name = team.name }).team
        #expect(placed.flags.contains("NEEDS_PLACEMENT"))
        #expect(placed.placements.map(\.from) == ["2025-07-01", "2026-06-01"])
        let second = try await registry.unit("99002", on: "2026-11-21")
        let stranger = try await registry.unit("03166", on: "2026-11-21")
        let refused = await registry.failure {
            _ = try await registry.reorganisations.correctPlacement(
                .with {
                    $0.name = team.name
                    $0.commune = stranger
                })
        }
        #expect(refused.reason == "NOT_A_SUCCESSOR")
        let corrected = try await registry.reorganisations.correctPlacement(
            .with {
                $0.name = team.name
                $0.commune = second
                $0.etag = placed.etag
                $0.requestID = UUID().uuidString
            })
        #expect(corrected.from == "2026-06-01")
        #expect(corrected.teams.map(\.unit) == [second])
        #expect(!corrected.teams.contains { $0.flags.contains("NEEDS_PLACEMENT") })
        let blocked = await registry.failure {
            _ = try await registry.reorganisations.revertReorganisation(.with { $0.name = event.name })
        }
        #expect(blocked.reason == "LATER_FACTS")
        #expect(blocked.metadata["names"] == team.name)
        await registry.stop()
    }

    @Test func `every write is in the audit, sealed within a while, and the chain is whole`() async throws {
        let registry = try await RunningRegistry.shared.value
        let person = try await registry.registry.createPerson(.with { $0.person.fullName = "Nông Thị Mai" }).person
        _ = try await registry.registry.getPerson(.with { $0.name = person.name })
        let entries = try await registry.audit.listAuditEntries(.with { $0.resource = person.name }).entries
        #expect(entries.map(\.action) == ["GetPerson", "CreatePerson"])
        #expect(entries[0].afterHash.isEmpty)
        #expect(entries[1].afterHash.count == 64)
        // Others write as well: wait until these entries are sealed.
        var sealed = entries
        for _ in 0..<600 where sealed.contains(where: { $0.sequence == 0 }) {
            try await Task.sleep(for: .milliseconds(100))
            sealed = try await registry.audit.listAuditEntries(.with { $0.resource = person.name }).entries
        }
        #expect(sealed.allSatisfy { $0.sequence > 0 })
        let kept = try #require(sealed.first)
        let answer = try await registry.audit.verifyAudit(
            .with {
                $0.expectedSequence = kept.sequence
                $0.expectedHash = kept.chainHash
            }, options: patient)
        #expect(answer.intact)
        #expect(answer.headSequence >= kept.sequence)
        let forged = try await registry.audit.verifyAudit(
            .with {
                $0.expectedSequence = kept.sequence
                $0.expectedHash = String(repeating: "0", count: 64)
            }, options: patient)
        #expect(!forged.intact)
        #expect(forged.brokenAt == kept.sequence)
        let wrong = await registry.failure {
            _ = try await registry.audit.verifyAudit(
                .with {
                    $0.expectedSequence = 1
                    $0.expectedHash = "xyz"
                })
        }
        #expect(wrong.reason == "INVALID_HASH")
    }

    // MARK: Parts

    /// Codes of communes that 1/7/2025 divides.
    private func dividedCommunes(_ registry: RunningRegistry, _ count: Int) async throws -> [String] {
        let name = try await event(registry, "2025-07-01").name
        var token = ""
        var found: [String] = []
        repeat {
            let page = try await registry.reorganisations.listReorganisationLines(
                .with {
                    $0.parent = name
                    $0.pageSize = 1000
                    $0.pageToken = token
                })
            for line in page.lines where line.kind == .split && line.isDefault && found.count < count {
                found.append(try await registry.registry.getUnit(.with { $0.name = line.source }).unit.code)
            }
            token = page.nextPageToken
        } while found.count < count && !token.isEmpty
        return found
    }

    /// A hamlet of a divided commune is corrected; its team goes along.
    private func correct(_ registry: RunningRegistry) async throws {
        let waiting = try await registry.registry.listTeams(
            .with {
                $0.flag = "NEEDS_PLACEMENT"
                $0.level = .hamlet
            }
        ).teams
        let team = try #require(waiting.first)
        let byTeam = await registry.failure {
            _ = try await registry.reorganisations.correctPlacement(
                .with {
                    $0.name = team.name
                    $0.commune = "units/vn"
                })
        }
        #expect(byTeam.reason == "PLACED_BY_HAMLET")
        let hamlet = try await registry.registry.getUnit(
            .with {
                $0.name = team.unit
                $0.date = "2025-06-30"
            }
        ).unit
        let parts = try await registry.registry.listUnitSuccessions(.with { $0.name = hamlet.parent }).successors
        let part = try #require(parts.last { !$0.isDefault })
        let corrected = try await registry.reorganisations.correctPlacement(
            .with {
                $0.name = team.unit
                $0.commune = part.target.name
            })
        #expect(corrected.from == "2025-07-01")
        #expect(corrected.teams.map(\.name) == [team.name])
        let now = try await registry.registry.getUnit(.with { $0.name = team.unit }).unit
        #expect(now.parent == part.target.name)
    }
}
