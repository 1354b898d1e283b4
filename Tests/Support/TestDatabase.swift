import Foundation
import Storage
import Synchronization
import Testing

/// The engines a test can run on.
package enum TestEngine: String, CaseIterable, Sendable {
    case sqlite = "SQLite"
    case postgres = "PostgreSQL"

    /// The one of the running test; SQLite outside of `onBothEngines`.
    package static var current: TestEngine { TestDatabase.scope?.engine ?? .sqlite }
}

/// Databases of tests, on the engine that is the test's turn.
package enum TestDatabase {
    /// What a test has made, to be removed after it.
    final class Scope: Sendable {
        let engine: TestEngine
        private let made = Mutex<(folders: [ScratchFolder], databases: [String], open: [Database])>(([], [], []))

        init(_ engine: TestEngine) { self.engine = engine }

        func place() throws -> DatabaseConfiguration.Location {
            switch engine {
            case .sqlite:
                let folder = try ScratchFolder()
                made.withLock { $0.folders.append(folder) }
                return .sqlite(path: folder.path("store.sqlite"))
            case .postgres:
                let server = try PostgresServer.running()
                let name = try server.makeDatabase()
                made.withLock { $0.databases.append(name) }
                return .postgres(server.address(name))
            }
        }

        func opened(_ database: Database) { made.withLock { $0.open.append(database) } }

        func remove() async throws {
            let (folders, databases, open) = made.withLock { $0 }
            for database in open { await database.close() }
            for folder in folders { folder.remove() }
            for database in databases { try PostgresServer.running().removeDatabase(database) }
        }
    }

    @TaskLocal static var scope: Scope?

    /// An empty database that lasts until the end of the test: a test may close it and open it again.
    package static func fresh(limits: DatabaseConfiguration.Limits = .init()) throws -> DatabaseConfiguration {
        guard let scope else { return .temporary(limits: limits) }
        return DatabaseConfiguration(location: try scope.place(), limits: limits)
    }

    /// Opens an empty database that is closed after the test, at the latest.
    package static func open(_ migrations: [MigrationSet]) async throws -> Database {
        let database = try await Database.open(try fresh(), migrations: migrations)
        scope?.opened(database)
        return database
    }

    /// The option that makes a service use an empty database of this engine; none for the file it would make itself.
    package static func serviceArguments() throws -> [String] {
        guard scope?.engine == .postgres, case .postgres(let address) = try fresh().location else { return [] }
        return ["--database", address]
    }
}

/// Runs each test twice, first on SQLite and then on PostgreSQL; `TestDatabase.fresh` gives the databases.
package struct BothEngines: SuiteTrait, TestTrait, TestScoping {
    fileprivate let engines: [TestEngine]
    package let isRecursive = true

    package func scopeProvider(for test: Test, testCase: Test.Case?) -> Self? { testCase == nil ? nil : self }

    package func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
    ) async throws {
        for engine in engines {
            let named = IssueHandlingTrait.compactMapIssues { issue in
                var issue = issue
                issue.comments.append("on \(engine.rawValue)")
                return issue
            }
            try await named.provideScope(for: test, testCase: testCase) {
                let scope = TestDatabase.Scope(engine)
                let result: Result<Void, any Error>
                do {
                    try await TestDatabase.$scope.withValue(scope) { try await function() }
                    result = .success(())
                } catch {
                    result = .failure(error)
                }
                try await scope.remove()
                try result.get()
            }
        }
    }
}

extension Trait where Self == BothEngines {
    /// On SQLite and on PostgreSQL.
    package static var onBothEngines: Self { BothEngines(engines: TestEngine.allCases) }
    /// On PostgreSQL alone, for what only it has.
    package static var onPostgres: Self { BothEngines(engines: [.postgres]) }
}
