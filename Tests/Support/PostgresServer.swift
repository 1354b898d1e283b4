import CLibpq
import Foundation
import Synchronization

/// A PostgreSQL server of this test process: started when the first test wants it, on a socket in a temporary folder,
/// and gone with its folder when the process ends, however it ends.
///
/// Debian's package `postgresql` brings the programs. The server refuses to run as root, so root starts it as the
/// package's user `postgres`.
package final class PostgresServer: Sendable {
    /// Why there is no server. Tests fail with it: nothing may look tested that is not.
    package struct CannotStart: Error, CustomStringConvertible {
        package let description: String
        init(_ reason: String) { description = "the tests of PostgreSQL cannot run: \(reason)" }
    }

    private static let shared = Result { try PostgresServer() }

    /// The server, once it answers.
    package static func running() throws -> PostgresServer { try shared.get() }

    /// The folder with its socket.
    package let folder: String
    /// What keeps it running: the server ends when the last holder of this end of the pipe has closed it, and nobody
    /// but this process has it.
    private let lifeline: Int32
    /// Used under its lock: one database is made at a time.
    private let numbered = Mutex(0)

    private init() throws {
        let programs = try Self.programs()
        folder = try Self.makeFolder()
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { throw CannotStart("no pipe can be made (\(errno))") }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        lifeline = ends[1]
        defer { close(ends[0]) }
        try Self.spawn(programs: programs, folder: folder, lifeline: ends[0])
        try waitUntilReady()
    }

    /// The newest version that is installed.
    private static func programs() throws -> String {
        let root = "/usr/lib/postgresql"
        let versions = ((try? FileManager.default.contentsOfDirectory(atPath: root)) ?? []).compactMap { Int($0) }
        guard
            let newest = versions.filter({ FileManager.default.isExecutableFile(atPath: "\(root)/\($0)/bin/initdb") })
                .max()
        else { throw CannotStart("there is no initdb under \(root); install Debian's package postgresql") }
        return "\(root)/\(newest)/bin"
    }

    /// Short, because the name of a socket has at most 107 bytes.
    private static func makeFolder() throws -> String {
        var template = Array("/tmp/cdt-postgres-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw CannotStart("no folder can be made in /tmp (\(errno))") }
        let folder = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        guard geteuid() == 0 else { return folder }
        guard let user = getpwnam("postgres") else {
            throw CannotStart("root may not run the server, and there is no user postgres to run it as")
        }
        guard chown(folder, user.pointee.pw_uid, user.pointee.pw_gid) == 0 else {
            throw CannotStart("\(folder) cannot be given to the user postgres (\(errno))")
        }
        return folder
    }

    /// A shell watches the pipe. Nothing is forced to the disk: a crash of the machine ends the tests as well.
    private static func spawn(programs: String, folder: String, lifeline: Int32) throws {
        let user = geteuid() == 0 ? "setpriv --reuid postgres --regid postgres --clear-groups" : ""
        let script = """
            cd '\(folder)'
            \(user) '\(programs)/initdb' -D '\(folder)/data' -U postgres -A trust -E UTF8 --locale=C.UTF-8 --no-sync \\
                >'\(folder)/log' 2>&1 || { touch '\(folder)/failed'; cat >/dev/null; rm -rf '\(folder)'; exit 1; }
            \(user) '\(programs)/postgres' -D '\(folder)/data' -k '\(folder)' -p 5432 -c listen_addresses= \\
                -c fsync=off -c full_page_writes=off -c max_connections=500 -c shared_buffers=32MB \\
                -c max_wal_size=4GB -c autovacuum_naptime=30s -c lc_messages=C >>'\(folder)/log' 2>&1 </dev/null &
            server=$!
            cat >/dev/null
            kill -QUIT $server
            wait $server
            rm -rf '\(folder)'
            """
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, lifeline, 0)
        for stream: Int32 in [1, 2] { posix_spawn_file_actions_addopen(&actions, stream, "/dev/null", O_WRONLY, 0) }
        _ = try ChildProcess.spawn(["/bin/sh", "-c", script], environment: [:], directory: "/", actions: &actions)
    }

    private func waitUntilReady() throws {
        let end = ContinuousClock.now + .seconds(120)
        while ContinuousClock.now < end {
            if FileManager.default.fileExists(atPath: "\(folder)/failed") { break }
            if PQping(address("postgres")) == PQPING_OK { return }
            usleep(20_000)
        }
        let log = FileManager.default.contents(atPath: "\(folder)/log") ?? Data()
        throw CannotStart("the server does not answer; it said:\n\(String(decoding: log, as: UTF8.self))")
    }

    package func address(_ database: String) -> String {
        "postgresql:///\(database)?host=\(folder)&port=5432&user=postgres"
    }

    /// Makes an empty database and returns its name. It sorts by Vietnamese rules, not by bytes: what depends on the
    /// order of text must not depend on the server's locale.
    package func makeDatabase() throws -> String {
        try numbered.withLock { number in
            number += 1
            let name = "test_\(getpid())_\(number)"
            try Self.run(
                "CREATE DATABASE \(name) TEMPLATE template0 ENCODING 'UTF8' LOCALE_PROVIDER icu ICU_LOCALE 'vi'",
                at: address("postgres"))
            return name
        }
    }

    /// Removes a database, also while somebody uses it.
    package func removeDatabase(_ name: String) throws {
        try numbered.withLock { _ in
            _ = try Self.run("DROP DATABASE IF EXISTS \(name) WITH (FORCE)", at: address("postgres"))
        }
    }

    /// Runs one statement in a session of its own; the first column of the first row, if there is one.
    @discardableResult
    package static func run(_ sql: String, at address: String) throws -> String? {
        let connection = PQconnectdb(address)
        defer { PQfinish(connection) }
        let result = PQexec(connection, sql)
        defer { PQclear(result) }
        switch PQresultStatus(result) {
        case PGRES_COMMAND_OK: return nil
        case PGRES_TUPLES_OK: return PQntuples(result) > 0 ? PQgetvalue(result, 0, 0).map { String(cString: $0) } : nil
        default: throw CannotStart("\(sql): \(String(cString: PQerrorMessage(connection)))")
        }
    }
}
