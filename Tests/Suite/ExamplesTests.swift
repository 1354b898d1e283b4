import Foundation
import Shared
import TestSupport
import Testing

/// The programs that integrators copy from `examples`, against the running services. What has come of them is asked of
/// `cdt`, not of them.
@Suite(.serialized, .timeLimit(.minutes(20))) struct ExamplesTests {
    @Test(arguments: ExampleLanguage.allCases)
    func `teams are imported, a month is reported, a feed is followed, and twice is as good as once`(
        language: ExampleLanguage
    ) async throws {
        try await RunningSuite.run([.registry, .activity]) { suite in
            let province = try await SampleData.province(in: suite.scratch)
            let data = try SampleData(of: province, communes: 0..<3, named: "examples", in: suite.scratch)
            let examples = try await Examples(language, suite)
            // The units alone, so that what comes next are the teams.
            let units = try await examples.run(.follow, [examples.database, "--once"])
            try #require(units.status == 0, "\(units.output)\(units.errors)")
            try await importTeams(of: data, by: examples, suite)
            try await submitReports(of: data, by: examples, suite)
            try await followFeed(of: data, by: examples)
        }
    }

    private func importTeams(of data: SampleData, by examples: Examples, _ suite: RunningSuite) async throws {
        func importFiles(source: String, codeDate: String) async throws -> ChildProcess.Outcome {
            try await examples.run(
                .importTeams,
                [
                    data.folder, "--source", source, "--code-date", codeDate, "--batch-file",
                    suite.scratch.path("import.batch"),
                ])
        }
        // Every field at fault is named, with the reason.
        let refused = try await importFiles(source: "Not A Name", codeDate: "tomorrow")
        #expect(refused.status == 1)
        for said in ["INVALID_FIELDS", "field header.source_system:", "field header.code_date:", "vi: "] {
            #expect(refused.errors.contains(said), "\(said): \(refused.errors)")
        }
        for round in 1...2 {
            let done = try await importFiles(source: SampleData.source, codeDate: "2024-10-01")
            try #require(done.status == 0, "\(done.output)\(done.errors)")
            let count = try await suite.teams(on: "2024-10-31")
            #expect(count.communeTeams + count.hamletTeams == Int64(data.teams))
            #expect(count.memberships == Int64(data.members))
            // A line for each row; indented ones say what is odd about it.
            let verdicts = done.output.split(separator: "\n").filter { !$0.hasPrefix("\t") }
            #expect(verdicts.count == data.teams + data.members)
            #expect(verdicts.filter { $0.contains("\tUNCHANGED\t") }.count == (round == 1 ? 0 : verdicts.count))
        }
    }

    /// Through a proxy that refuses calls, and that lets one of them happen and says otherwise.
    private func submitReports(of data: SampleData, by examples: Examples, _ suite: RunningSuite) async throws {
        try await suite.expectSuccess("report", "open", SampleData.month, "--wait")
        let proxy = try BackgroundProcess([
            Examples.python, "Tests/Suite/Clients/flaky_proxy.py", suite.address(.activity),
        ])
        do {
            let address = try await proxy.line(after: "listening on ")
            for round in 1...2 {
                let done = try await examples.run(
                    .submitReports,
                    [
                        "\(data.folder)/reports-\(SampleData.month).csv", "--month", SampleData.month, "--unit", "42",
                        "--source", SampleData.source, "--activity", address,
                    ])
                #expect(done.status == 0, "\(done.output)\(done.errors)")
                #expect(done.errors.contains(" again in 0.3") || round == 2, "RetryInfo is heeded: \(done.errors)")
                // The first time too, because the call that was done and not answered was made again.
                #expect(done.output == "DUPLICATE \(data.receivedReports)\n")
                let figures = try await suite.figures()
                #expect(figures.received == Int64(data.receivedReports))
                #expect(figures.onTime == Int64(data.onTimeReports))
            }
            #expect(proxy.printed.contains("SyncReports UNAVAILABLE after the fact"), "\(proxy.printed)")
        } catch {
            await proxy.stop()
            throw error
        }
        await proxy.stop()
    }

    /// Killed in the middle and started again, it has every team, and no change twice.
    private func followFeed(of data: SampleData, by examples: Examples) async throws {
        let follower = try examples.start(.follow, [examples.database, "--batch", "1"])
        do {
            _ = try await follower.line(after: "1 events applied")
        } catch {
            await follower.stop()
            throw error
        }
        let status = await follower.stop(by: SIGKILL)
        #expect(status == 128 + SIGKILL, "it was still at it")
        for _ in 1...2 {
            let done = try await examples.run(.follow, [examples.database, "--once"])
            #expect(done.status == 0, "\(done.output)\(done.errors)")
            #expect(try await examples.sql("select count(*) from team") == "\(data.teams)")
            #expect(try await examples.sql("select count(distinct name) from change") == "\(data.teams)")
            #expect(
                try await examples.sql("select count(*) - count(distinct name || version) from change") == "0",
                "a change was applied twice")
        }
    }
}

enum ExampleLanguage: String, CaseIterable, Sendable {
    case python, shell, ruby, swift
    case grpcSwift = "grpc-swift"
}

/// The examples of one language, ready to run, with messages generated as `examples/README.md` says.
private struct Examples: Sendable {
    enum Job: String {
        case importTeams = "import_teams"
        case submitReports = "submit_reports"
        case follow = "follow_feed"
    }

    static let python = ".local/venv/bin/python"
    private static let grpcSwift = "\(PackageFolder.path)/examples/grpc-swift/.build/debug/cdt-grpc-swift-examples"

    let database: String
    private let language: ExampleLanguage
    private let messages: String
    private let environment: [String: String]

    init(_ language: ExampleLanguage, _ suite: RunningSuite) async throws {
        self.language = language
        database = suite.scratch.path("followed.db")
        messages = suite.scratch.path("messages")
        let path = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"
        environment = [
            "CDT_REGISTRY": suite.address(.registry), "CDT_ACTIVITY": suite.address(.activity),
            // Generated Python is found by the first, buf by the second.
            "PYTHONPATH": messages, "PATH": "\(PackageFolder.path)/.local/venv/bin:\(path)",
        ]
        try FileManager.default.createDirectory(atPath: messages, withIntermediateDirectories: true)
        let outputs: [String]
        switch language {
        case .python:
            outputs = [
                Self.python, "-m", "grpc_tools.protoc", "--python_out=\(messages)", "--grpc_python_out=\(messages)",
            ]
        case .ruby:
            // Debian's protoc may come without google/protobuf/*.proto; swift-protobuf's sources have them.
            outputs = [
                "protoc", "-I", ".build/checkouts/swift-protobuf/Protos/Sources/SwiftProtobuf",
                "--plugin=protoc-gen-grpc=/usr/bin/grpc_ruby_plugin", "--ruby_out=\(messages)",
                "--grpc_out=\(messages)",
            ]
        case .shell, .swift: return
        case .grpcSwift:
            let isBuilt = FileManager.default.isExecutableFile(atPath: Self.grpcSwift)
            try #require(isBuilt, "./dev test builds it; or ./generate && swift build in examples/grpc-swift")
            return
        }
        let files = ["common", "feed", "registry", "activity"].flatMap { package in
            let folder = "proto/cdt/\(package)/v1"
            let names = (try? FileManager.default.contentsOfDirectory(atPath: "\(PackageFolder.path)/\(folder)")) ?? []
            return names.filter { $0.hasSuffix(".proto") }.sorted().map { "\(folder)/\($0)" }
        }
        let made = try await ChildProcess.run(outputs + ["-I", "proto"] + files)
        try #require(made.status == 0, "\(made.errors)")
    }

    private func command(_ job: Job, _ arguments: [String]) -> [String] {
        switch language {
        case .python: [Self.python, "examples/python/\(job.rawValue).py"] + arguments
        case .shell: ["examples/shell/\(job.rawValue).sh"] + arguments
        case .ruby: ["ruby", "-I", messages, "examples/ruby/\(job.rawValue).rb"] + arguments
        case .swift: ["\(PackageFolder.products)/cdt-examples", job.rawValue] + arguments
        case .grpcSwift: [Self.grpcSwift, job.rawValue] + arguments
        }
    }

    func run(_ job: Job, _ arguments: [String]) async throws -> ChildProcess.Outcome {
        try await ChildProcess.run(command(job, arguments), environment: environment, limit: .seconds(300))
    }

    func start(_ job: Job, _ arguments: [String]) throws -> BackgroundProcess {
        try BackgroundProcess(command(job, arguments), environment: environment)
    }

    func sql(_ query: String) async throws -> String {
        let answer = try await ChildProcess.run(["sqlite3", database, query])
        try #require(answer.status == 0, "\(answer.errors)")
        return answer.output.trimmingCharacters(in: .whitespacesAndNewlines)
    }
}
