import RPC
import ServiceKit
import Storage
import TestSupport
import Testing

/// What every service of the suite offers beside its own methods, as tools of others see it.
@Suite(.timeLimit(.minutes(10))) struct ConventionTests {
    /// A service without methods of its own.
    private enum Bare: ServiceDefinition {
        static let identity = ServiceIdentity(name: "bare", title: "Nothing but the conventions.", port: 50_059)
        static let migrations: [MigrationSet] = []

        static func make(_ context: ServiceContext) async throws -> ServiceParts { ServiceParts(services: []) }
    }

    private static func start(in scratch: ScratchFolder) async throws -> RunningService {
        try await ServiceHost.start(Bare.self, arguments: ["--data", scratch.path, "--log-level", "critical"])
    }

    private func withService(_ body: (RunningService) async throws -> Void) async throws {
        let scratch = try ScratchFolder()
        defer { scratch.remove() }
        let service = try await Self.start(in: scratch)
        do {
            try await body(service)
        } catch {
            await service.stop()
            throw error
        }
        await service.stop()
    }

    @Test func `Python's health and reflection clients understand a service and see it stop`() async throws {
        let python = try await Tools.python()
        let scratch = try ScratchFolder()
        defer { scratch.remove() }
        let service = try await Self.start(in: scratch)
        let client = try BackgroundProcess([python, Tools.script("conventions.py"), "\(service.endpoint.port)"])
        let watching = try? await client.line(after: "watching")
        await service.stop()
        let stopped = watching == nil ? nil : try? await client.line(after: "NOT_SERVING")
        let printed = client.printed
        await client.stop()
        #expect(stopped != nil, "\(printed)")
        #expect(
            printed.split(separator: "\n").prefix(5) == [
                "ok check", "ok check_unknown", "ok list_all", "ok watch_unknown", "ok reflection",
            ])
    }

    @Test(arguments: ["grpc-v1", "grpc-v1alpha"])
    func `buf curl finds the services by reflection and calls them`(version: String) async throws {
        let buf = try await Tools.buf()
        try await withService { service in
            func curl(_ path: String, _ more: String...) async throws -> ChildProcess.Outcome {
                try await ChildProcess.run(
                    [
                        buf, "curl", "--protocol", "grpc", "--http2-prior-knowledge", "--reflect", "--reflect-protocol",
                        version, "http://127.0.0.1:\(service.endpoint.port)\(path)",
                    ] + more)
            }
            let services = try await curl("", "--list-services")
            #expect(services.output.contains("grpc.health.v1.Health"), "\(services.errors)")
            let check = try await curl("/grpc.health.v1.Health/Check", "--data", "{}")
            #expect(check.output.filter { !$0.isWhitespace } == #"{"status":"SERVING"}"#, "\(check.errors)")
            let unknown = try await curl("/grpc.health.v1.Health/Check", "--data", #"{"service": "no.such.Service"}"#)
            #expect(unknown.status != 0)
            #expect(unknown.errors.contains("not_found"), "\(unknown.errors)")
            // buf shows details with their types; what they hold is read by the Python test.
            #expect(unknown.errors.contains(#""type": "google.rpc.ErrorInfo""#), "\(unknown.errors)")
        }
    }
}
