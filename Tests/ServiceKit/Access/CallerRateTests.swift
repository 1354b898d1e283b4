import HTTP2
import NIOCore
import RPC
import Shared
import SwiftProtobuf
import TestSupport
import Testing

@testable import ServiceKit

@Suite struct CallerRateTests {
    private let start = NIODeadline.uptimeNanoseconds(1_000_000_000)

    private func limits(_ texts: String...) throws -> CallerLimits { try ServiceLimits(texts).callers }

    private func refusal(
        _ rates: CallerRates, _ caller: String, isHeavy: Bool = false, after time: TimeAmount = .zero
    ) -> ServiceError? {
        do {
            try rates.admit(caller, isHeavy: isHeavy, now: start + time)
            return nil
        } catch { return error as? ServiceError }
    }

    @Test func `a caller has its burst, then its rate, whatever the others do`() throws {
        let metrics = MetricsRegistry()
        let rates = try #require(CallerRates(limits("caller-calls=2/0.5"), metrics: metrics))
        #expect(refusal(rates, "a") == nil)
        #expect(refusal(rates, "a") == nil)
        let third = try #require(refusal(rates, "a"))
        #expect(third.code == .resourceExhausted && third.reason == "RATE_LIMITED")
        #expect(third.metadata == ["limit": "caller-calls", "rate": "2/0.5"])
        #expect(third.quotas.map(\.subject) == ["caller:a"])
        #expect(third.retryAfter == .seconds(2))
        #expect(refusal(rates, "b") == nil)
        // As long as it was told to wait, and not a moment less.
        #expect(refusal(rates, "a", after: .milliseconds(1999))?.retryAfter == .milliseconds(1))
        #expect(refusal(rates, "a", after: .seconds(2)) == nil)
        #expect(refusal(rates, "a", after: .seconds(2))?.retryAfter == .seconds(2))
        #expect(metrics.exposition().contains("grpc_server_limited_total{limit=\"caller-calls\"} 3\n"))
        #expect(metrics.exposition().contains("grpc_server_limited_total{limit=\"caller-heavy-calls\"} 0\n"))
    }

    @Test func `what keeps the service busy has a limit of its own, and counts as a call besides`() throws {
        let rates = try #require(
            CallerRates(limits("caller-calls=3/1", "caller-heavy-calls=1/0.01"), metrics: MetricsRegistry()))
        #expect(refusal(rates, "a", isHeavy: true) == nil)
        #expect(refusal(rates, "a", isHeavy: true)?.metadata["limit"] == "caller-heavy-calls")
        #expect(refusal(rates, "a") == nil)
        #expect(refusal(rates, "a")?.metadata["limit"] == "caller-calls")
        #expect(refusal(rates, "a", isHeavy: true, after: .seconds(100)) == nil)
    }

    @Test func `nothing is limited unless an operator says so, and the numbers are there all the same`() throws {
        let metrics = MetricsRegistry()
        #expect(try CallerRates(limits(), metrics: metrics) == nil)
        #expect(try CallerRates(limits("caller-calls=5/5", "caller-calls=off"), metrics: metrics) == nil)
        #expect(metrics.exposition().contains("grpc_server_limited_total{limit=\"caller-calls\"} 0\n"))
    }

    @Test(arguments: [
        "caller-calls=0/5", "caller-calls=5/0", "caller-calls=5", "caller-calls=-1/2", "caller-calls=1/x",
    ])
    func `a limit that would let nothing through is refused`(text: String) throws {
        let problem = #expect(throws: OptionProblem.self) { try ServiceLimits([text]) }
        #expect(problem?.expected.hasPrefix("caller-calls=VALUE with BURST/PER-SECOND") == true)
    }

    @Test(arguments: ["caller-cals=5/5", "frames=1"])
    func `who misspells a limit is told all there are, those of callers and those of the wire`(text: String) throws {
        let problem = #expect(throws: OptionProblem.self) { try ServiceLimits([text]) }
        for name in CallerLimits.names + Limits.names { #expect(problem?.expected.contains(name) == true, "\(name)") }
    }

    @Test func `callers by the thousand do not cost more memory, and who calls on is not forgotten`() throws {
        let rates = try #require(
            CallerRates(limits("caller-calls=1/0.001"), metrics: MetricsRegistry(), callers: 100))
        #expect(refusal(rates, "busy") == nil)
        for stranger in 0..<5_000 {
            #expect(refusal(rates, "stranger \(stranger)") == nil)
            if stranger % 20 == 0 { #expect(refusal(rates, "busy") != nil) }
            #expect(rates.callers <= 100)
        }
    }

    /// Of all methods of the contract: a new one whose first word is among the heavy ones is looked at here.
    @Test func `imports, exports, runs and whole-store checks are heavy, and nothing else is`() throws {
        let heavy = try ContractMethods.all.filter { ServedMethod($0, verb: nil).isHeavy }.map(\.method)
        #expect(
            heavy.sorted() == [
                "ApplyReorganisation", "ComputeEntitlements", "ExportMembers", "ExportPaymentBatch",
                "ExportPersonData", "ExportTeams", "ImportRows", "PlanCampaign", "PreviewReorganisation",
                "RevertReorganisation", "ScanDuplicates", "SimulatePolicies", "StartRun", "VerifyAudit", "VerifyLedger",
            ])
    }

    /// What the list of heavy words does not name is light: a word that is new in the contract is weighed before it is
    /// added here.
    @Test func `every first word of the contract has been weighed`() throws {
        let light = try ContractMethods.all.filter { !ServedMethod($0, verb: nil).isHeavy }.map { method in
            method.method.prefix(1) + method.method.dropFirst().prefix { $0.isLowercase }
        }
        #expect(
            Set(light.map { String($0) }).sorted() == [
                "Accept", "Acknowledge", "Activate", "Admit", "Answer", "Approve", "Assess", "Assign", "Cancel",
                "Change", "Check", "Close", "Correct", "Count", "Create", "Delete", "Dismiss", "End", "Endorse",
                "Erase", "Excuse", "Follow", "Get", "Launch", "List", "Merge", "Open", "Pause", "Post", "Publish",
                "Record", "Reject", "Render", "Reopen", "Resolve", "Resume", "Return", "Reverse", "Revoke",
                "Schedule", "Search", "Set", "Submit", "Sync", "Unmerge", "Update", "Void", "Waive", "Watch",
            ])
    }

    // MARK: Over the wire

    private func failure(_ body: () async throws -> Void) async throws -> RPCError {
        try #require(await #expect(throws: RPCError.self) { try await body() })
    }

    /// A rate so slow that no test waits for it.
    private static let limit = ["--limit", "caller-calls=2/0.0001"]

    @Test func `a subject is one caller, whatever its tokens and connections; health and reflection stay open`()
        async throws
    {
        let folder = try ScratchFolder()
        defer { folder.remove() }
        let issuer = TokenIssuer()
        try issuer.write(folder.path("jwks.json"))
        func options(_ subject: String, lasting seconds: Double = 3600) throws -> CallOptions {
            let claims = TokenIssuer.claims(subject, grants: [(["sample.*"], "")], expiresIn: seconds)
            return .init(metadata: ["authorization": "Bearer \(try issuer.token(claims))"])
        }
        try await withSample(["--jwks", folder.path("jwks.json")] + Self.limit) { service, client, logs in
            let other = SampleClient(rpc: try RPCClient(host: "127.0.0.1", port: service.endpoint.port))
            #expect(try await client.act("", options("import-robot")) == "hello")
            #expect(try await other.act("", options("import-robot", lasting: 1800)) == "hello")
            for client in [client, other] {
                let third = try await failure { _ = try await client.act("", options("import-robot", lasting: 900)) }
                #expect(third.code == .resourceExhausted && third.reason == "RATE_LIMITED")
                let details = try #require(third.status?.details)
                let retry = details.compactMap { try? Google_Rpc_RetryInfo(unpackingAny: $0) }.first
                #expect((retry?.retryDelay.seconds ?? 0) > 1000)
                let info = details.compactMap { try? Google_Rpc_ErrorInfo(unpackingAny: $0) }.first
                #expect(info?.metadata["limit"] == "caller-calls")
                #expect(details.contains { $0.isA(Google_Rpc_QuotaFailure.self) })
            }
            #expect(try await client.act("", options("somebody else")) == "hello")
            for _ in 0..<5 {
                #expect(try await Grpc_Health_V1_Health.Client(client.rpc).check(.init()).status == .serving)
                let call = try await Grpc_Reflection_V1_ServerReflection.Client(client.rpc)
                    .serverReflectionInfo(options: options("import-robot"))
                try await call.requests.send(.with { $0.listServices = "" })
                call.requests.finish()
                for try await response in call.responses {
                    #expect(!response.listServicesResponse.service.isEmpty)
                }
            }
            let metrics = try await HTTPProbe.get("/metrics", port: service.adminEndpoint.port).body
            #expect(metrics.contains("grpc_server_limited_total{limit=\"caller-calls\"} 2\n"))
            try await eventually { logs.lines.contains { $0["reason"] as? String == "RATE_LIMITED" } }
            #expect(!logs.text.contains("import-robot"), "subjects are not logged")
            await other.rpc.close(grace: .zero)
        }
    }

    @Test func `where nobody is authenticated an address is one caller`() async throws {
        try await withSample(Self.limit) { service, client, _ in
            let other = SampleClient(rpc: try RPCClient(host: "127.0.0.1", port: service.endpoint.port))
            #expect(try await client.act("") == "hello")
            #expect(try await other.act("") == "hello")
            let third = try await failure { _ = try await other.act("") }
            #expect(third.reason == "RATE_LIMITED")
            await other.rpc.close(grace: .zero)
        }
    }
}

/// The methods that the contract's descriptors name.
enum ContractMethods {
    static var all: [MethodDescriptor] {
        get throws {
            let set = try Google_Protobuf_FileDescriptorSet(serializedBytes: ContractDescriptors.serialized)
            return set.file.filter { $0.package.hasPrefix("cdt.") }.flatMap { file in
                file.service.flatMap { service in
                    service.method.map {
                        MethodDescriptor(service: "\(file.package).\(service.name)", method: $0.name, kind: .unary)
                    }
                }
            }
        }
    }
}
