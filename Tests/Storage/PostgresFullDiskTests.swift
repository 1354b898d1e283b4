import Foundation
import TestSupport
import Testing

@testable import Storage

/// A disk that is really full under PostgreSQL: the rows lie in a small file system of their own. Where no file system
/// may be mounted, the server is made to say the same (SQLSTATE 53100).
@Suite(.onPostgres, .timeLimit(.minutes(5))) struct PostgresFullDiskTests {
    /// A disk that can be full, and get room again.
    private struct Disk {
        let folder: String
        let isMounted: Bool

        init(under server: PostgresServer, megabytes: Int) async throws {
            folder = "\(server.folder)/disk-\(UUID().uuidString.prefix(8))"
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
            isMounted = try await Self.mount("size=\(megabytes)m", folder)
            guard isMounted, geteuid() == 0, let user = getpwnam("postgres") else { return }
            chown(folder, user.pointee.pw_uid, user.pointee.pw_gid)
        }

        private static func mount(_ options: String, _ folder: String) async throws -> Bool {
            guard geteuid() == 0 else { return false }
            return try await ChildProcess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder]).status == 0
        }

        func grow(megabytes: Int) async throws {
            #expect(try await Self.mount("remount,size=\(megabytes)m", folder))
        }

        func remove() async throws {
            if isMounted { _ = try await ChildProcess.run(["umount", "--lazy", folder]) }
            try? FileManager.default.removeItem(atPath: folder)
        }
    }

    /// Text that the server cannot make smaller.
    private func text(_ id: Int) -> String {
        var random = SeededGenerator(seed: UInt64(id))
        return (0..<1_000).map { _ in String(UInt64.random(in: .min ... .max, using: &random), radix: 36) }.joined()
    }

    private func isFull(_ error: any Error) -> Bool {
        if case .full = error as? StorageError { true } else { false }
    }

    @Test func aFullDiskRefusesWritesAndReadsGoOnUntilThereIsRoom() async throws {
        let place = try TestDatabase.fresh()
        guard case .postgres(let address) = place.location else { return }
        let server = try PostgresServer.running()
        let disk = try await Disk(under: server, megabytes: 4)
        let space = "space_\(UUID().uuidString.prefix(8).lowercased())"
        let database = try await Database.open(place, migrations: [notes])
        var written: [Int] = []
        do {
            if disk.isMounted {
                try PostgresServer.run(
                    "CREATE TABLESPACE \(space) LOCATION '\(disk.folder)'", at: server.address("postgres"))
                try PostgresServer.run("ALTER TABLE tags DROP CONSTRAINT tags_note_fkey", at: address)
                // An index would need less room than a row: so each row has one large value, kept beside the table.
                try PostgresServer.run("ALTER TABLE notes DROP CONSTRAINT notes_body_key", at: address)
                try PostgresServer.run("ALTER TABLE notes SET TABLESPACE \(space)", at: address)
            } else {
                try PostgresServer.run(
                    """
                    CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                        IF NEW.id > 50 THEN RAISE EXCEPTION 'No space left on device' USING ERRCODE = '53100'; END IF;
                        RETURN NEW; END $$;
                    CREATE TRIGGER full_disk BEFORE INSERT ON notes FOR EACH ROW EXECUTE FUNCTION full_disk()
                    """, at: address)
            }
            var refused = 0
            for id in 1...600 where refused < 20 {
                do {
                    try await database.add(id, text(id))
                    written.append(id)
                } catch {
                    #expect(isFull(error), "\(error)")
                    refused += 1
                }
                // Reads go on, and see exactly what was acknowledged.
                if refused > 0 { #expect(try database.ids() == written) }
            }
            #expect(refused == 20)
            #expect(written.count >= 20)

            if disk.isMounted {
                try await disk.grow(megabytes: 64)
            } else {
                try PostgresServer.run("DROP TRIGGER full_disk ON notes", at: address)
            }
            for id in 1_001...1_020 {
                try await database.add(id, text(id))
                written.append(id)
            }
            #expect(try database.ids() == written)
        } catch {
            Issue.record(error)
        }
        await database.close()
        if disk.isMounted {
            try PostgresServer.run("DROP TABLE tags, notes", at: address)
            try PostgresServer.run("DROP TABLESPACE \(space)", at: server.address("postgres"))
        }
        try await disk.remove()
    }
}
