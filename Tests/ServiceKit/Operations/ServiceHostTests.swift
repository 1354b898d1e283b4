import Foundation
import HTTP2
import RPC
import Shared
import SwiftProtobuf
import TestSupport
import Testing

@testable import ServiceKit

/// Starts the sample service in a temporary directory, calls it over the wire, and stops it.
func withSample(
    _ arguments: [String] = [],
    _ body: (RunningService, SampleClient, LogCollector) async throws -> Void
) async throws {
    let directory = FileManager.default.temporaryDirectory.appending(path: "\(UUIDv7.next())").path
    defer { try? FileManager.default.removeItem(atPath: directory) }
    let logs = LogCollector()
    let writer = logs.writer()
    let service = try await ServiceHost.start(
        SampleDefinition.self, arguments: ["--data", directory, "--grace", "2"] + arguments, log: writer)
    let rpc = try RPCClient(host: "127.0.0.1", port: service.endpoint.port)
    do {
        try await body(service, SampleClient(rpc: rpc), logs)
    } catch {
        await rpc.close(grace: .zero)
        await service.stop()
        throw error
    }
    await rpc.close(grace: .zero)
    await service.stop()
    writer.close()
}

@Suite struct ServiceHostTests {
    func failure(_ body: () async throws -> Void) async throws -> RPCError {
        try #require(await #expect(throws: RPCError.self) { try await body() })
    }

    @Test func aServiceAnswersWithItsOptionsAndDatabase() async throws {
        try await withSample(["--greeting", "xin chào", "--today", "2024-11-05"]) { _, client, _ in
            let answers = [try await client.act(""), try await client.act("write"), try await client.act("today")]
            #expect(answers == ["xin chào", "1", "2024-11-05"])
        }
    }

    @Test func theReadyLineSaysWhoReachesTheServiceAndWhetherItIsEncrypted() async throws {
        try await withSample { service, _, _ in
            for (arguments, words) in [
                ([], "callers are not authenticated, no TLS"), (["--jwks", "keys"], "callers show tokens, no TLS"),
                (["--tls-certificate", "chain"], "callers are not authenticated, TLS"),
                (["--jwks", "keys", "--tls-certificate", "chain"], "callers show tokens, TLS"),
            ] as [([String], String)] {
                let settings = try ServiceHost.settings(
                    of: SampleDefinition.self, arguments: arguments, environment: [:])
                let line = ServiceHost.greeting(service, settings, SampleDefinition.self)
                #expect(line.contains("(this machine only, \(words)); data in"))
            }
        }
    }

    @Test func refusalsReachTheCallerWithTheirDetails() async throws {
        try await withSample { _, client, _ in
            let missing = try await failure { _ = try await client.act("refuse") }
            #expect(missing.code == .notFound)
            let info = try #require(
                missing.status?.details.compactMap { try? Google_Rpc_ErrorInfo(unpackingAny: $0) }.first)
            #expect(info.domain == "sample.cdt.vn")
            #expect(info.reason == "NOT_FOUND")
            let invalid = try await failure {
                _ = try await client.act("invalid", .init(metadata: ["x-request-id": "quote-me"]))
            }
            let request = invalid.status?.details.compactMap { try? Google_Rpc_RequestInfo(unpackingAny: $0) }.first
            #expect(request?.requestID == "quote-me")
            #expect(invalid.reason == "REQUIRED")
        }
    }

    @Test func causesStayInTheLogUnderAnIdTheCallerCanQuote() async throws {
        try await withSample { _, client, logs in
            for (act, code) in [("fail", StatusCode.internal), ("bug", .internal), ("storage", .resourceExhausted)] {
                let error = try await failure { _ = try await client.act(act) }
                #expect(error.code == code)
                let told = "\(error.message) \(error.details.map { String(decoding: $0, as: UTF8.self) } ?? "")"
                #expect(!told.contains("secret"))
                let id = error.status?.details.compactMap { try? Google_Rpc_RequestInfo(unpackingAny: $0) }.first?
                    .requestID
                try await eventually { logs.lines.contains { $0["correlation_id"] as? String == id } }
                let line = logs.lines.first { $0["correlation_id"] as? String == id }
                #expect((line?["cause"] as? String)?.contains("secret") == true)
            }
        }
    }

    @Test func tracesAreContinuedOrBegun() async throws {
        try await withSample { _, client, _ in
            let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
            let parts = try await client.act(
                "trace", .init(metadata: ["traceparent": parent, "tracestate": "vendor=1"])
            ).split(separator: " ")
            #expect(parts[0].hasPrefix("00-4bf92f3577b34da6a3ce929d0e0e4736-"))
            #expect(parts[0].hasSuffix("-01"))
            #expect(!parts[0].contains("00f067aa0ba902b7"), "a span of its own")
            #expect(parts[1] == "vendor=1")
            #expect(parts[2] == "local")
            let fresh = try await client.act("trace", .init(metadata: ["traceparent": "00-zz"]))
            #expect(TraceContext(traceparent: String(fresh.prefix { $0 != " " })) != nil)
        }
    }

    @Test func everyCallIsOneLogLineAndCounted() async throws {
        try await withSample { service, client, logs in
            _ = try await client.act("hello secret text")
            _ = try await failure { _ = try await client.act("refuse") }
            try await eventually { logs.lines.count { $0["message"] as? String == "call" } >= 2 }
            let calls = logs.lines.filter { $0["message"] as? String == "call" }
            #expect(calls.map { $0["code"] as? String } == ["OK", "NOT_FOUND"])
            #expect(calls[0]["method"] as? String == "cdt.sample.v1.SampleService/Act")
            #expect(calls[0]["service"] as? String == "sample")
            #expect((calls[0]["trace_id"] as? String)?.count == 32)
            #expect(calls[0]["duration_ms"] is Double)
            #expect((calls[0]["bytes_in"] as? Int ?? 0) > 0)
            #expect(calls[1]["reason"] as? String == "NOT_FOUND")
            #expect(!logs.text.contains("secret text"))

            let metrics = try await HTTPProbe.get("/metrics", port: service.adminEndpoint.port).body
            let labels = "grpc_type=\"unary\",grpc_service=\"cdt.sample.v1.SampleService\",grpc_method=\"Act\""
            #expect(metrics.contains("grpc_server_started_total{\(labels)} 2\n"))
            #expect(metrics.contains("grpc_server_handled_total{\(labels),grpc_code=\"OK\"} 1\n"))
            #expect(metrics.contains("grpc_server_handled_total{\(labels),grpc_code=\"NotFound\"} 1\n"))
            #expect(metrics.contains("grpc_server_handled_total{\(labels),grpc_code=\"DataLoss\"} 0\n"))
            #expect(metrics.contains("grpc_server_handling_seconds_count{\(labels)} 2\n"))
            // A StringValue is two bytes longer than its text.
            #expect(metrics.contains("grpc_server_msg_received_bytes_total{\(labels)} \(17 + 2 + 6 + 2)\n"))
            #expect(metrics.contains("grpc_server_msg_sent_bytes_total{\(labels)} \(5 + 2)\n"))
            #expect(metrics.contains("grpc_method=\"WatchIt\",grpc_code=\"OK\"} 0\n"), "at zero before the first call")
            #expect(metrics.contains("storage_commits_total"))
            #expect(metrics.contains("\nstorage_commit_seconds_total "))
        }
    }

    /// A rate needs a first value, and nobody who calls may make the series more.
    @Test func everySeriesIsThereAtZeroBeforeTheFirstCallAndNoCallAddsOne() async throws {
        try await withSample { service, client, _ in
            func samples() async throws -> [Substring: Substring] {
                let text = try await HTTPProbe.get("/metrics", port: service.adminEndpoint.port).body
                let pairs = text.split(separator: "\n").filter { !$0.hasPrefix("#") }.compactMap { line in
                    line.lastIndex(of: " ").map { (line[..<$0], line[line.index(after: $0)...]) }
                }
                return Dictionary(pairs) { first, _ in first }
            }
            let before = try await samples()
            let calls = before.filter { $0.key.hasPrefix("grpc_server_") }
            #expect(calls.count > 2 * StatusCode.allCases.count)
            #expect(calls.allSatisfy { $0.value == "0" })
            #expect(before["log_lines_dropped_total"] == "0")

            for act in ["hello", "write"] { _ = try await client.act(act) }
            for act in ["refuse", "invalid", "fail", "bug"] { _ = try await failure { _ = try await client.act(act) } }
            for name in ["Unknown", "act"] {
                let error = try await failure {
                    _ = try await client.rpc.unary(
                        MethodDescriptor(service: "cdt.sample.v1.SampleService", method: name, kind: .unary), [UInt8](),
                        options: .defaults, encode: { $0 }, decode: { $0 })
                }
                #expect(error.code == .unimplemented)
            }
            let after = try await samples()
            #expect(Set(after.keys) == Set(before.keys))
            #expect(after.filter { $0.key.hasPrefix("grpc_server_started_total") && $0.value != "0" }.count == 1)
        }
    }

    @Test func healthAnswersCheckListAndWatch() async throws {
        try await withSample { service, client, _ in
            let health = Grpc_Health_V1_Health.Client(client.rpc)
            #expect(try await health.check(.init()).status == .serving)
            #expect(try await health.check(.with { $0.service = SampleService.act.service }).status == .serving)
            let unknown = try await failure { _ = try await health.check(.with { $0.service = "nobody" }) }
            #expect(unknown.code == .notFound)
            #expect(try await health.list(.init()).statuses.keys.sorted() == ["", SampleService.act.service])
            let watch = try await health.watch(.init()).responses
            var statuses: [HealthStatuses.Status] = []
            var stopping: Task<Void, Never>?
            for try await response in watch {
                statuses.append(response.status)
                if stopping == nil { stopping = Task { await service.stop() } }
            }
            await stopping?.value
            #expect(statuses == [.serving, .notServing], "the watch hears of the stop before it ends")
        }
    }

    @Test func watchingAnUnknownServiceGoesOn() async throws {
        try await withSample { _, client, _ in
            let call = try await Grpc_Health_V1_Health.Client(client.rpc).watch(.with { $0.service = "later" })
            var iterator = call.responses.makeAsyncIterator()
            #expect(try await iterator.next()?.status == .serviceUnknown)
            call.cancel()
        }
    }

    @Test func stoppingLetsRunningCallsFinishAndEndsEndlessOnes() async throws {
        try await withSample { service, client, logs in
            let endless = try await client.watch()
            var messages = endless.responses.makeAsyncIterator()
            #expect(try await messages.next()?.value == "begun")
            async let slow = client.act("slow")
            try await eventually { logs.lines.contains { $0["message"] as? String == "slow has begun" } }
            await service.stop()
            #expect(try await slow == "done")
            // Told so, not cut off when the grace time was over.
            let error = try await failure { while try await messages.next() != nil {} }
            #expect(error.code == .unavailable)
            #expect(error.reason == "STOPPING")
        }
    }

    @Test func callsThatOutlastTheGraceTimeAreCutOff() async throws {
        try await withSample { service, client, logs in
            let call = Task { try await client.act("endless", .init(retries: false)) }
            try await eventually { logs.lines.contains { $0["message"] as? String == "endless has begun" } }
            await service.stop()
            let error = try await failure { _ = try await call.value }
            #expect([.unavailable, .cancelled].contains(error.code), "\(error)")
        }
    }

    @Test func aPortThatIsTakenLeavesNothingBehind() async throws {
        try await withSample { service, _, _ in
            let folder = FileManager.default.temporaryDirectory.appending(path: "\(UUIDv7.next())").path
            defer { try? FileManager.default.removeItem(atPath: folder) }
            let taken = ["--listen", "\(service.endpoint)", "--data", folder]
            let error = await #expect(throws: ConfigurationError.self) {
                _ = try await ServiceHost.start(SampleDefinition.self, arguments: taken)
            }
            #expect(error?.description.contains("is another process using the port?") == true)
        }
    }

    @Test func aProbeTellsServingFromStopped() async throws {
        var settings: Settings?
        try await withSample { service, _, _ in
            let probing = try ServiceHost.settings(
                of: SampleDefinition.self, arguments: ["--listen", "\(service.endpoint)"], environment: [:])
            settings = probing
            #expect(await ServiceHost.problem(with: SampleDefinition.self, settings: probing) == nil)
        }
        #expect(await ServiceHost.problem(with: SampleDefinition.self, settings: try #require(settings)) != nil)
    }

    @Test func withTLSTheProbeAsksTheAdminPort() async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "\(UUIDv7.next())").path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let openssl = try await ChildProcess.run(
            "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost "
                .appending("-addext subjectAltName=DNS:localhost -keyout \(folder)/key.pem -out \(folder)/cert.pem")
                .split(separator: " ").map(String.init))
        try #require(openssl.status == 0, "\(openssl.errors)")
        let tls = ["--tls-certificate", "\(folder)/cert.pem", "--tls-key", "\(folder)/key.pem"]
        let service = try await ServiceHost.start(
            SampleDefinition.self, arguments: ["--data", "\(folder)/data"] + tls)
        let client = try RPCClient(
            targets: [.init(host: "127.0.0.1", port: service.endpoint.port)],
            options: .init(tls: TLS(trustedAuthoritiesFile: "\(folder)/cert.pem", serverName: "localhost")))
        let answer = try await SampleClient(rpc: client).act("")
        #expect(answer == "hello")
        let settings = try ServiceHost.settings(
            of: SampleDefinition.self, arguments: ["--admin-listen", "\(service.adminEndpoint)"] + tls, environment: [:]
        )
        #expect(await ServiceHost.problem(with: SampleDefinition.self, settings: settings) == nil)
        await client.close(grace: .zero)
        await service.stop()
        #expect(await ServiceHost.problem(with: SampleDefinition.self, settings: settings) != nil)
    }

    @Test(arguments: [
        (["--listen", "0.0.0.0:0"], "--insecure-listen"),
        (["--tls-certificate", "a.pem"], "--tls-key"),
        (["--tls-key", "a.pem"], "--tls-certificate"),
        (["--tls-certificate", "/nowhere.pem", "--tls-key", "/nowhere.pem"], "cannot be read"),
        (["--listen", "0.0.0.0:0", "--insecure-listen", "--today", "2024-11-05"], "--today"),
        (["--listen", "192.0.2.1:1", "--insecure-listen"], "cannot listen"),
        (["--data", "/proc/nowhere"], "cannot be opened"),
    ])
    func whatCannotStartSaysWhy(arguments: [String], part: String) async throws {
        let directory = FileManager.default.temporaryDirectory.appending(path: "\(UUIDv7.next())").path
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let error = await #expect(throws: ConfigurationError.self) {
            let service = try await ServiceHost.start(
                SampleDefinition.self,
                arguments: (arguments.contains("--data") ? [] : ["--data", directory]) + arguments)
            await service.stop()
        }
        #expect(error?.description.contains(part) == true, "\(error?.description ?? "")")
    }

    @Test func theHelpListsCommonAndOwnOptions() {
        let help = ServiceHost.help(SampleDefinition.self)
        for flag in [
            "--listen HOST:PORT", "--admin-listen", "--data", "--config FILE", "--grace", "--greeting",
            "--health-probe",
        ] {
            #expect(help.contains(flag), "\(flag)")
        }
        #expect(help.contains("default: 127.0.0.1:51099"))
        #expect(ServiceHost.Command(["--listen", "x", "--help"]) == .help)
        #expect(help.split(separator: "\n").allSatisfy { $0.count <= 104 }, "no line is wider than a terminal")
        #expect(ServiceHost.Command(["--health-probe", "--listen", "x"]) == .probe(["--listen", "x"]))
        #expect(ServiceHost.Command(["--data", "d", "--backup", "f"]) == .perform(.backup("f"), ["--data", "d"]))
        #expect(ServiceHost.Command(["--restore=f", "--data", "d"]) == .perform(.restore("f"), ["--data", "d"]))
        #expect(ServiceHost.Command(["--restored"]) == .perform(.restored, []))
        #expect(ServiceHost.Command(["--migrate", "--data", "d"]) == .perform(.migrate, ["--data", "d"]))
    }
}

@Suite struct TraceParentTests {
    @Test(arguments: [
        ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", true),
        ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00", true),
        ("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-what-later", true),
        ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-extra", false),
        ("ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", false),
        ("00-00000000000000000000000000000000-00f067aa0ba902b7-01", false),
        ("00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01", false),
        ("00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01", false),
        ("00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01", false), ("", false), ("00", false),
    ])
    func readsWhatTheStandardAllows(header: String, isValid: Bool) {
        #expect((TraceContext(traceparent: header) != nil) == isValid)
    }
}
