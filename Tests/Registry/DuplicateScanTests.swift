import ChangeFeed
import Crypto
import ServiceKit
import Storage
import TestSupport
import Testing

@testable import Registry

/// R10: pairs are looked for from who has changed, however many others there are.
@Suite(.onBothEngines) struct DuplicateScanTests {
    private static func person(
        _ number: UInt64, changed: Int64, name: String = "Lò Văn Bình", phone: String = "0912345678"
    )
        -> Person
    {
        Person(
            id: UniqueID(high: 1, low: number), fullName: name, birthYear: 1990, phones: [phone],
            createdAt: Instant(microseconds: 1), updatedAt: Instant(microseconds: changed))
    }

    /// The pairs that are found, by the people's numbers, in the order in which they come.
    private static func pairs(changedAfter moment: Int64, in database: Database) throws -> [[UInt64]] {
        var found: [[UInt64]] = []
        try database.read { tx in
            try DuplicateStore.pairs(changedAfter: Instant(microseconds: moment), in: tx) {
                found.append([$0.id.low, $1.id.low])
            }
        }
        return found.sorted { $0.lexicographicallyPrecedes($1) }
    }

    @Test func `a pair is found once, the lower id first, whichever of the two has changed`() async throws {
        let database = try await Database.open(try TestDatabase.fresh(), migrations: [RegistrySchema.migrations])
        try await database.write { tx in
            for person in [
                Self.person(1, changed: 10), Self.person(2, changed: 30), Self.person(3, changed: 20),
                Self.person(4, changed: 40, name: "Lò Văn Bính Sơn"),
            ] { try PersonStore.insert(person, in: tx) }
        }
        #expect(try Self.pairs(changedAfter: 0, in: database) == [[1, 2], [1, 3], [2, 3]])
        #expect(try Self.pairs(changedAfter: 15, in: database) == [[1, 2], [1, 3], [2, 3]])
        #expect(try Self.pairs(changedAfter: 20, in: database) == [[1, 2], [2, 3]])
        #expect(try Self.pairs(changedAfter: 30, in: database) == [])
        #expect(try database.read { try DuplicateStore.changed(after: Instant(microseconds: 15), in: $0) } == 3)
        await database.close()
    }

    @Test func `who was compared is not compared again`() async throws {
        let clock = SettableClock(Instant(date("2026-11-21")))
        let database = try await Database.open(
            try TestDatabase.fresh(), migrations: [RegistrySchema.migrations, Outbox.migrations])
        let core = try await RegistryCore.open(
            database: database, tokens: PageTokens(key: SymmetricKey(size: .bits256)), clock: clock.clock)
        let now = clock.clock.now
        try await database.write { tx in
            for number: UInt64 in 1...3 {
                var person = Self.person(number, changed: 0)
                person.updatedAt = now
                try PersonStore.insert(person, in: tx)
            }
        }
        clock.advance(by: .seconds(3600))
        let scan = DuplicateCalls(core: core)
        #expect(try await scan.scan() == (3, 3))
        clock.advance(by: .seconds(3600))
        #expect(try await scan.scan() == (0, 0))
        #expect(try await scan.scan(all: true) == (3, 0))
        await database.close()
    }
}
