import Foundation
import RPC
import ServiceKit
import Shared
import SwiftProtobuf
import TestSupport

@testable import Registry

/// A Registry that knows its callers, with something of everything in Lào Cai (code 15).
struct GuardedRegistry: Sendable {
    static let today = "2026-11-21"

    /// That of the engine whose turn it is.
    static var shared: Task<GuardedRegistry, any Error> { TestEngine.current == .sqlite ? onSQLite : onPostgres }

    private static let onSQLite = Task { try await start() }
    private static let onPostgres = Task {
        let server = try PostgresServer.running()
        return try await start(on: ["--database", server.address(try server.makeDatabase())])
    }

    /// Where one keeps its data, to be started there again.
    struct Place: Sendable {
        let folder: String
        let issuer = TokenIssuer()
        let database: [String]

        init(on database: [String] = []) throws {
            folder = FileManager.default.temporaryDirectory.appending(path: "guarded-\(UUID())").path
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            try issuer.write("\(folder)/jwks.json")
            self.database = database
        }

        func start(today: String) async throws -> RunningRegistry {
            try await RunningRegistry.start(
                ["--data", folder, "--today", today, "--jwks", "\(folder)/jwks.json"] + database)
        }
    }

    private(set) var running: RunningRegistry
    let issuer: TokenIssuer

    /// Lào Cai, whose everything is, and Điện Biên, whose grant reaches nothing of it.
    var home = ""
    var commune = ""
    var hamlet = ""
    var team = ""
    var person = ""
    var membership = ""
    var twin = ""
    var duplicate = ""
    var mergePair = ("", "")
    var merge = ""
    var grant = ""
    var agency = ""
    var batch = ""
    var elsewhere = ""
    var elsewhereCommune = ""

    static func start(on database: [String] = []) async throws -> GuardedRegistry {
        try await start(at: Place(on: database))
    }

    static func start(at place: Place) async throws -> GuardedRegistry {
        var registry = GuardedRegistry(running: try await place.start(today: today), issuer: place.issuer)
        try await registry.fill()
        return registry
    }

    /// Starts one that was stopped again, perhaps on another day.
    mutating func restart(at place: Place, today: String) async throws { running = try await place.start(today: today) }

    /// What a token of these grants lets somebody send.
    func options(
        _ grants: [(verbs: [String], unit: String)], as subject: String = "somebody", expiresIn seconds: Double = 3600
    ) throws -> CallOptions {
        let token = try issuer.token(TokenIssuer.claims(subject, grants: grants, expiresIn: seconds))
        return .init(timeout: .seconds(120), metadata: ["authorization": "Bearer \(token)"])
    }

    func everything() throws -> CallOptions { try options([(["*"], "")], as: "operator") }

    func unit(_ code: String) async throws -> String {
        try await running.registry.resolveUnitCode(.with { $0.code = code }, options: everything()).unit.name
    }

    private mutating func fill() async throws {
        let all = try everything()
        let service = running.registry
        home = try await unit("15")
        elsewhere = try await unit("11")
        commune = try await firstCommune(of: home)
        elsewhereCommune = try await firstCommune(of: elsewhere)
        hamlet = try await service.createHamlet(
            .with {
                $0.unit.parent = commune
                $0.unit.displayName = "Thôn Một"
            }, options: all
        ).unit.name
        team = try await self.team(on: commune)
        person = try await self.person("Giàng A Sùng", at: commune, year: 1980)
        twin = try await self.person("Giàng A Sùng", at: commune, year: 1980)
        membership = try await member(person, of: team)
        _ = try await running.people.scanDuplicates(.with { $0.all = true }, options: all)
        duplicate =
            try await running.people.listDuplicates(.with { $0.person = twin }, options: all).duplicates.first?.name
            ?? ""
        mergePair = (
            try await self.person("Hoàng Thị Mỷ", at: commune, year: 1971),
            try await self.person("Lù Văn Páo", at: commune, year: 1972)
        )
        let (survivor, merged) = (
            try await self.person("Vàng Seo Lử", at: commune, year: 1973),
            try await self.person("Sùng Thị Dở", at: commune, year: 1974)
        )
        merge = try await running.people.mergePeople(
            .with {
                $0.survivor = survivor
                $0.merged = merged
            }, options: all
        ).merge.name
        grant = try await running.access.createGrant(
            .with {
                $0.grant.subject = "cdt-laocai"
                $0.grant.unit = home
                $0.grant.role = .viewer
            }, options: all
        ).grant.name
        agency = try await running.programme.createAgency(
            .with {
                $0.agency.kind = .province
                $0.agency.displayName = "UBND tỉnh Lào Cai"
                $0.agency.unit = home
            }, options: all
        ).agency.name
        batch = try await importing(
            [], source: "laocai", options: options([(["registry.integrator"], home)], as: "province-15")
        )
        .started.batch
    }

    func firstCommune(of unit: String) async throws -> String {
        try await running.registry.listUnits(
            .with {
                $0.parent = unit
                $0.level = .commune
                $0.pageSize = 1
            }, options: everything()
        ).units.first?.name ?? ""
    }

    func team(on unit: String, level: Cdt_Common_V1_TeamLevel = .commune, from day: String = "2025-08-01")
        async throws -> String
    {
        try await running.registry.createTeam(
            .with {
                $0.team.level = level
                $0.team.unit = unit
                $0.team.displayName = "Tổ công nghệ số cộng đồng"
                $0.from = day
            }, options: everything()
        ).team.name
    }

    func person(_ name: String, at unit: String, year: Int32) async throws -> String {
        try await running.registry.createPerson(
            .with {
                $0.person.fullName = name
                $0.person.birthYear = year
                $0.person.sex = .male
                $0.person.phones = ["0992000\(year)".prefix(10).description]
                $0.person.residenceUnit = unit
            }, options: everything()
        ).person.name
    }

    func member(_ person: String, of team: String) async throws -> String {
        try await running.registry.createMembership(
            .with {
                $0.parent = team
                $0.membership.person = person
                $0.membership.role = .member
                $0.membership.from = "2025-09-01"
            }, options: everything()
        ).membership.name
    }

    /// An import of one message of rows.
    func importing(
        _ rows: [Cdt_Registry_V1_ImportRow], mode: Cdt_Common_V1_ImportMode = .commit, source: String,
        batch: String = "", options: CallOptions
    ) async throws -> ImportOutcome {
        let call = try await running.imports.importRows(options: options)
        try await call.requests.send(
            .with {
                $0.header.mode = mode
                $0.header.sourceSystem = source
                $0.header.batch = batch
            })
        if !rows.isEmpty { try await call.requests.send(.with { $0.rows.rows = rows }) }
        call.requests.finish()
        var outcome = ImportOutcome()
        for try await response in call.responses {
            switch response.content {
            case .started(let started): outcome.started = started
            case .verdicts(let verdicts): outcome.verdicts += verdicts.verdicts
            case .summary(let summary): outcome.summary = summary
            case nil: break
            }
        }
        return outcome
    }
}
