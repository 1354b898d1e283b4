import Foundation
import RPC
import ServiceKit
import Shared
import SwiftProtobuf
import TestSupport
import Testing

@testable import Registry

@Suite(.onBothEngines) struct TeamCallTests {
    let registry: RunningRegistry
    init() async throws { registry = try await RunningRegistry.shared.value }

    private func team(_ commune: String, on day: String = "2025-07-01", from: String = "2025-07-01") async throws
        -> Cdt_Registry_V1_CreateTeamRequest
    {
        let unit = try await registry.unit(commune, on: day)
        return .with {
            $0.team.level = .commune
            $0.team.unit = unit
            $0.team.displayName = "Tổ công nghệ số cộng đồng"
            $0.from = from
            $0.requestID = UUID().uuidString
        }
    }

    private func person(_ name: String = "Lò Thị Hoa") async throws -> String {
        try await registry.registry.createPerson(
            .with {
                $0.person.fullName = name
                $0.person.birthYear = 1990
            }
        ).person.name
    }

    @Test func `the same request id gives the same team, another payload is refused`() async throws {
        let request = try await team("03160")
        let first = try await registry.registry.createTeam(request).team
        #expect(first.status == .active)
        #expect(first.flags == ["NEEDS_LEADER"])
        let again = try await registry.registry.createTeam(request).team
        #expect(again.name == first.name)
        var other = request
        other.team.displayName = "Khác"
        let reused = await registry.failure { _ = try await registry.registry.createTeam(other) }
        #expect(reused.reason == "REQUEST_ID_REUSED")
        other.requestID = UUID().uuidString
        let second = await registry.failure { _ = try await registry.registry.createTeam(other) }
        #expect(second.code == .failedPrecondition)
        #expect(second.reason == "UNIT_HAS_ACTIVE_TEAM")
        #expect(second.metadata["team"] == first.name)
    }

    @Test func `R2 and validity: a team sits on a unit of its level, in force`() async throws {
        let province = try await registry.unit("11", on: "2025-07-01")
        var request = try await team("03166")
        request.team.unit = province
        #expect(
            await registry.failure { _ = try await registry.registry.createTeam(request) }.reason == "WRONG_UNIT_LEVEL")
        request = try await team("03166", from: "2025-06-30")
        #expect(
            await registry.failure { _ = try await registry.registry.createTeam(request) }.reason == "UNIT_NOT_IN_FORCE"
        )
        request.team.unit = "units/0"
        #expect(await registry.failure { _ = try await registry.registry.createTeam(request) }.reason == "INVALID_NAME")
    }

    @Test func `statuses change by date, and an old etag is refused`() async throws {
        let created = try await registry.registry.createTeam(team("03172")).team
        let suspended = try await registry.registry.changeTeamStatus(
            .with {
                $0.name = created.name
                $0.status = .suspended
                $0.from = "2026-01-01"
                $0.etag = created.etag
            }
        ).team
        #expect(suspended.status == .suspended)
        #expect(suspended.statusHistory.map(\.to) == ["2025-12-31", ""])
        let stale = await registry.failure {
            _ = try await registry.registry.updateTeam(
                .with {
                    $0.team = created
                    $0.team.displayName = "Tên mới"
                    $0.updateMask = .with { $0.paths = ["display_name"] }
                })
        }
        #expect(stale.code == .aborted)
        #expect(stale.reason == "ETAG_MISMATCH")
        // The unit is free while the team is suspended, and then taken.
        let other = try await registry.registry.createTeam(team("03172", from: "2026-02-01")).team
        let back = await registry.failure {
            _ = try await registry.registry.changeTeamStatus(
                .with {
                    $0.name = created.name
                    $0.status = .active
                    $0.from = "2026-03-01"
                })
        }
        #expect(back.reason == "UNIT_HAS_ACTIVE_TEAM")
        _ = try await registry.registry.changeTeamStatus(
            .with {
                $0.name = other.name
                $0.status = .dissolved
                $0.from = "2026-03-01"
            })
        let again = try await registry.registry.changeTeamStatus(
            .with {
                $0.name = created.name
                $0.status = .active
                $0.from = "2026-03-01"
            }
        ).team
        #expect(again.status == .active)
        let renamed = try await registry.registry.updateTeam(
            .with {
                $0.team.name = created.name
                $0.team.displayName = "Tên mới"
                $0.team.etag = again.etag
            }
        ).team
        #expect(renamed.displayName == "Tên mới")
        let asOf = try await registry.registry.getTeam(
            .with {
                $0.name = created.name
                $0.date = "2026-02-15"
            })
        #expect(asOf.team.status == .suspended)
        #expect(!asOf.dateDefaulted)
    }

    @Test func `memberships: one leader, both ends count, void and end`() async throws {
        let team = try await registry.registry.createTeam(team("03175")).team
        let people = [try await person(), try await person("Quàng Văn Tú")]
        func join(_ person: String, _ role: Cdt_Registry_V1_MemberRole, _ from: String, _ to: String = "") async throws
            -> Cdt_Registry_V1_Membership
        {
            try await registry.registry.createMembership(
                .with {
                    $0.parent = team.name
                    $0.membership = .with {
                        $0.person = person
                        $0.role = role
                        $0.from = from
                        $0.to = to
                    }
                }
            ).membership
        }
        let leader = try await join(people[0], .leader, "2025-07-01", "2025-12-31")
        #expect(
            await registry.failure { _ = try await join(people[1], .leader, "2025-12-31") }.reason == "TEAM_HAS_LEADER")
        #expect(
            await registry.failure { _ = try await join(people[0], .member, "2025-12-31") }.reason == "ALREADY_MEMBER")
        let next = try await join(people[1], .leader, "2026-01-01")
        #expect(
            await registry.failure {
                _ = try await registry.registry.endMembership(
                    .with {
                        $0.name = leader.name
                        $0.to = "2026-01-01"
                    })
            }.reason == "TEAM_HAS_LEADER")
        let ended = try await registry.registry.endMembership(
            .with {
                $0.name = leader.name
                $0.to = "2025-10-31"
                $0.reason = "chuyển đi"
                $0.etag = leader.etag
            }
        ).membership
        #expect(ended.to == "2025-10-31")
        let void = try await registry.registry.voidMembership(
            .with {
                $0.name = next.name
                $0.reason = "nhầm"
            }
        ).membership
        #expect(void.void)
        let now = try await registry.registry.listMemberships(.with { $0.parent = team.name })
        #expect(now.memberships.isEmpty)
        let all = try await registry.registry.listMemberships(
            .with {
                $0.parent = team.name
                $0.includePast = true
            })
        #expect(all.memberships.map(\.name) == [leader.name, next.name])
        #expect(try await registry.registry.getTeam(.with { $0.name = team.name }).team.flags == ["NEEDS_LEADER"])
    }

    @Test func `residence outside the commune is a warning`() async throws {
        let team = try await registry.registry.createTeam(team("03181")).team
        let elsewhere = try await registry.unit("00004", on: "2025-07-01")
        let person = try await registry.registry.createPerson(
            .with {
                $0.person.fullName = "Giàng A Sử"
                $0.person.residenceUnit = elsewhere
            }
        ).person
        let joined = try await registry.registry.createMembership(
            .with {
                $0.parent = team.name
                $0.membership = .with {
                    $0.person = person.name
                    $0.role = .member
                    $0.from = "2025-07-01"
                }
            })
        #expect(joined.warnings.map(\.reason) == ["OUTSIDE_COMMUNE"])
    }

    @Test func `of many joins for the last seat exactly one succeeds`() async throws {
        let commune = try await registry.unit("03193", on: "2025-07-01")
        try await expectLastSeatGivenOnce([registry], commune: commune, limit: 2)
    }

    @Test func `coverage counts units in force with an active team`() async throws {
        let day = "2022-08-23"
        let langSon = try await registry.unit("20", on: day)
        let communes = try await registry.registry.listUnits(
            .with {
                $0.parent = langSon
                $0.level = .commune
                $0.date = day
                $0.pageSize = 1000
            }
        ).units
        let rows = communes.dropLast().enumerated().map { index, commune in
            teamRow(Int64(index + 1), "ls\(index)", commune: commune.code, established: "2022-05-01")
        }
        _ = try await registry.importing(rows, source: "test-coverage", codeDate: day, perMessage: 100)
        let coverage = try await registry.registry.getCoverage(
            .with {
                $0.unit = langSon
                $0.level = .commune
                $0.date = day
            }
        ).coverage
        #expect(coverage.numerator == 199)
        #expect(coverage.denominator == 200)
        #expect(coverage.percent == "99.50")
        let before = try await registry.registry.getCoverage(
            .with {
                $0.unit = langSon
                $0.level = .commune
                $0.date = "2022-04-30"
            }
        ).coverage
        #expect(before.numerator == 0)
        let list = try await registry.registry.listCoverage(
            .with {
                $0.parent = langSon
                $0.level = .commune
                $0.date = day
            })
        #expect(list.rows.count == 11)
        #expect(list.rows.map(\.coverage.numerator).reduce(0, +) == 199)
        #expect(list.total == coverage)
        let counts = try await registry.registry.countTeams(
            .with {
                $0.unit = langSon
                $0.date = day
            })
        #expect(counts.communeTeams == 199)
        let today = try await registry.unit("20", on: "2026-01-01")
        let past = try await registry.registry.countTeams(
            .with {
                $0.unit = today
                $0.date = day
                $0.treeDate = "2026-01-01"
            })
        #expect(past.communeTeams == 199)
        let none = try await registry.registry.getCoverage(
            .with {
                $0.unit = langSon
                $0.level = .district
                $0.date = "2025-07-01"
            }
        ).coverage
        #expect(none.percent.isEmpty)
    }

    @Test func `the feeds tell facts without contact data, and contacts apart`() async throws {
        let rows = [
            teamRow(1, "feed0", commune: "03136"), memberRow(2, "feedm", team: "feed0", role: .leader),
        ]
        _ = try await registry.importing(rows, source: "test-feed")
        func events(_ topic: String) async throws -> [Cdt_Feed_V1_Event] {
            let call = try await registry.feed.follow(.with { $0.topic = topic })
            defer { call.cancel() }
            var events: [Cdt_Feed_V1_Event] = []
            for try await response in call.responses {
                events += response.events
                if response.caughtUp { break }
            }
            return events
        }
        let facts = try await events("registry.facts")
        // Rising, not dense: what other tests have erased from the history is told by the fact that came after it.
        #expect(zip(facts, facts.dropFirst()).allSatisfy { $0.sequence < $1.sequence })
        let units = facts.filter { $0.payload.isA(Cdt_Registry_V1_UnitFact.self) }
        #expect(units.count >= 15_355)
        let teams = try facts.filter { $0.payload.isA(Cdt_Registry_V1_TeamFact.self) }
            .map { try Cdt_Registry_V1_TeamFact(unpackingAny: $0.payload) }
        let unit = try await registry.unit("03136", on: "2024-10-15")
        let team = try #require(teams.first { $0.placements.first?.unit == unit })
        #expect(team.placements.count == 2)
        #expect(team.decision.number == "01/QĐ-UBND")
        let memberships = try facts.filter { $0.payload.isA(Cdt_Registry_V1_MembershipFact.self) }
            .map { try Cdt_Registry_V1_MembershipFact(unpackingAny: $0.payload) }
        let member = try #require(memberships.first { $0.team == team.team })
        #expect(member.organisations == ["Đoàn Thanh niên"])
        #expect(!facts.contains { $0.payload.isA(Cdt_Registry_V1_ContactFact.self) })
        // People whom other tests erase are tombstones.
        let contacts = try await events("registry.contacts").filter { !$0.tombstone }
            .map { try Cdt_Registry_V1_ContactFact(unpackingAny: $0.payload) }
        #expect(contacts.contains { $0.person == member.person && $0.phones == ["0992000001"] })
    }
}
