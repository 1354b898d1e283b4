import Foundation
import RPC
import ServiceKit
import Shared
import SwiftProtobuf
import TestSupport
import Testing

@testable import Registry

/// One Registry for all tests of this module, in this process, called over the wire.
struct RunningRegistry: Sendable {
    let service: RunningService
    let client: RPCClient
    let registry: Cdt_Registry_V1_RegistryService.Client
    let imports: Cdt_Registry_V1_ImportService.Client
    let feed: Cdt_Feed_V1_FeedService.Client
    let reorganisations: Cdt_Registry_V1_ReorganisationService.Client
    let audit: Cdt_Registry_V1_AuditService.Client
    let access: Cdt_Registry_V1_AccessService.Client
    let programme: Cdt_Registry_V1_ProgrammeService.Client
    let people: Cdt_Registry_V1_PeopleService.Client

    /// That of the engine whose turn it is.
    static var shared: Task<RunningRegistry, any Error> { TestEngine.current == .sqlite ? onSQLite : onPostgres }

    private static let onSQLite = Task { try await start(on: []) }
    private static let onPostgres = Task {
        let server = try PostgresServer.running()
        return try await start(on: ["--database", server.address(try server.makeDatabase())])
    }

    static func start(on database: [String] = []) async throws -> RunningRegistry {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("registry-\(UUID())")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let key = folder.appendingPathComponent("citizen-id.key")
        try Data((0..<32).map { _ in UInt8.random(in: .min ... .max) }).write(to: key)
        return try await start(
            ["--data", folder.path, "--today", "2026-11-21", "--citizen-id-key-file", key.path] + database)
    }

    static func start(_ arguments: [String]) async throws -> RunningRegistry {
        let service = try await ServiceHost.start(RegistryServer.self, arguments: arguments + ["--log-level", "error"])
        let client = try RPCClient(
            targets: [.init(host: "127.0.0.1", port: service.endpoint.port)],
            options: .init(defaultTimeout: .seconds(120)))
        return RunningRegistry(
            service: service, client: client, registry: .init(client), imports: .init(client), feed: .init(client),
            reorganisations: .init(client), audit: .init(client), access: .init(client),
            programme: .init(client), people: .init(client))
    }

    /// Ends one that a test has started for itself.
    func stop() async {
        await client.close()
        await service.stop()
    }

    /// Resource name of the unit with a code on a day.
    func unit(_ code: String, on day: String) async throws -> String {
        try await registry.resolveUnitCode(
            .with {
                $0.code = code
                $0.date = day
            }
        ).unit.name
    }

    /// Runs an import of rows, some to a message; the verdicts and the summary.
    func importing(
        _ rows: [Cdt_Registry_V1_ImportRow], mode: Cdt_Common_V1_ImportMode = .commit, source: String,
        codeDate: String = "2024-10-15", batch: String = "", perMessage: Int = 7
    ) async throws -> ImportOutcome {
        let call = try await imports.importRows()
        try await call.requests.send(
            .with {
                $0.header = .with {
                    $0.mode = mode
                    $0.sourceSystem = source
                    $0.codeDate = codeDate
                    $0.batch = batch
                }
            })
        async let sent: Void = {
            for start in stride(from: 0, to: rows.count, by: perMessage) {
                try await call.requests.send(
                    .with { $0.rows.rows = Array(rows[start..<min(start + perMessage, rows.count)]) })
            }
            call.requests.finish()
        }()
        var outcome = ImportOutcome()
        for try await response in call.responses {
            switch response.content {
            case .started(let started): outcome.started = started
            case .verdicts(let verdicts): outcome.verdicts += verdicts.verdicts
            case .summary(let summary): outcome.summary = summary
            case nil: Issue.record("an empty response")
            }
        }
        try await sent
        return outcome
    }

    /// The reason of a call that fails.
    func failure(_ body: () async throws -> Void) async -> (
        code: StatusCode, reason: String, metadata: [String: String]
    ) {
        do {
            try await body()
            Issue.record("the call succeeded")
            return (.ok, "", [:])
        } catch let error as RPCError {
            let info = error.status?.details.lazy.compactMap { try? Google_Rpc_ErrorInfo(unpackingAny: $0) }.first
            return (error.code, info?.reason ?? "", info?.metadata ?? [:])
        } catch {
            Issue.record("not an RPCError: \(error)")
            return (.unknown, "", [:])
        }
    }
}

struct ImportOutcome: Sendable {
    var started = Cdt_Registry_V1_ImportStarted()
    var verdicts: [Cdt_Common_V1_RowVerdict] = []
    var summary = Cdt_Registry_V1_ImportSummary()

    var outcomes: [Cdt_Common_V1_RowOutcome] { verdicts.map(\.outcome) }
    var reasons: [[String]] { verdicts.map { $0.problems.map(\.reason) } }
}

// MARK: Rows

func teamRow(
    _ number: Int64, _ id: String, commune: String, hamlet: String = "", established: String = "2023-03-15",
    change: (inout Cdt_Registry_V1_TeamRow) -> Void = { _ in }
) -> Cdt_Registry_V1_ImportRow {
    .with {
        $0.rowNumber = number
        $0.team = .with {
            $0.externalID = id
            $0.level = hamlet.isEmpty ? .commune : .hamlet
            $0.displayName = "Tổ công nghệ số cộng đồng \(hamlet)"
            $0.communeCode = commune
            $0.hamlet = hamlet
            $0.established = established
            $0.decision = .with {
                $0.number = "01/QĐ-UBND"
                $0.issuedOn = "2022-03-01"
            }
            change(&$0)
        }
    }
}

func memberRow(
    _ number: Int64, _ id: String, team: String, role: Cdt_Registry_V1_MemberRole = .member,
    change: (inout Cdt_Registry_V1_MemberRow) -> Void = { _ in }
) -> Cdt_Registry_V1_ImportRow {
    .with {
        $0.rowNumber = number
        $0.member = .with {
            $0.externalID = id
            $0.teamExternalID = team
            $0.role = role
            $0.fullName = "Lò Văn Bình"
            $0.sex = .male
            $0.birth = "1990"
            $0.phones = ["0992000001"]
            $0.occupation = .teacher
            $0.organisations = ["Đoàn Thanh niên"]
            change(&$0)
        }
    }
}
