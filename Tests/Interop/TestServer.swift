import InteropService
import RPC
import TestSupport
import Testing

/// A server of `TestService` on a free port, for the length of a test.
struct TestServer {
    let port: Int
    let observations: Observations

    static func run(_ body: (TestServer) async throws -> Void) async throws {
        let service = TestService()
        let server = RPCServer(configuration: .init(host: "127.0.0.1", port: 0), services: [service])
        let port = try await server.start()
        do {
            try await body(TestServer(port: port, observations: service.observations))
        } catch {
            await server.shutdown(grace: .zero)
            throw error
        }
        await server.shutdown(grace: .seconds(5))
    }

    /// Waits until something about the server is so.
    func eventually(_ condition: @Sendable (Observations) -> Bool) async throws -> Bool {
        for _ in 0..<6_000 {
            if condition(observations) { return true }
            try await Task.sleep(for: .milliseconds(10))
        }
        return false
    }
}

/// Programs that the tests call.
enum Tools {
    /// The Python of the test environment; made when absent.
    static func python() async throws -> String {
        let made = try await ChildProcess.run(["tools/python-env"], limit: .seconds(300))
        try #require(made.status == 0, "\(made.errors)")
        return "\(PackageFolder.path)/.local/venv/bin/python"
    }

    /// `buf`, of the same environment.
    static func buf() async throws -> String {
        _ = try await python()
        return "\(PackageFolder.path)/.local/venv/bin/buf"
    }

    /// Path of a script beside these tests.
    static func script(_ name: String) -> String { "\(PackageFolder.path)/Tests/Interop/Clients/\(name)" }

    /// Writes the descriptors of `grpc.testing`, from which scripts make their messages.
    static func testingDescriptors(in scratch: ScratchFolder) async throws -> String {
        let path = scratch.path("testing.descriptors")
        let protoc = try await ChildProcess.run(
            ["protoc", "-I", "proto", "--include_imports", "--descriptor_set_out=\(path)", "grpc/testing/test.proto"])
        try #require(protoc.status == 0, "\(protoc.errors)")
        return path
    }
}
