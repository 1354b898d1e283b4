import Foundation
import RPC
import ServiceKit
import Shared
import SwiftProtobuf
import TestSupport
import Testing

@testable import Registry

/// "A grant on one province cannot read, list, stream, import or export another's; a test tries every RPC."
@Suite(.onBothEngines) struct AccessMatrixTests {
    /// Where a call's verb must be granted.
    enum Place: Sendable { case home, nation }

    struct Row: Sendable {
        let verb: String
        let place: Place
        let call: @Sendable (GuardedRegistry, CallOptions) async throws -> Void

        init(
            _ verb: String, _ place: Place = .home,
            _ call: @escaping @Sendable (GuardedRegistry, CallOptions) async throws -> Void
        ) {
            self.verb = verb
            self.place = place
            self.call = call
        }
    }

    /// All methods of the Registry but health and reflection, as the contract lists them: a new one without a row
    /// fails.
    static let methods: [MethodDescriptor] =
        Cdt_Registry_V1_RegistryService.methods + Cdt_Registry_V1_ImportService.methods
        + Cdt_Registry_V1_ReorganisationService.methods + Cdt_Registry_V1_PeopleService.methods
        + Cdt_Registry_V1_AccessService.methods + Cdt_Registry_V1_ProgrammeService.methods
        + Cdt_Registry_V1_AuditService.methods + Cdt_Feed_V1_FeedService.methods

    static let rows: [String: Row] = units.merging(teams) { a, _ in a }.merging(people) { a, _ in a }
        .merging(imports) { a, _ in a }.merging(operations) { a, _ in a }

    static let units: [String: Row] = [
        "GetUnit": Row("registry.read") {
            _ = try await $0.running.registry.getUnit(.with(\.name, $0.home), options: $1)
        },
        "ResolveUnitCode": Row("registry.read") {
            _ = try await $0.running.registry.resolveUnitCode(.with(\.code, "15"), options: $1)
        },
        "ListUnits": Row("registry.read") {
            _ = try await $0.running.registry.listUnits(.with(\.parent, $0.home), options: $1)
        },
        "SearchUnits": Row("registry.read") { registry, options in
            _ = try await registry.running.registry.searchUnits(
                .with {
                    $0.parent = registry.home
                    $0.query = "a"
                }, options: options)
        },
        "ListUnitAncestors": Row("registry.read") {
            _ = try await $0.running.registry.listUnitAncestors(.with(\.name, $0.hamlet), options: $1)
        },
        "ListUnitSuccessions": Row("registry.read") {
            _ = try await $0.running.registry.listUnitSuccessions(.with(\.name, $0.home), options: $1)
        },
        "CreateHamlet": Row("registry.write_teams") { registry, options in
            _ = try await registry.running.registry.createHamlet(
                .with {
                    $0.unit.parent = registry.commune
                    $0.unit.displayName = "Thôn \(UUID())"
                }, options: options)
        },
    ]

    static let teams: [String: Row] = [
        "CreateTeam": Row("registry.write_teams") { registry, options in
            _ = try await registry.running.registry.createTeam(
                .with {
                    $0.team.unit = registry.commune
                    $0.team.level = .commune
                    $0.team.displayName = "Tổ"
                    $0.from = "2025-08-01"
                }, options: options)
        },
        "GetTeam": Row("registry.read") {
            _ = try await $0.running.registry.getTeam(.with(\.name, $0.team), options: $1)
        },
        "ListTeams": Row("registry.read") {
            _ = try await $0.running.registry.listTeams(.with(\.unit, $0.home), options: $1)
        },
        "CountTeams": Row("registry.read") {
            _ = try await $0.running.registry.countTeams(.with(\.unit, $0.home), options: $1)
        },
        "UpdateTeam": Row("registry.write_teams") { registry, options in
            _ = try await registry.running.registry.updateTeam(
                .with {
                    $0.team.name = registry.team
                    $0.team.displayName = "Tổ \(UUID())"
                    $0.updateMask.paths = ["display_name"]
                }, options: options)
        },
        "ChangeTeamStatus": Row("registry.write_teams") { registry, options in
            _ = try await registry.running.registry.changeTeamStatus(
                .with {
                    $0.name = registry.team
                    $0.status = .suspended
                    $0.from = "2027-01-01"
                }, options: options)
        },
        "GetCoverage": Row("registry.read") { registry, options in
            _ = try await registry.running.registry.getCoverage(
                .with {
                    $0.unit = registry.home
                    $0.level = .commune
                }, options: options)
        },
        "ListCoverage": Row("registry.read") { registry, options in
            _ = try await registry.running.registry.listCoverage(
                .with {
                    $0.parent = registry.home
                    $0.level = .commune
                }, options: options)
        },
        "CreateCapacityPolicy": Row("registry.write_teams") { registry, options in
            _ = try await registry.running.registry.createCapacityPolicy(
                .with {
                    $0.policy.unit = registry.commune
                    $0.policy.level = .hamlet
                    $0.policy.limit = 5
                    $0.policy.mode = .warn
                    $0.policy.from = "2026-01-01"
                }, options: options)
        },
        "ListCapacityPolicies": Row("registry.read") {
            _ = try await $0.running.registry.listCapacityPolicies(.with(\.unit, $0.home), options: $1)
        },
    ]

    static let people: [String: Row] = [
        "CreatePerson": Row("registry.write_people") { registry, options in
            _ = try await registry.running.registry.createPerson(
                .with {
                    $0.person.fullName = "Lò Văn Bình"
                    $0.person.sex = .male
                    $0.person.residenceUnit = registry.commune
                }, options: options)
        },
        "GetPerson": Row("registry.read_people") {
            _ = try await $0.running.registry.getPerson(.with(\.name, $0.person), options: $1)
        },
        "UpdatePerson": Row("registry.write_people") { registry, options in
            _ = try await registry.running.registry.updatePerson(
                .with {
                    $0.person.name = registry.person
                    $0.person.email = "a@example.vn"
                    $0.updateMask.paths = ["email"]
                }, options: options)
        },
        "CreateMembership": Row("registry.editor") { registry, options in
            _ = try await registry.running.registry.createMembership(
                .with {
                    $0.parent = registry.team
                    $0.membership.person = registry.twin
                    $0.membership.role = .member
                    $0.membership.from = "2025-09-01"
                }, options: options)
        },
        "GetMembership": Row("registry.read") {
            _ = try await $0.running.registry.getMembership(.with(\.name, $0.membership), options: $1)
        },
        "ListMemberships": Row("registry.viewer,registry.read_people") { registry, options in
            for parent in [registry.team, registry.person] {
                _ = try await registry.running.registry.listMemberships(
                    .with {
                        $0.parent = parent
                        $0.includePeople = true
                    }, options: options)
            }
        },
        "EndMembership": Row("registry.write_people") { registry, options in
            _ = try await registry.running.registry.endMembership(
                .with {
                    $0.name = registry.membership
                    $0.to = "2027-06-30"
                }, options: options)
        },
        "VoidMembership": Row("registry.write_people") {
            _ = try await $0.running.registry.voidMembership(.with(\.name, $0.membership), options: $1)
        },
        "ScanDuplicates": Row("registry.administer", .nation) {
            _ = try await $0.running.people.scanDuplicates(.init(), options: $1)
        },
        "ListDuplicates": Row("registry.read_people") {
            _ = try await $0.running.people.listDuplicates(.with(\.person, $0.twin), options: $1)
        },
        "DismissDuplicate": Row("registry.administer") {
            _ = try await $0.running.people.dismissDuplicate(.with(\.name, $0.duplicate), options: $1)
        },
        "MergePeople": Row("registry.administer") { registry, options in
            _ = try await registry.running.people.mergePeople(
                .with {
                    $0.survivor = registry.mergePair.0
                    $0.merged = registry.mergePair.1
                }, options: options)
        },
        "UnmergePeople": Row("registry.administer") {
            _ = try await $0.running.people.unmergePeople(.with(\.name, $0.merge), options: $1)
        },
        "ExportPersonData": Row("registry.read_people") {
            _ = try await $0.running.people.exportPersonData(.with(\.name, $0.person), options: $1)
        },
        "ErasePerson": Row("registry.administer") {
            _ = try await $0.running.people.erasePerson(.with(\.name, $0.person), options: $1)
        },
    ]

    static let imports: [String: Row] = [
        // Rows outside are refused one by one (GrantScopeTests): the call itself needs the verb somewhere.
        "ImportRows": Row("registry.import") { _ = try await $0.importing([], source: "matrix", options: $1) },
        "GetImportBatch": Row("registry.import", .nation) {
            _ = try await $0.running.imports.getImportBatch(.with(\.name, $0.batch), options: $1)
        },
        "ListImportProblems": Row("registry.import", .nation) {
            _ = try await $0.running.imports.listImportProblems(.with(\.parent, $0.batch), options: $1)
        },
        "ExportTeams": Row("registry.read") {
            let call = try await $0.running.imports.exportTeams(.with(\.unit, $0.home), options: $1)
            for try await _ in call.responses {}
        },
        "ExportMembers": Row("registry.read_people") {
            let call = try await $0.running.imports.exportMembers(.with(\.unit, $0.home), options: $1)
            for try await _ in call.responses {}
        },
        "Follow": Row("registry.read", .nation) { registry, options in
            let call = try await registry.running.feed.follow(.with(\.topic, "registry.facts"), options: options)
            defer { call.cancel() }
            for try await _ in call.responses { break }
        },
    ]

    static let operations: [String: Row] = [
        "CreateReorganisation": Row("registry.administer", .nation) {
            _ = try await $0.running.reorganisations.createReorganisation(.init(), options: $1)
        },
        "GetReorganisation": Row("registry.read", .nation) {
            _ = try await $0.running.reorganisations.getReorganisation(.init(), options: $1)
        },
        "ListReorganisations": Row("registry.read", .nation) {
            _ = try await $0.running.reorganisations.listReorganisations(.init(), options: $1)
        },
        "ListReorganisationLines": Row("registry.read", .nation) {
            _ = try await $0.running.reorganisations.listReorganisationLines(.init(), options: $1)
        },
        "PreviewReorganisation": Row("registry.administer", .nation) {
            _ = try await $0.running.reorganisations.previewReorganisation(.init(), options: $1)
        },
        "ApplyReorganisation": Row("registry.administer", .nation) {
            _ = try await $0.running.reorganisations.applyReorganisation(.init(), options: $1)
        },
        "RevertReorganisation": Row("registry.administer", .nation) {
            _ = try await $0.running.reorganisations.revertReorganisation(.init(), options: $1)
        },
        "CorrectPlacement": Row("registry.write_teams") { registry, options in
            _ = try await registry.running.reorganisations.correctPlacement(
                .with {
                    $0.name = registry.team
                    $0.commune = registry.commune
                }, options: options)
        },
        "CreateGrant": Row("registry.administrator") { registry, options in
            _ = try await registry.running.access.createGrant(
                .with {
                    $0.grant.subject = "\(UUID())"
                    $0.grant.unit = registry.home
                    $0.grant.role = .viewer
                }, options: options)
        },
        "RevokeGrant": Row("registry.administer") {
            _ = try await $0.running.access.revokeGrant(.with(\.name, $0.grant), options: $1)
        },
        "ListGrants": Row("registry.administer") {
            _ = try await $0.running.access.listGrants(.with(\.unit, $0.home), options: $1)
        },
        "CheckAccess": Row("registry.administer") { registry, options in
            _ = try await registry.running.access.checkAccess(
                .with {
                    $0.subject = "cdt-laocai"
                    $0.verb = .read
                    $0.unit = registry.home
                }, options: options)
        },
        "CreateAgency": Row("registry.administer") { registry, options in
            _ = try await registry.running.programme.createAgency(
                .with {
                    $0.agency.kind = .province
                    $0.agency.displayName = "\(UUID())"
                    $0.agency.unit = registry.home
                }, options: options)
        },
        "ListAgencies": Row("registry.read", .nation) {
            _ = try await $0.running.programme.listAgencies(.init(), options: $1)
        },
        "RecordMilestone": Row("registry.administer") { registry, options in
            _ = try await registry.running.programme.recordMilestone(
                .with {
                    $0.milestone.agency = registry.agency
                    $0.milestone.kind = .planIssued
                    $0.milestone.date = "2026-01-01"
                }, options: options)
        },
        "ListMilestones": Row("registry.read") {
            _ = try await $0.running.programme.listMilestones(.with(\.agency, $0.agency), options: $1)
        },
        "GetProgrammeStatus": Row("registry.read", .nation) {
            _ = try await $0.running.programme.getProgrammeStatus(.init(), options: $1)
        },
        "RecordFigure": Row("registry.administer") { registry, options in
            _ = try await registry.running.programme.recordFigure(
                .with {
                    $0.figure.unit = registry.home
                    $0.figure.indicator = "teams"
                    $0.figure.date = "2026-01-01"
                    $0.figure.value = 7
                }, options: options)
        },
        "ListFigures": Row("registry.read") {
            _ = try await $0.running.programme.listFigures(.with(\.unit, $0.home), options: $1)
        },
        "ListAuditEntries": Row("registry.administer", .nation) {
            _ = try await $0.running.audit.listAuditEntries(.init(), options: $1)
        },
        "VerifyAudit": Row("registry.administer", .nation) {
            _ = try await $0.running.audit.verifyAudit(.init(), options: $1)
        },
    ]

    /// What a token can name that does not hold any of some verbs; of a role, the last of its verbs is left out.
    private static func verbs(without right: [String]) -> [String] {
        let held = Set(
            AccessVerb.allCases.filter { verb in
                right.contains(verb.tokenName)
                    || AccessRole.allCases.contains { right.contains($0.tokenName) && $0.verbs.contains(verb) }
            })
        let needed = held.max { $0.rawValue < $1.rawValue }
        return AccessVerb.allCases.filter { $0 != needed }.map(\.tokenName)
    }

    /// Streams open to whoever has the verb anywhere: what is outside is refused row by row, or left out.
    static let judgedPieceByPiece: Set<String> = ["ImportRows", "Follow"]

    @Test func `every method has a row, and no row is without a method`() {
        let names = Self.methods.map(\.method)
        #expect(Set(names).count == names.count)
        #expect(Set(names).symmetricDifference(Self.rows.keys).sorted() == [])
    }

    @Test(arguments: methods) func `each call asks who calls, and what they may do there`(_ method: MethodDescriptor)
        async throws
    {
        let row = try #require(Self.rows[method.method])
        let registry = try await GuardedRegistry.shared.value
        func outcome(_ options: CallOptions) async -> (code: StatusCode, reason: String) {
            do {
                try await row.call(registry, options)
                return (.ok, "")
            } catch let error as RPCError {
                return (error.code, error.reason ?? "")
            } catch {
                return (.unknown, "\(error)")
            }
        }
        let right = row.verb.split(separator: ",").map(String.init)
        let place = row.place == .home ? registry.home : ""

        let none = await outcome(.init(timeout: .seconds(120)))
        #expect(none.code == .unauthenticated && none.reason == "TOKEN_MISSING", "without a token: \(none)")
        let stranger = try TokenIssuer().token(TokenIssuer.claims(grants: [(["*"], "")]))
        let forged = await outcome(.init(timeout: .seconds(120), metadata: ["authorization": "Bearer \(stranger)"]))
        #expect(forged.code == .unauthenticated && forged.reason == "TOKEN_SIGNATURE_INVALID", "forged: \(forged)")
        let expired = await outcome(try registry.options([(["*"], "")], expiresIn: -100))
        #expect(expired.code == .unauthenticated && expired.reason == "TOKEN_EXPIRED", "expired: \(expired)")

        let verbless = await outcome(try registry.options([]))
        #expect(verbless.code == .permissionDenied, "without a grant: \(verbless)")
        let otherVerbs = await outcome(try registry.options([(["activity.*", "read", "registry"], place)]))
        #expect(otherVerbs.code == .permissionDenied, "another service's verbs: \(otherVerbs)")
        // The right place, and every verb of the Registry but the one that is asked for.
        let wrong = Self.verbs(without: right)
        let wrongVerb = await outcome(try registry.options([(wrong, place)]))
        #expect(wrongVerb.code == .permissionDenied, "the wrong verbs \(wrong): \(wrongVerb)")
        if !Self.judgedPieceByPiece.contains(method.method) {
            let narrow = await outcome(try registry.options([(["*"], registry.elsewhere)]))
            #expect(narrow.code == .permissionDenied, "another province: \(narrow)")
            #expect(narrow.reason == "PERMISSION_DENIED")
            if row.place == .nation {
                let province = await outcome(try registry.options([(["*"], registry.home)]))
                #expect(province.code == .permissionDenied, "a province: \(province)")
            }
        }
        let allowed = await outcome(try registry.options([(right, place)]))
        #expect(
            ![.unauthenticated, .permissionDenied, .unknown, .internal].contains(allowed.code), "right: \(allowed)")
    }
}

extension Message where Self: Sendable {
    /// A message with one field set.
    fileprivate static func with<Value>(_ field: WritableKeyPath<Self, Value>, _ value: Value) -> Self {
        var message = Self()
        message[keyPath: field] = value
        return message
    }
}
