import RPC
import Shared
import SwiftProtobuf
import Testing

@testable import ServiceKit
@testable import Storage

@Suite struct ServiceErrorTests {
    func details(_ error: RPCError) throws -> Google_Rpc_Status { try #require(error.status) }

    func detail<T: Message>(_ type: T.Type, of error: RPCError) throws -> T? {
        try details(error).details.first { $0.isA(type) }.map { try T(unpackingAny: $0) }
    }

    @Test func everyErrorCarriesInfoAndAVietnameseMessage() throws {
        let error = ServiceError(
            .aborted, reason: "ETAG_MISMATCH", "changed", vi: "đã thay đổi", metadata: ["etag": "1"]
        )
        .rpcError(domain: "registry.cdt.vn", requestID: "abc")
        #expect(error.code == .aborted)
        #expect(error.message == "changed")
        let status = try details(error)
        #expect(status.code == 10)
        #expect(status.message == "changed")
        let info = try #require(try detail(Google_Rpc_ErrorInfo.self, of: error))
        #expect(info.reason == "ETAG_MISMATCH")
        #expect(info.domain == "registry.cdt.vn")
        #expect(info.metadata == ["etag": "1"])
        #expect(try detail(Google_Rpc_LocalizedMessage.self, of: error)?.message == "đã thay đổi")
        #expect(try detail(Google_Rpc_LocalizedMessage.self, of: error)?.locale == "vi")
        #expect(try detail(Google_Rpc_RequestInfo.self, of: error)?.requestID == "abc")
        #expect(error.reason == "ETAG_MISMATCH")
    }

    @Test func badRequestListsEveryViolation() throws {
        var check = Violations()
        #expect(check.date("31/10/2024", "from") == nil)
        #expect(check.month("", "month") == nil)
        #expect(check.name("units/1", of: "teams", "team") == nil)
        #expect(check.uuid("", "request_id") == nil)
        #expect(check.text(" Tổ 3 \n", "name") == "Tổ 3")
        let error = try #require(throws: ServiceError.self) { try check.refuse() }
        #expect(error.reason == "INVALID_FIELDS")
        let bad = try #require(try detail(Google_Rpc_BadRequest.self, of: error.rpcError(domain: "x")))
        #expect(bad.fieldViolations.map(\.field) == ["from", "month", "team"])
        #expect(bad.fieldViolations[0].description_p.contains("YYYY-MM-DD"))
        #expect(error.messageVi.contains("là bắt buộc"))
    }

    @Test func detailsStaySmallEnoughForTrailers() throws {
        var check = Violations()
        for i in 0..<500 {
            check.add("rows[\(i)].month", "is \"2024-13\", which is not a month", vi: "không phải là tháng")
        }
        let error = try #require(throws: ServiceError.self) { try check.refuse() }.rpcError(domain: "x")
        #expect(try #require(error.details).count <= ServiceError.maximumDetails)
        #expect(error.message.utf8.count <= ServiceError.maximumMessage)
        let bad = try #require(try detail(Google_Rpc_BadRequest.self, of: error))
        #expect(bad.fieldViolations.count > 10)
        #expect(bad.fieldViolations.last?.description_p.contains("more") == true)
        #expect(error.reason == "INVALID_FIELDS")
    }

    @Test func aSingleEndlessPartStillLeavesTheReason() throws {
        let text = String(repeating: "ệ", count: 10_000)
        let error = ServiceError.failedPrecondition(reason: "X", subject: text, text, vi: text).rpcError(domain: "d")
        #expect(try #require(error.details).count <= ServiceError.maximumDetails)
        #expect(error.reason == "X")
    }

    @Test func whatIsNotThereSaysWhereToLook() {
        let run = ServiceError.notFound(type: "T", name: "runs/1", reason: "RUN_NOT_FOUND", listedBy: "ListRuns")
        #expect(run.message == "there is no \"runs/1\"; take the name from ListRuns")
        #expect(run.messageVi.hasSuffix("hãy lấy tên từ ListRuns"))
        let unit = ServiceError.unheard(unit: "units/1")
        #expect(unit.reason == "UNIT_NOT_FOUND" && unit.message.contains("SearchUnits"))
        let team = ServiceError.unheard(team: "teams/1")
        #expect(team.reason == "TEAM_NOT_FOUND" && team.message.contains("feed"))
    }

    @Test func theKindsCarryTheirDetails() throws {
        let missing = ServiceError.notFound(type: "cdt.registry.v1.Team", name: "teams/1").rpcError(domain: "d")
        #expect(try detail(Google_Rpc_ResourceInfo.self, of: missing)?.resourceName == "teams/1")
        let full = ServiceError.failedPrecondition(reason: "CAPACITY_EXCEEDED", subject: "teams/1", "full", vi: "đủ")
        #expect(
            try detail(Google_Rpc_PreconditionFailure.self, of: full.rpcError(domain: "d"))?.violations.first?.type
                == "CAPACITY_EXCEEDED")
        let busy = try #require(ServiceError(StorageError.overloaded("queue of x"))).rpcError(domain: "d")
        #expect(busy.code == .resourceExhausted)
        #expect(try detail(Google_Rpc_QuotaFailure.self, of: busy)?.violations.count == 1)
        #expect(try detail(Google_Rpc_RetryInfo.self, of: busy)?.retryDelay.nanos == 500_000_000)
    }

    @Test(arguments: [
        (StorageError.busy("/secret/path"), StatusCode.unavailable, "STORAGE_BUSY"),
        (.full("/secret/path"), .resourceExhausted, "STORAGE_FULL"),
        (.overloaded("/secret/path"), .resourceExhausted, "OVERLOADED"),
        (.unavailable("/secret/path"), .unavailable, "STORAGE_UNAVAILABLE"),
        (.closed, .unavailable, "STORAGE_UNAVAILABLE"),
        (.corrupt("/secret/path"), .dataLoss, "STORAGE_DAMAGED"),
        (.constraint(.init(kind: .unique, columns: ["phone"], message: "secret")), .alreadyExists, "CONFLICT"),
        (
            .constraint(.init(kind: .foreignKey, columns: [], message: "secret")), .failedPrecondition,
            "REFERENCE_MISSING"
        ),
    ])
    func storageErrorsHaveOneMeaningAndLeakNothing(error: StorageError, code: StatusCode, reason: String) throws {
        let mapped = try #require(ServiceError(error))
        #expect(mapped.code == code)
        #expect(mapped.reason == reason)
        #expect(!"\(mapped.message) \(mapped.metadata)".contains("secret"))
    }

    @Test func errorsOfTheProgramAreLeftToTheMask() {
        #expect(ServiceError(StorageError.misuse("x")) == nil)
        #expect(ServiceError(StorageError.engine(code: 1, message: "x")) == nil)
        #expect(ServiceError(StorageError.constraint(.init(kind: .check, columns: [], message: "x"))) == nil)
    }

    @Test(
        arguments: [
            ("teams/1", "1"), ("teams/0192d3a4-5b6c-7def-8123-456789abcdef", "0192d3a4-5b6c-7def-8123-456789abcdef"),
            ("teams/", nil), ("teams/a/b", nil), ("units/1", nil), ("1", nil), ("teams/ ", nil), ("teams/ệ", nil),
        ] as [(String, String?)])
    func resourceNames(name: String, id: String?) {
        #expect(ResourceName.id(name, in: "teams") == id)
        #expect(ResourceName.uniqueID(name, in: "teams") == id.flatMap { UniqueID($0) })
    }

    @Test func nestedResourceNames() {
        let ids = ResourceName.ids("teams/1/memberships/2", in: "teams", "memberships")
        #expect(ids?.outer == "1")
        #expect(ids?.inner == "2")
        #expect(ResourceName.ids("teams/1/memberships", in: "teams", "memberships") == nil)
        #expect(ResourceName.ids("teams//memberships/2", in: "teams", "memberships") == nil)
    }
}
