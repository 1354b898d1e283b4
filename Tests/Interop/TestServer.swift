import Foundation
import HTTP2
import InteropService
import RPC
import TestSupport
import Testing

/// A server of `TestService` on a free port, for the length of a test.
struct TestServer {
    let port: Int
    let observations: Observations

    /// `log`: a file in which the service tells of its calls.
    static func run(
        limits: Limits = Limits(), tls: TLS? = nil, log: String? = nil, _ body: (TestServer) async throws -> Void
    ) async throws {
        var tell: (@Sendable (String) -> Void)?
        if let log {
            _ = FileManager.default.createFile(atPath: log, contents: nil)
            let file = try FileHandle(forWritingTo: URL(fileURLWithPath: log))
            tell = { try? file.write(contentsOf: Data("\($0)\n".utf8)) }
        }
        let service = TestService(tell: tell)
        let server = RPCServer(configuration: .init(tls: tls, limits: limits), services: [service])
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

    /// The folder of Ruby's official gRPC, with its interoperability client and test certificates.
    static func rubyGem() async throws -> String {
        let locate = try await ChildProcess.run(
            ["ruby", "-e", "print Gem::Specification.find_by_name('grpc').gem_dir"])
        try #require(locate.status == 0, "install ruby-grpc: \(locate.errors)")
        return locate.output
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
