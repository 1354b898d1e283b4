import Foundation
import RPC
import ServiceKit
import Shared
import SwiftProtobuf
import TestSupport
import Testing

@testable import Registry

@Suite(.onBothEngines) struct PeopleCallTests {
    let registry: RunningRegistry
    init() async throws { registry = try await RunningRegistry.shared.value }

    private func person(
        _ name: String, _ phone: String, change: (inout Cdt_Registry_V1_Person) -> Void = { _ in }
    ) async throws -> Cdt_Registry_V1_Person {
        try await registry.registry.createPerson(
            .with {
                $0.person.fullName = name
                $0.person.birthYear = 1988
                $0.person.phones = [phone]
                change(&$0.person)
                $0.requestID = UUID().uuidString
            }
        ).person
    }

    private func team(_ commune: String) async throws -> Cdt_Registry_V1_Team {
        let unit = try await registry.unit(commune, on: "2025-07-01")
        return try await registry.registry.createTeam(
            .with {
                $0.team.level = .commune
                $0.team.unit = unit
                $0.team.displayName = "Tổ công nghệ số cộng đồng"
                $0.from = "2025-07-01"
            }
        ).team
    }

    private func join(_ team: String, _ person: String, _ from: String, _ to: String = "") async throws
        -> Cdt_Registry_V1_Membership
    {
        try await registry.registry.createMembership(
            .with {
                $0.parent = team
                $0.membership.person = person
                $0.membership.role = .member
                $0.membership.from = from
                $0.membership.to = to
            }
        ).membership
    }

    private func teams(of person: String) async throws -> [String] {
        try await registry.registry.listMemberships(
            .with {
                $0.parent = person
                $0.includePast = true
            }
        ).memberships.map(\.team).sorted()
    }

    /// R7: "a person may be in one commune team and one hamlet team at once": of one person in two, somebody must look.
    @Test func `a merge that puts a person into two teams of a level at once says so`() async throws {
        let first = try await person("Giàng A Hai", "0988111021")
        let second = try await person("Giàng A Hai", "0988111022")
        let (a, b) = (try await team("00376"), try await team("00382"))
        _ = try await join(a.name, first.name, "2025-08-01", "2025-12-31")
        _ = try await join(b.name, second.name, "2025-12-31")
        let merged = try await registry.people.mergePeople(
            .with {
                $0.survivor = first.name
                $0.merged = second.name
                $0.requestID = UUID().uuidString
            })
        #expect(merged.warnings.map(\.reason) == ["TWO_TEAMS_OF_LEVEL"])
        #expect(try await teams(of: first.name) == [a.name, b.name].sorted())
    }

    @Test func `duplicates are queued, dismissed for good, merged, and taken apart again`() async throws {
        let first = try await person("Vừ Thị Dợ", "0988111001")
        let second = try await person("Vu Thi Do", "0988111001") {
            $0.sourceSystem = "test-merge"
            $0.externalID = "second"
        }
        let third = try await person("Vừ Thị Dợ", "0988111001")
        _ = try await registry.people.scanDuplicates(.init())
        func queue(_ state: Cdt_Registry_V1_DuplicateState = .open) async throws -> [Cdt_Registry_V1_Duplicate] {
            try await registry.people.listDuplicates(
                .with {
                    $0.state = state
                    $0.person = first.name
                }
            ).duplicates
        }
        let found = try await queue()
        #expect(found.map(\.score) == [85, 80])
        #expect(found[0].reasons == ["NAME", "BIRTH_YEAR", "PHONE"])
        let other = try #require(found.first { [$0.firstPerson, $0.secondPerson].contains(third.name) })
        _ = try await registry.people.dismissDuplicate(.with { $0.name = other.name })
        let twice = await registry.failure {
            _ = try await registry.people.dismissDuplicate(.with { $0.name = other.name })
        }
        #expect(twice.reason == "DUPLICATE_DECIDED")
        _ = try await registry.people.scanDuplicates(.with { $0.all = true })
        #expect(try await queue().count == 1)

        let (a, b) = (try await team("00008"), try await team("00025"))
        _ = try await join(a.name, first.name, "2025-08-01", "2025-12-31")
        let moved = try await join(b.name, second.name, "2026-01-01")
        let overlapping = try await join(a.name, second.name, "2025-12-31", "2025-12-31")
        let request = Cdt_Registry_V1_MergePeopleRequest.with {
            $0.survivor = first.name
            $0.merged = second.name
            $0.reason = "cùng một người"
            $0.requestID = UUID().uuidString
        }
        let refused = await registry.failure { _ = try await registry.people.mergePeople(request) }
        #expect(refused.code == .failedPrecondition)
        #expect(refused.reason == "MEMBERSHIPS_OVERLAP")
        _ = try await registry.registry.voidMembership(.with { $0.name = overlapping.name })
        let merged = try await registry.people.mergePeople(request)
        #expect(merged.warnings.isEmpty)
        let merge = merged.merge
        #expect(merge.memberships.contains(moved.name))
        #expect(try await registry.people.mergePeople(request).merge.name == merge.name)
        #expect(try await teams(of: first.name) == [a.name, a.name, b.name].sorted())
        #expect(try await queue(.merged).count == 1)
        // The record that was merged leads to the other, by its key too.
        #expect(try await registry.registry.getPerson(.with { $0.name = second.name }).person.mergedInto == first.name)
        let byKey = try await registry.registry.getPerson(
            .with {
                $0.source.sourceSystem = "test-merge"
                $0.source.externalID = "second"
            }
        ).person
        #expect(byKey.name == first.name)
        let late = await registry.failure { _ = try await join(a.name, second.name, "2026-02-01") }
        #expect(late.reason == "PERSON_MERGED")
        #expect(late.metadata["survivor"] == first.name)

        let undone = try await registry.people.unmergePeople(.with { $0.name = merge.name }).merge
        #expect(undone.undone)
        #expect(try await teams(of: first.name) == [a.name])
        #expect(try await teams(of: second.name) == [a.name, b.name].sorted())
        #expect(try await queue().count == 1)
        let again = await registry.failure {
            _ = try await registry.people.unmergePeople(.with { $0.name = merge.name })
        }
        #expect(again.reason == "MERGE_UNDONE")
        let itself = await registry.failure {
            _ = try await registry.people.mergePeople(
                .with {
                    $0.survivor = first.name
                    $0.merged = first.name
                })
        }
        #expect(itself.reason == "SAME_PERSON")
    }

    @Test func `a citizen id is taken, never given back, and finds the person again`() async throws {
        let number = "001088000123"
        let first = try await person("Sùng A Páo", "0988111011") { $0.citizenID = number }
        let second = try await person("Sùng Páo", "0988111012") { $0.citizenID = number }
        #expect(first.citizenID.isEmpty)
        #expect(first.hasCitizenID_p)
        _ = try await registry.people.scanDuplicates(.init())
        let found = try await registry.people.listDuplicates(.with { $0.person = second.name }).duplicates
        #expect(found.map(\.score) == [100])
        #expect(found.first?.reasons.first == "CITIZEN_ID")
        let wrong = await registry.failure { _ = try await person("Sùng A Páo", "0988111013") { $0.citizenID = "123" } }
        #expect(wrong.reason == "INVALID_CITIZEN_ID")
        let cleared = try await registry.registry.updatePerson(
            .with {
                $0.person.name = first.name
                $0.updateMask = .with { $0.paths = ["citizen_id"] }
            }
        ).person
        #expect(!cleared.hasCitizenID_p)
        let kept = try await registry.registry.updatePerson(
            .with {
                $0.person.name = second.name
                $0.person.email = "pao@example.vn"
                $0.updateMask = .with { $0.paths = ["email"] }
            }
        ).person
        #expect(kept.hasCitizenID_p)
        #expect(kept.email == "pao@example.vn")
    }

    @Test func `erasure leaves the history and takes everything personal, in the feeds too`() async throws {
        let row = [
            teamRow(1, "er0", commune: "03169"),
            memberRow(2, "erm", team: "er0") {
                $0.to = "2024-01-31"
                $0.phones = ["0988111021"]
            },
        ]
        _ = try await registry.importing(row, source: "test-erase")
        let person = try await registry.registry.getPerson(
            .with {
                $0.source.sourceSystem = "test-erase"
                $0.source.externalID = "erm"
            }
        ).person
        let exported = try await registry.people.exportPersonData(.with { $0.name = person.name })
        #expect(exported.person.phones == ["0988111021"])
        #expect(exported.memberships.count == 1)
        #expect(exported.reads.contains { $0.action == "GetPerson" && $0.count == 1 })

        let member = try await self.person("Giàng Thị Súa", "0988111022")
        let working = try await team("00070")
        let current = try await join(working.name, member.name, "2026-01-01")
        let still = await registry.failure {
            _ = try await registry.people.erasePerson(.with { $0.name = member.name })
        }
        #expect(still.reason == "STILL_MEMBER")
        #expect(still.metadata["membership"] == current.name)

        let erased = try await registry.people.erasePerson(
            .with {
                $0.name = person.name
                $0.reason = "theo yêu cầu"
            }
        ).person
        #expect(erased.erased)
        #expect(erased.fullName.isEmpty && erased.phones.isEmpty && erased.birthYear == 0)
        let left = try await registry.registry.listMemberships(
            .with {
                $0.parent = person.name
                $0.includePast = true
            }
        ).memberships
        #expect(left.map(\.to) == ["2024-01-31"])
        let again = await registry.failure {
            _ = try await registry.people.erasePerson(.with { $0.name = person.name })
        }
        #expect(again.reason == "PERSON_ERASED")
        // A file that still holds the person does not bring the data back.
        let verdicts = try await registry.importing(row, source: "test-erase")
        #expect(verdicts.reasons == [[], ["PERSON_ERASED"]])

        func events(_ topic: String, of aggregate: String) async throws -> [Cdt_Feed_V1_Event] {
            let call = try await registry.feed.follow(.with { $0.topic = topic })
            defer { call.cancel() }
            var events: [Cdt_Feed_V1_Event] = []
            for try await response in call.responses {
                events += response.events.filter { $0.aggregate == aggregate }
                if response.caughtUp { break }
            }
            return events
        }
        let contacts = try await events("registry.contacts", of: person.name)
        #expect(!contacts.isEmpty)
        #expect(contacts.allSatisfy { $0.tombstone && !$0.hasPayload })
        let facts = try await events("registry.facts", of: left[0].name)
        let fact = try Cdt_Registry_V1_MembershipFact(unpackingAny: try #require(facts.last).payload)
        #expect(fact.person == person.name)
        #expect(fact.organisations.isEmpty)
        #expect(facts.dropLast().allSatisfy { $0.tombstone })
    }
}
