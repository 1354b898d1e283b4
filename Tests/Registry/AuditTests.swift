import Foundation
import RPC
import ServiceKit
import Shared
import Storage
import SwiftProtobuf
import TestSupport
import Testing

@testable import Registry

/// R11: "every write is audited (who, when, what, before/after hash, request id) …; reads of personal data are audited
/// too. It cannot be switched off."
@Suite(.onBothEngines) struct AuditTests {
    private let registry: RunningRegistry
    init() async throws { registry = try await RunningRegistry.shared.value }

    private struct Line: Hashable {
        var actor, action, requestID: String
        var before: [UInt8]?
        var after: [UInt8]?
    }

    /// What the audit says of a resource, oldest first.
    private func lines(of resource: String) throws -> [Line] {
        try registry.service.context.database.read { tx in
            try tx.query(
                """
                SELECT actor, action, request_id, before_hash, after_hash FROM audit WHERE resource = ?
                ORDER BY recorded_at, id
                """, [.text(resource)]
            ) {
                Line(
                    actor: try $0.text(0), action: try $0.text(1), requestID: try $0.text(2),
                    before: try $0.blobOrNull(3), after: try $0.blobOrNull(4))
            }
        }
    }

    private func newPerson(_ requestID: String = "") async throws -> Cdt_Registry_V1_Person {
        try await registry.registry.createPerson(
            .with {
                $0.person.fullName = "Lường Thị Mai"
                $0.person.phones = ["0992000077"]
                $0.requestID = requestID
            }
        ).person
    }

    @Test func `every write leaves who, what, the request id, and the hashes of before and after`() async throws {
        let (first, second) = (UUID().uuidString, UUID().uuidString)
        let person = try await newPerson(first)
        let change = Cdt_Registry_V1_UpdatePersonRequest.with {
            $0.person = person
            $0.person.fullName = "Lường Thị Mai Anh"
            $0.updateMask = .with { $0.paths = ["full_name"] }
            $0.requestID = second
        }
        _ = try await registry.registry.updatePerson(change)
        // The same request again writes nothing, and a change of nothing neither.
        _ = try await registry.registry.updatePerson(change)
        var same = change
        same.person.etag = ""
        same.requestID = UUID().uuidString
        _ = try await registry.registry.updatePerson(same)
        let lines = try lines(of: person.name)
        #expect(lines.map(\.action) == ["CreatePerson", "UpdatePerson"])
        #expect(lines.map(\.actor) == ["local", "local"])
        #expect(lines.map { $0.requestID.lowercased() } == [first.lowercased(), second.lowercased()])
        #expect(lines[0].before == nil)
        #expect(lines[0].after?.count == 32)
        #expect(lines[1].before == lines[0].after)
        #expect(lines[1].after?.count == 32 && lines[1].after != lines[1].before)
    }

    @Test func `what is refused leaves no line, nor does what is only validated`() async throws {
        let person = try await newPerson()
        let before = try lines(of: person.name).count
        let refused = await registry.failure {
            _ = try await registry.registry.updatePerson(
                .with {
                    $0.person = person
                    $0.person.etag = "\"old\""
                    $0.person.fullName = "Khác"
                    $0.updateMask = .with { $0.paths = ["full_name"] }
                })
        }
        #expect(refused.reason == "ETAG_MISMATCH")
        #expect(try lines(of: person.name).count == before)

        let rows = [teamRow(1, "audit0", commune: "03202"), memberRow(2, "auditm", team: "audit0")]
        let validated = try await registry.importing(rows, mode: .validate, source: "test-audit")
        #expect(validated.summary.rejected == 0)
        let known = try registry.service.context.database.read {
            try $0.count("SELECT count(*) FROM team WHERE source_system = 'test-audit'")
        }
        #expect(known == 0)
        // The rows that are stored name the import they came by.
        let stored = try await registry.importing(rows, source: "test-audit")
        let team = try await registry.registry.getTeam(
            .with {
                $0.source.sourceSystem = "test-audit"
                $0.source.externalID = "audit0"
            }
        ).team
        let told = try lines(of: team.name)
        #expect(told.map(\.action) == ["ImportRows"])
        #expect(told.map(\.requestID) == [stored.started.batch])
    }

    @Test func `reads of personal data leave a line, other reads none`() async throws {
        let rows = [
            teamRow(1, "reads0", commune: "03217"), memberRow(2, "readsm", team: "reads0", role: .leader),
        ]
        _ = try await registry.importing(rows, source: "test-reads")
        let team = try await registry.registry.getTeam(
            .with {
                $0.source.sourceSystem = "test-reads"
                $0.source.externalID = "reads0"
            }
        ).team
        let membership = try #require(
            try await registry.registry.listMemberships(
                .with {
                    $0.parent = team.name
                    $0.date = "2024-10-15"
                }
            ).memberships.first)
        let written = try lines(of: membership.person).count

        _ = try await registry.registry.getPerson(.with { $0.name = membership.person })
        let listed = try await registry.registry.listMemberships(
            .with {
                $0.parent = team.name
                $0.date = "2024-10-15"
                $0.includePeople = true
            })
        #expect(listed.people.map(\.name) == [membership.person])
        let reads = try lines(of: membership.person).dropFirst(written)
        #expect(reads.map(\.action) == ["GetPerson", "ListMemberships"])
        #expect(reads.allSatisfy { $0.actor == "local" && $0.before == nil && $0.after == nil })

        // An export is one line for all it holds.
        let commune = try await registry.unit("03217", on: "2024-10-15")
        let export = try await registry.imports.exportMembers(
            .with {
                $0.unit = commune
                $0.date = "2024-10-15"
            })
        var exported: [String] = []
        for try await page in export.responses { exported += page.people }
        #expect(exported == [membership.person])
        #expect(try lines(of: "\(commune)/members@2024-10-15").map(\.action) == ["ExportMembers"])
    }
}
