import CSQLite
import Foundation
import TestSupport
import Testing

@testable import Storage

@Suite struct FailureTests {
    private var small: DatabaseConfiguration.Limits {
        var limits = DatabaseConfiguration.Limits()
        limits.databasePages = 200  // 800 KiB
        return limits
    }

    private func isFull(_ error: (any Error)?) -> Bool {
        if case .full = error as? StorageError { true } else { false }
    }

    @Test func aFullDiskRefusesWritesAndReadsGoOn() async throws {
        try await withDirectory { directory in
            let path = directory.appendingPathComponent("store.sqlite").path
            let database = try await Database.open(.sqlite(path: path, limits: small), migrations: [notes])
            try await database.add(1, "a")
            let large = String(repeating: "x", count: 2 << 20)
            let error = await #expect(throws: StorageError.self) { try await database.add(2, large) }
            #expect(isFull(error))
            #expect(try database.ids() == [1])
            // Small writes still fit, and space given back is used.
            try await database.add(3, "c")
            #expect(try database.ids() == [1, 3])
            await database.close()

            let roomy = try await Database.open(.sqlite(path: path), migrations: [notes])
            try await roomy.add(2, large)
            #expect(try roomy.ids() == [1, 2, 3])
            await roomy.close()
        }
    }

    /// A limit on the size of files stands for a disk that is really full: the system refuses to write.
    @Test func aDiskThatFillsUpRefusesWritesAndRecovers() async throws {
        try await withDirectory { directory in
            let path = directory.appendingPathComponent("store.sqlite").path
            await #expect(processExitsWith: .success) { [path = path as String] in
                signal(SIGXFSZ, SIG_IGN)
                let database = try await Database.open(.sqlite(path: path), migrations: [notes])
                var limit = rlimit()
                getrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit)
                let roomy = limit
                limit.rlim_cur = 300_000
                setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit)
                var written: [Int] = []
                var refused = 0
                for id in 1...200 {
                    do {
                        try await database.add(id, "\(id)" + String(repeating: "x", count: 3_000))
                        written.append(id)
                    } catch let error as StorageError {
                        guard case .full = error else { throw error }
                        refused += 1
                    }
                    #expect(try database.ids() == written)
                }
                #expect(refused > 50)
                var again = roomy
                setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &again)
                try await database.add(1_000, "room")
                #expect(try database.ids() == written + [1_000])
                await database.close()
            }
            let survivor = try await Database.open(.sqlite(path: path), migrations: [notes])
            #expect(try survivor.ids().last == 1_000)
            await survivor.close()
        }
    }

    @Test func othersOnTheMachineCannotReadTheFile() async throws {
        try await withDirectory { directory in
            let path = directory.appendingPathComponent("data/store.sqlite").path
            let database = try await Database.open(.sqlite(path: path), migrations: [notes])
            try await database.add(1, "a")
            let copy = directory.appendingPathComponent("copy.sqlite").path
            try await database.backup(to: copy)
            for file in [path, path + "-wal", path + "-shm", copy] {
                let attributes = try FileManager.default.attributesOfItem(atPath: file)
                #expect((attributes[.posixPermissions] as? NSNumber)?.intValue == 0o600, "\(file)")
            }
            await database.close()
        }
    }

    /// SQLite undoes the whole transaction by itself when the disk is full: the neighbours must not be lost.
    @Test func aWriteThatFillsTheDiskLosesNobodyElse() async throws {
        try await withDatabase(small) { database in
            let gate = Gate()
            let holding = try await holdWriter(database, gate)
            let large = String(repeating: "x", count: 2 << 20)
            let writes = (1...6).map { id in
                Task { try await database.add(id, id % 3 == 0 ? "\(large)\(id)" : "\(id)") }
            }
            try await eventually { database.statistics.waitingWrites == 6 }
            gate.open()
            try await holding.value
            for (index, write) in writes.enumerated() {
                switch await write.result {
                case .success: #expect((index + 1) % 3 != 0)
                case .failure(let error):
                    #expect((index + 1) % 3 == 0)
                    #expect(isFull(error))
                }
            }
            #expect(try database.ids() == [1, 2, 4, 5])
        }
    }

    @Test func aLockOfAnotherProcessIsBusy() async throws {
        try await withDirectory { directory in
            let path = directory.appendingPathComponent("store.sqlite").path
            var limits = DatabaseConfiguration.Limits()
            limits.busyTimeout = .milliseconds(20)
            let database = try await Database.open(.sqlite(path: path, limits: limits), migrations: [notes])
            let other = try SQLiteConnection(path: path, role: .writer, limits: limits)
            try other.beginWrite()
            let error = await #expect(throws: StorageError.self) { try await database.add(1, "a") }
            guard case .busy = error else {
                Issue.record("\(String(describing: error))")
                return
            }
            #expect(try database.ids() == [])
            other.rollback()
            try await database.add(1, "a")
            other.close()
            await database.close()
        }
    }

    @Test func aFileThatIsNoDatabaseIsCorrupt() async throws {
        try await withDirectory { directory in
            let path = directory.appendingPathComponent("store.sqlite").path
            try Data(repeating: 0x41, count: 8_192).write(to: URL(fileURLWithPath: path))
            let error = await #expect(throws: StorageError.self) {
                try await Database.open(.sqlite(path: path), migrations: [notes])
            }
            guard case .corrupt = error else {
                Issue.record("\(String(describing: error))")
                return
            }
        }
    }

    @Test func aDirectoryThatCannotBeMadeIsNamed() async throws {
        try await withDirectory { directory in
            let file = directory.appendingPathComponent("file")
            try Data().write(to: file)
            let error = await #expect(throws: StorageError.self) {
                try await Database.open(
                    .sqlite(path: file.appendingPathComponent("sub/store.sqlite").path), migrations: [notes])
            }
            guard case .unavailable(let message) = error else {
                Issue.record("\(String(describing: error))")
                return
            }
            #expect(message.contains("file/sub"))
        }
    }

    @Test(
        arguments: [
            (
                2067, "UNIQUE constraint failed: teams.unit, teams.level", ConstraintViolation.Kind.unique, "teams",
                ["unit", "level"], nil
            ),
            (2067, "UNIQUE constraint failed: index 'one_active'", .unique, nil, [], "one_active"),
            (1555, "UNIQUE constraint failed: teams.id", .primaryKey, "teams", ["id"], nil),
            (1299, "NOT NULL constraint failed: teams.name", .notNull, "teams", ["name"], nil),
            (275, "CHECK constraint failed: size >= 0", .check, nil, [], "size >= 0"),
            (787, "FOREIGN KEY constraint failed", .foreignKey, nil, [], nil),
        ] as [(Int32, String, ConstraintViolation.Kind, String?, [String], String?)])
    func constraintsNameTableAndColumns(
        code: Int32, message: String, kind: ConstraintViolation.Kind, table: String?, columns: [String], name: String?
    ) {
        let violation = SQLiteErrors.violation(code: code, message: message)
        #expect(
            violation
                == ConstraintViolation(kind: kind, table: table, columns: columns, name: name, message: message))
    }

    /// A crash keeps what the disk has: the database file and its log, as they are at some moment. The log is copied
    /// while writers run, so that the copy ends anywhere, also inside a commit.
    @Test func acknowledgedWritesSurviveACrash() async throws {
        try await withDirectory { directory in
            let path = directory.appendingPathComponent("store.sqlite").path
            var limits = DatabaseConfiguration.Limits()
            limits.checkpointPages = 1_000_000  // the database file itself stays as it is
            let database = try await Database.open(.sqlite(path: path, limits: limits), migrations: [notes])
            let acknowledged = Counter()
            let writers = (0..<8).map { writer in
                Task {
                    var index = 0
                    while !Task.isCancelled {
                        let id = index * 8 + writer
                        try await database.add(id, "note \(id) \(String(repeating: "y", count: id % 700))")
                        if writer == 0 { acknowledged.add() }
                        index += 1
                    }
                }
            }
            for crash in 0..<25 {
                try await Task.sleep(for: .milliseconds(Int.random(in: 1...12)))
                let promised = acknowledged.value
                let copy = directory.appendingPathComponent("crash-\(crash).sqlite").path
                try FileManager.default.copyItem(atPath: path, toPath: copy)
                try FileManager.default.copyItem(atPath: path + "-wal", toPath: copy + "-wal")
                let survivor = try await Database.open(.sqlite(path: copy), migrations: [notes])
                let ids = Set(try survivor.ids())
                for index in 0..<promised { #expect(ids.contains(index * 8)) }
                let integrity = try survivor.read { try $0.queryOne("PRAGMA integrity_check") { try $0.text(0) } }
                #expect(integrity == "ok")
                await survivor.close()
            }
            for writer in writers { writer.cancel() }
            for writer in writers { _ = await writer.result }
            #expect(acknowledged.value > 0)
            await database.close()
        }
    }
}
