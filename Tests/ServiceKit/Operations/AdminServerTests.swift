import NIOCore
import Synchronization
import TestSupport
import Testing

@testable import ServiceKit

@Suite struct AdminServerTests {
    func withServer(
        _ limits: HTTPServer.Limits = AdminServer.limits,
        _ body: (Int, Readiness, MetricsRegistry) async throws -> Void
    ) async throws {
        let readiness = Readiness()
        let metrics = MetricsRegistry()
        let server = AdminServer(readiness: readiness, metrics: metrics, limits: limits)
        let port = try await server.start(Endpoint(host: "127.0.0.1", port: 0))
        try await body(port, readiness, metrics)
        await server.stop()
    }

    @Test func readyOnlyBetweenStartAndStopAndWithEverythingInOrder() async throws {
        try await withServer { port, readiness, _ in
            let problem = SettableProblem()
            readiness.add([Readiness.Check("feed of registry") { problem.text }])
            var answer = try await HTTPProbe.get("/readyz", port: port)
            #expect(answer == (503, "not ready\n- starting\n"))
            readiness.phase = .ready
            answer = try await HTTPProbe.get("/readyz", port: port)
            #expect(answer == (200, "ready\n"))
            problem.text = "never connected"
            answer = try await HTTPProbe.get("/readyz", port: port)
            #expect(answer == (503, "not ready\n- feed of registry: never connected\n"))
            readiness.phase = .stopping
            answer = try await HTTPProbe.get("/readyz?verbose", port: port)
            #expect(answer == (503, "not ready\n- stopping\n"))
            #expect(try await HTTPProbe.get("/livez", port: port) == (200, "alive\n"))
        }
    }

    @Test func servesMetricsAndNothingElse() async throws {
        try await withServer { port, _, metrics in
            metrics.counter("n", help: "N.").with().add(7)
            #expect(try await HTTPProbe.get("/metrics", port: port).body.contains("\nn 7\n"))
            for path in ["/", "/metrics/", "/../etc/passwd", "/debug", "//livez"] {
                #expect(try await HTTPProbe.get(path, port: port).status == 404, "\(path)")
            }
            #expect(try await HTTPProbe.get("/livez", port: port, method: "POST").status == 405)
            let head = try await HTTPProbe.get("/livez", port: port, method: "HEAD")
            #expect(head == (200, ""))
        }
    }

    @Test func aConnectionServesSeveralRequests() async throws {
        try await withServer { port, _, _ in
            let one = "GET /livez HTTP/1.1\r\nhost: x\r\n\r\n"
            let last = "GET /livez HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
            let text = try await HTTPProbe.exchange(one + one + last, port: port)
            #expect(text.split(separator: "alive").count == 4)
        }
    }

    @Test func whatIsNotHTTPOrTooMuchIsCutOff() async throws {
        try await withServer { port, _, _ in
            let garbage = try await HTTPProbe.exchange("\u{16}\u{3}\u{1} not http\r\n\r\n", port: port)
            #expect(garbage.isEmpty || garbage.contains("400"))
            let body = String(repeating: "x", count: 100_000)
            let long = try await HTTPProbe.exchange(
                "POST /livez HTTP/1.1\r\nhost: x\r\ncontent-length: 100000\r\n\r\n\(body)", port: port)
            #expect(!long.contains("alive"))
        }
    }

    @Test func idleAndSurplusConnectionsAreClosed() async throws {
        var limits = AdminServer.limits
        limits.idle = .milliseconds(100)
        limits.connections = 2
        try await withServer(limits) { port, _, _ in
            // Five that say nothing: the surplus is closed at once, the others after the idle time.
            try await withThrowingTaskGroup(of: String.self) { group in
                for _ in 0..<5 { group.addTask { try await HTTPProbe.exchange("", port: port) } }
                for try await text in group { #expect(text.isEmpty) }
            }
            // A busy machine may take longer than the idle time to send the question: then it is asked again.
            try await eventually { (try? await HTTPProbe.get("/livez", port: port))?.status == 200 }
        }
    }
}

final class SettableProblem: Sendable {
    private let box = Mutex<String?>(nil)
    var text: String? {
        get { box.withLock { $0 } }
        set { box.withLock { $0 = newValue } }
    }
}
