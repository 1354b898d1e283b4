import RPC
import ServiceKit
import Shared
import SwiftProtobuf
import Testing

/// R3: "of two concurrent joins for the last seat exactly one succeeds": 200 of them, through all replicas of a
/// Registry.
func expectLastSeatGivenOnce(_ replicas: [RunningRegistry], commune: String, limit: Int32) async throws {
    let team = try await replicas[0].registry.createTeam(
        .with {
            $0.team.level = .commune
            $0.team.unit = commune
            $0.team.displayName = "Tổ công nghệ số cộng đồng"
            $0.from = "2025-07-01"
        }
    ).team.name
    _ = try await replicas[replicas.count - 1].registry.createCapacityPolicy(
        .with {
            $0.policy.unit = commune
            $0.policy.level = .commune
            $0.policy.limit = limit
            $0.policy.mode = .enforce
            $0.policy.from = "2025-07-01"
        })
    var people: [String] = []
    for number in 0..<Int(limit) + 199 {
        people.append(
            try await replicas[number % replicas.count].registry.createPerson(
                .with { $0.person.fullName = "Lò Văn Bình" }
            ).person.name)
    }
    @Sendable func join(_ person: String, _ replica: RunningRegistry) async -> (reason: String, error: RPCError?) {
        do {
            _ = try await replica.registry.createMembership(
                .with {
                    $0.parent = team
                    $0.membership.person = person
                    $0.membership.role = .member
                    $0.membership.from = "2025-08-01"
                })
            return ("OK", nil)
        } catch {
            return ((error as? RPCError)?.reason ?? "\(error)", error as? RPCError)
        }
    }
    // All seats but one are taken.
    for person in people.prefix(Int(limit) - 1) { #expect(await join(person, replicas[0]).reason == "OK") }
    let outcomes = await withTaskGroup(of: String.self) { group in
        for (number, person) in people.dropFirst(Int(limit) - 1).enumerated() {
            group.addTask { await join(person, replicas[number % replicas.count]).reason }
        }
        return await group.reduce(into: [:]) { $0[$1, default: 0] += 1 }
    }
    #expect(outcomes == ["OK": 1, "CAPACITY_EXCEEDED": 199])
    for replica in replicas {
        let members = try await replica.registry.listMemberships(
            .with {
                $0.parent = team
                $0.pageSize = 100
            }
        ).memberships
        #expect(members.count == Int(limit))
        // Who comes too late is told the limit and how many there are.
        let late = try await replica.registry.createPerson(.with { $0.person.fullName = "Lò Văn Bình" }).person.name
        let refusal = await join(late, replica).error
        #expect(refusal?.code == .failedPrecondition)
        let values = refusal?.status?.details.lazy.compactMap { try? Google_Rpc_ErrorInfo(unpackingAny: $0) }.first?
            .metadata
        #expect(values?["limit"] == String(limit))
        #expect(values?["current"] == String(limit))
    }
}
