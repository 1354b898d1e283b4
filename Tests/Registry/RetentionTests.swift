import ServiceKit
import Shared
import Storage
import SwiftProtobuf
import TestSupport
import Testing

@testable import Registry

/// "Retention after membership ends" (Law 91/2025/QH15).
@Suite(.onBothEngines) struct RetentionTests {
    @Test func `who has been in no team for long enough is erased, with a line in the audit; nobody else is`()
        async throws
    {
        let registry = try await RunningRegistry.start(on: TestDatabase.serviceArguments())
        let commune = try await registry.unit("00008", on: "2025-08-01")
        let team = try await registry.registry.createTeam(
            .with {
                $0.team.level = .commune
                $0.team.unit = commune
                $0.team.displayName = "Tổ công nghệ số cộng đồng"
                $0.from = "2025-08-01"
            }
        ).team.name
        // When each was in the team: long ago, just now, still, never; and a long time ago and again.
        let stays: [(name: String, periods: [(String, String)])] = [
            ("Lò Văn Xưa", [("2025-08-01", "2025-12-31")]), ("Lò Văn Mới", [("2025-08-01", "2026-11-01")]),
            ("Lò Văn Còn", [("2025-08-01", "")]), ("Lò Văn Chưa", []),
            ("Lò Văn Lại", [("2025-08-01", "2025-12-31"), ("2026-03-01", "")]),
        ]
        var people: [String] = []
        for (name, periods) in stays {
            let person = try await registry.registry.createPerson(
                .with {
                    $0.person.fullName = name
                    $0.person.phones = ["0992000777"]
                }
            ).person.name
            people.append(person)
            for (from, to) in periods {
                _ = try await registry.registry.createMembership(
                    .with {
                        $0.parent = team
                        $0.membership.person = person
                        $0.membership.role = .member
                        $0.membership.from = from
                        $0.membership.to = to
                    })
            }
        }
        let context = registry.service.context
        let core = try await RegistryCore.open(
            database: context.database, tokens: context.pageTokens, clock: context.clock)
        #expect(try await Retention(core: core, days: 0).run() == 0)
        #expect(try await Retention(core: core, days: 3_650).run() == 0)
        #expect(try await Retention(core: core, days: 100).run() == 1)
        #expect(try await Retention(core: core, days: 100).run() == 0)

        for (name, (said, _)) in zip(people, stays) {
            let person = try await registry.registry.getPerson(.with { $0.name = name }).person
            let isOver = said == "Lò Văn Xưa"
            #expect(person.erased == isOver, "\(said)")
            #expect(person.fullName == (isOver ? "" : said))
            #expect(person.phones.isEmpty == isOver)
        }
        // What is left says when somebody was in the team, for sums that must not change.
        let kept = try await registry.registry.listMemberships(
            .with {
                $0.parent = people[0]
                $0.includePast = true
            }
        ).memberships
        #expect(kept.map(\.to) == ["2025-12-31"])
        let lines = try await context.database.readPooled { [people] tx in
            try tx.query("SELECT resource FROM audit WHERE action = 'EraseAfterRetention'") { try $0.text(0) }
                .filter { people.contains($0) }
        }
        #expect(lines == [people[0]])
        await registry.stop()
    }

    @Test func `records that were merged, one after another, go with the one they lead to, whichever goes first`()
        async throws
    {
        let database = try await Database.open(try TestDatabase.fresh(), migrations: [RegistrySchema.migrations])
        let (now, long) = (Instant(date("2026-11-21")), Instant(date("2020-01-01")))
        func id(_ number: UInt64) -> UniqueID { UniqueID(high: 1, low: number) }
        // 1 was merged into 2, and 2 into 3, who holds the memberships.
        var people = (1...3).map { number in
            Person(
                id: id(UInt64(number)), fullName: "Lò Văn Xưa", mergedInto: number < 3 ? id(UInt64(number) + 1) : nil,
                createdAt: long, updatedAt: long)
        }
        let stay = DateRange(from: date("2019-01-01"), exclusiveEnd: date("2020-01-01"))
        var memberships = [false, true].map { isVoid in
            Membership(
                id: id(isVoid ? 11 : 10), team: id(20), person: id(3), role: .member, range: stay, isVoid: isVoid,
                updatedAt: long)
        }
        try await database.write { [people, memberships] tx in
            for person in people { try PersonStore.insert(person, in: tx) }
            for membership in memberships { try MembershipStore.insert(membership, mark: nil, in: tx) }
        }
        func due() throws -> [UInt64] {
            try database.read { tx in
                try RetentionStore.due(lastDayBefore: date("2024-01-01"), after: nil, limit: 10, in: tx).map(\.low)
            }
        }
        #expect(try due() == [1, 2, 3])
        // Erasing touches the memberships, too.
        people[2].erasedAt = now
        for index in memberships.indices { memberships[index].updatedAt = now }
        try await database.write { [people, memberships] tx in
            try PersonStore.update(people[2], in: tx)
            for membership in memberships { try MembershipStore.update(membership, in: tx) }
        }
        #expect(try due() == [1, 2])
        // Who is in a team again keeps all records that lead there.
        memberships[0].range = DateRange(from: date("2019-01-01"), exclusiveEnd: nil)
        people[2].erasedAt = nil
        try await database.write { [people, memberships] tx in
            try PersonStore.update(people[2], in: tx)
            try MembershipStore.update(memberships[0], in: tx)
        }
        #expect(try due() == [])
        await database.close()
    }

    @Test func `how long is the operator's word`() {
        #expect(RegistryServer.options.contains { $0.name == "retain-people-days" })
    }
}
