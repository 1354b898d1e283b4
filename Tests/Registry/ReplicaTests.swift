import Foundation
import RPC
import ServiceKit
import Shared
import SwiftProtobuf
import TestSupport
import Testing

@testable import Registry

/// "Several replicas of a service may run: nothing that must be unique lives in memory."
@Suite(.onPostgres) struct ReplicaTests {
    @Test func `of 200 joins for the last seat, through two replicas, exactly one succeeds`() async throws {
        let server = try PostgresServer.running()
        let database = try server.makeDatabase()
        let arguments = ["--database", server.address(database)]
        // One after the other: the first loads the units.
        let replicas = [
            try await RunningRegistry.start(on: arguments), try await RunningRegistry.start(on: arguments),
        ]
        let registry = replicas[0].registry
        let unit = try await replicas[0].unit("03193", on: "2025-07-01")
        let team = try await registry.createTeam(
            .with {
                $0.team.level = .commune
                $0.team.unit = unit
                $0.team.displayName = "Tổ công nghệ số cộng đồng"
                $0.from = "2025-07-01"
            }
        ).team
        _ = try await replicas[1].registry.createCapacityPolicy(
            .with {
                $0.policy.unit = unit
                $0.policy.level = .commune
                $0.policy.limit = 10
                $0.policy.mode = .enforce
                $0.policy.from = "2025-07-01"
            })
        var people: [String] = []
        for number in 0..<209 {
            people.append(
                try await replicas[number % 2].registry.createPerson(.with { $0.person.fullName = "Lò Văn Bình" })
                    .person.name)
        }
        @Sendable func join(_ person: String, _ replica: RunningRegistry) async -> String {
            do {
                _ = try await replica.registry.createMembership(
                    .with {
                        $0.parent = team.name
                        $0.membership.person = person
                        $0.membership.role = .member
                        $0.membership.from = "2025-08-01"
                    })
                return "OK"
            } catch {
                return (error as? RPCError)?.reason ?? "\(error)"
            }
        }
        // Nine of ten seats are taken.
        for person in people.prefix(9) { #expect(await join(person, replicas[0]) == "OK") }
        let outcomes = await withTaskGroup(of: String.self) { group in
            for (number, person) in people.dropFirst(9).enumerated() {
                group.addTask { await join(person, replicas[number % 2]) }
            }
            return await group.reduce(into: [:]) { $0[$1, default: 0] += 1 }
        }
        #expect(outcomes == ["OK": 1, "CAPACITY_EXCEEDED": 199])
        for replica in replicas {
            let members = try await replica.registry.listMemberships(
                .with {
                    $0.parent = team.name
                    $0.pageSize = 100
                }
            ).memberships
            #expect(members.count == 10)
        }
        for replica in replicas { await replica.stop() }
        try server.removeDatabase(database)
    }
}
