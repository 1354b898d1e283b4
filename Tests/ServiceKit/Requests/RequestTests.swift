import Crypto
import RPC
import Shared
import Storage
import SwiftProtobuf
import TestSupport
import Testing

@testable import ServiceKit

extension Cdt_Registry_V1_ListTeamsRequest: PagedRequest {}

@Suite(.onBothEngines) struct RequestIDTests {
    let now = Instant(LocalDate("2024-10-31")!)
    let id = UniqueID("0192d3a4-5b6c-7def-8123-456789abcdef")!

    func key(_ text: String, caller: String = "a", method: String = "/x/Y") throws -> RequestIDs.Key {
        try RequestIDs.Key(
            caller: caller, method: method, requestID: id, payload: Google_Protobuf_StringValue(text))
    }

    func ask(_ database: Database, _ key: RequestIDs.Key?, answer: String, at now: Instant) async throws
        -> Result<Google_Protobuf_StringValue, ServiceError>
    {
        try await database.write { transaction in
            try RequestIDs.once(key, in: transaction, now: now) { Google_Protobuf_StringValue(answer) }
        }
    }

    @Test func theSameRequestGetsTheSameAnswerForADay() async throws {
        let database = try await TestDatabase.open([RequestIDs.migrations])
        #expect(try await ask(database, key("p"), answer: "first", at: now).get().value == "first")
        #expect(
            try await ask(database, key("p"), answer: "second", at: now.adding(seconds: 86_399)).get().value == "first")
        #expect(try await ask(database, key("p", caller: "b"), answer: "other", at: now).get().value == "other")
        #expect(try await ask(database, key("p", method: "/x/Z"), answer: "third", at: now).get().value == "third")
        #expect(try await ask(database, nil, answer: "without", at: now).get().value == "without")
        #expect(
            try await ask(database, key("p"), answer: "later", at: now.adding(seconds: 86_400)).get().value == "later")
        await database.close()
    }

    @Test func aDifferentPayloadIsRefused() async throws {
        let database = try await TestDatabase.open([RequestIDs.migrations])
        _ = try await ask(database, key("p"), answer: "first", at: now)
        let error = await #expect(throws: ServiceError.self) {
            try await ask(database, key("q"), answer: "x", at: now).get()
        }
        #expect(error?.reason == "REQUEST_ID_REUSED")
        #expect(error?.code == .alreadyExists)
        await database.close()
    }

    @Test func failuresAreNotKept() async throws {
        let database = try await TestDatabase.open([RequestIDs.migrations])
        let key = try key("p")
        let now = now
        let refused = try await database.write { transaction in
            try RequestIDs.once(key, in: transaction, now: now) {
                () -> Result<Google_Protobuf_StringValue, ServiceError> in
                .failure(.notFound(type: "t", name: "n"))
            }
        }
        #expect(throws: ServiceError.self) { try refused.get() }
        await #expect(throws: CancellationError.self) {
            try await database.write { transaction in
                _ = try RequestIDs.once(key, in: transaction, now: now) { Google_Protobuf_StringValue("lost") }
                throw CancellationError()
            }
        }
        #expect(try await ask(database, key, answer: "now", at: now).get().value == "now")
        await database.close()
    }

    @Test func expiredAnswersArePurgedInBatches() async throws {
        let database = try await TestDatabase.open([RequestIDs.migrations])
        for method in ["/a", "/b", "/c"] { _ = try await ask(database, key("p", method: method), answer: "x", at: now) }
        let later = now.adding(seconds: 90_000)
        _ = try await ask(database, key("p", method: "/d"), answer: "x", at: later)
        #expect(try await RequestIDs.purge(database, now: later, limit: 2) == 2)
        #expect(try await RequestIDs.purge(database, now: later, limit: 2) == 1)
        #expect(try await RequestIDs.purge(database, now: later, limit: 2) == 0)
        await database.close()
    }
}

@Suite struct PageTokenTests {
    let tokens = PageTokens(key: SymmetricKey(size: .bits256))
    let method = MethodDescriptor(service: "cdt.registry.v1.RegistryService", method: "ListTeams", kind: .unary)

    @Test func aTokenBringsItsPositionBack() throws {
        var request = Cdt_Registry_V1_ListTeamsRequest.with { $0.unit = "units/1" }
        #expect(try tokens.page(of: request, method) == .init(size: 50, position: nil))
        request.pageToken = try tokens.token(after: ["Tổ số 3", "", "id"], of: request, method)
        request.pageSize = 7
        #expect(try tokens.page(of: request, method) == .init(size: 7, position: ["Tổ số 3", "", "id"]))
        #expect(request.pageToken.utf8.allSatisfy { $0 != 0x2B && $0 != 0x2F && $0 != 0x3D })
    }

    @Test func aTokenFitsOnlyItsQuery() throws {
        let request = Cdt_Registry_V1_ListTeamsRequest.with { $0.unit = "units/1" }
        let token = try tokens.token(after: ["x"], of: request, method)
        let other = MethodDescriptor(service: method.service, method: "ListPeople", kind: .unary)
        let changed = Cdt_Registry_V1_ListTeamsRequest.with {
            $0.unit = "units/2"
            $0.pageToken = token
        }
        let same = Cdt_Registry_V1_ListTeamsRequest.with {
            $0.unit = "units/1"
            $0.pageToken = token
        }
        #expect(throws: ServiceError.self) { try tokens.page(of: changed, method) }
        #expect(throws: ServiceError.self) { try tokens.page(of: same, other) }
        #expect(throws: ServiceError.self) { try PageTokens(key: .init(size: .bits256)).page(of: same, method) }
        #expect(try tokens.page(of: same, method).position == ["x"])
        for bad in ["x", "", "AAAA", String(token.dropLast(2)), token + "AA", String(repeating: "A", count: 10_000)]
        where !bad.isEmpty {
            var request = same
            request.pageToken = bad
            let error = #expect(throws: ServiceError.self) { try tokens.page(of: request, method) }
            #expect(error?.reason == "INVALID_PAGE_TOKEN")
        }
    }

    @Test func sizesAreDefaultedCutAndRefused() throws {
        var request = Cdt_Registry_V1_ListTeamsRequest()
        request.pageSize = 5000
        #expect(try tokens.page(of: request, method, maximum: 200).size == 200)
        request.pageSize = -1
        #expect(throws: ServiceError.self) { try tokens.page(of: request, method) }
    }

    @Test func aPageIsCutWhereOneMoreRowWasRead() throws {
        let request = Cdt_Registry_V1_ListTeamsRequest.with { $0.pageSize = 2 }
        let page = try tokens.page(of: request, method)
        func cut(_ rows: [String]) throws -> (rows: [String], next: String) {
            try tokens.cut(rows, to: page, of: request, method) { [$0] }
        }
        let first = try cut(["a", "b", "c"])
        #expect(first.rows == ["a", "b"])
        let next = Cdt_Registry_V1_ListTeamsRequest.with { $0.pageToken = first.next }
        #expect(try tokens.page(of: next, method).position == ["b"])
        let last = try cut(["a", "b"])
        #expect(last.rows == ["a", "b"] && last.next.isEmpty)
    }

    @Test func theKeyStaysWithTheDatabase() async throws {
        let database = try await TestDatabase.open([PageTokens.migrations])
        let request = Cdt_Registry_V1_ListTeamsRequest()
        let token = try await PageTokens.load(from: database).token(after: ["x"], of: request, method)
        let again = try await PageTokens.load(from: database)
        #expect(
            try again.page(of: .with { $0.pageToken = token } as Cdt_Registry_V1_ListTeamsRequest, method).position == [
                "x"
            ])
        await database.close()
    }
}

@Suite struct UpdateTests {
    typealias Team = Cdt_Registry_V1_Team

    let current = Team.with {
        $0.name = "teams/1"
        $0.displayName = "Tổ 1"
        $0.unit = "units/1"
    }

    func update(_ changes: Team, _ paths: String..., immutable: Set<String> = ["name"]) throws -> Team {
        try FieldMasks.updating(
            current, with: changes, mask: .init(protoPaths: paths), field: "team", immutable: immutable)
    }

    @Test func onlyNamedFieldsChange() throws {
        let changes = Team.with {
            $0.name = "teams/1"
            $0.displayName = "Tổ 2"
            $0.unit = ""
        }
        #expect(try update(changes, "display_name").displayName == "Tổ 2")
        #expect(try update(changes, "display_name").unit == "units/1")
        #expect(try update(changes, "unit").unit == "")
        #expect(try update(changes).displayName == "Tổ 2", "no mask: the fields that are set")
        #expect(try update(changes).unit == "units/1")
        #expect(try update(changes, "*").unit == "")
        #expect(try update(changes, "*").name == "teams/1")
    }

    @Test func unknownAndImmutableFieldsAreRefused() {
        let error = #expect(throws: ServiceError.self) { try update(.with { $0.name = "teams/2" }, "nope", "name") }
        #expect(error?.violations.map(\.reason) == ["UNKNOWN_FIELD", "IMMUTABLE_FIELD"])
    }

    @Test func etagsGuardAgainstUnseenChanges() {
        #expect(Etag.refusal("", version: 7, name: "teams/1") == nil)
        #expect(Etag.refusal(Etag.of(version: 7), version: 7, name: "teams/1") == nil)
        #expect(Etag.refusal(Etag.of(version: 6), version: 7, name: "teams/1")?.code == .aborted)
    }
}
