import Foundation
import HTTP2
import TestSupport
import Testing

@testable import RPC

/// Keys and certificates made by the openssl program in a folder of their own.
private struct Certificates {
    private let folder: ScratchFolder

    init() async throws {
        folder = try ScratchFolder()
        try await openssl(
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=ca -keyout ca.key -out ca.pem"
        )
        for name in ["server", "client"] {
            try await openssl(
                "req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=\(name) -keyout \(name).key -out \(name).csr"
            )
            try "subjectAltName=DNS:\(name).test".write(
                toFile: path("\(name).ext"), atomically: true, encoding: .utf8)
            try await openssl(
                "x509 -req -in \(name).csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile \(name).ext -out \(name).pem"
            )
        }
    }

    func path(_ name: String) -> String { folder.path(name) }

    func remove() { folder.remove() }

    /// Puts another's files in the place of these, as operators do.
    func take(_ names: String..., from other: Certificates) throws {
        for name in names {
            try Data(contentsOf: URL(fileURLWithPath: other.path(name)))
                .write(to: URL(fileURLWithPath: path(name)), options: .atomic)
        }
    }

    private func openssl(_ arguments: String) async throws {
        let outcome = try await ChildProcess.run(
            ["openssl"] + arguments.split(separator: " ").map(String.init), directory: folder.path)
        try #require(outcome.status == 0, "openssl \(arguments): \(outcome.errors)")
    }
}

@Suite(.timeLimit(.minutes(10))) struct TLSTests {
    private func call(
        _ client: RPCClient, _ bytes: [UInt8], waitForReady: Bool = false
    ) async throws -> [UInt8] {
        try await client.unary(
            EchoService.unary, bytes,
            options: CallOptions(timeout: .seconds(20), waitForReady: waitForReady, retries: false), encode: { $0 },
            decode: { $0 })
    }

    @Test(arguments: [false, true]) func callsOverTLS(mutual: Bool) async throws {
        let files = try await Certificates()
        defer { files.remove() }
        let server = RPCServer(
            configuration: .init(
                tls: TLS(
                    certificateChainFile: files.path("server.pem"), privateKeyFile: files.path("server.key"),
                    trustedAuthoritiesFile: mutual ? files.path("ca.pem") : nil)),
            services: [EchoService()])
        let port = try await server.start()
        let target = RPCClient.Target(host: "127.0.0.1", port: port)
        let trusted = try RPCClient(
            targets: [target],
            options: .init(
                tls: TLS(
                    certificateChainFile: mutual ? files.path("client.pem") : nil,
                    privateKeyFile: mutual ? files.path("client.key") : nil,
                    trustedAuthoritiesFile: files.path("ca.pem"), serverName: "server.test")))
        let bytes = [UInt8](repeating: 1, count: 200_000)
        let reply = try await call(trusted, bytes)
        #expect(reply == bytes)

        // Another name than the certificate's, and on a mutual server no certificate: no call.
        var wrong = TLS(trustedAuthoritiesFile: files.path("ca.pem"), serverName: "other.test")
        if mutual { wrong.serverName = "server.test" }
        let refused = try RPCClient(targets: [target], options: .init(tls: wrong))
        let error = await #expect(throws: RPCError.self) { try await call(refused, [1]) }
        #expect(error?.code == .unavailable)
        await trusted.close()
        await refused.close()
        await server.shutdown(grace: .seconds(2))
    }

    /// Suite `tls_client_certs` of the Connect conformance tests, and a certificate that somebody else has signed.
    @Test func `A.4 tls client certs: only those of the trusted authority are let in`() async throws {
        let files = try await Certificates()
        let others = try await Certificates()
        defer {
            files.remove()
            others.remove()
        }
        let server = RPCServer(
            configuration: .init(
                tls: TLS(
                    certificateChainFile: files.path("server.pem"), privateKeyFile: files.path("server.key"),
                    trustedAuthoritiesFile: files.path("ca.pem"))), services: [EchoService()])
        let port = try await server.start()
        for (certificates, isLetIn) in [(files, true), (others, false), (nil, false)] {
            let tls = TLS(
                certificateChainFile: certificates?.path("client.pem"),
                privateKeyFile: certificates?.path("client.key"), trustedAuthoritiesFile: files.path("ca.pem"),
                serverName: "server.test")
            let client = try RPCClient(targets: [.init(host: "127.0.0.1", port: port)], options: .init(tls: tls))
            if isLetIn {
                #expect(try await call(client, [1]) == [1])
            } else {
                let error = await #expect(throws: RPCError.self) { try await call(client, [1]) }
                #expect(error?.code == .unavailable)
            }
            await client.close()
        }
        await server.shutdown(grace: .seconds(2))
    }

    @Test func `certificates are replaced without a restart, and connections that stand go on`() async throws {
        let files = try await Certificates()
        let next = try await Certificates()
        defer {
            files.remove()
            next.remove()
        }
        let server = RPCServer(
            configuration: .init(
                tls: TLS(certificateChainFile: files.path("server.pem"), privateKeyFile: files.path("server.key"))),
            services: [EchoService()])
        let port = try await server.start()
        func client(trusting certificates: Certificates) throws -> RPCClient {
            try RPCClient(
                targets: [.init(host: "127.0.0.1", port: port)],
                options: .init(
                    tls: TLS(trustedAuthoritiesFile: certificates.path("ca.pem"), serverName: "server.test")))
        }
        let standing = try client(trusting: files)
        #expect(try await call(standing, [1]) == [1])

        // One file of two: they do not fit, and what was there goes on.
        try files.take("server.pem", from: next)
        #expect(throws: (any Error).self) { try server.reloadCertificates() }
        let between = try client(trusting: files)
        #expect(try await call(between, [2]) == [2])

        try files.take("server.key", from: next)
        try server.reloadCertificates()
        let new = try client(trusting: next)
        #expect(try await call(new, [3]) == [3])
        #expect(try await call(standing, [4]) == [4])
        let old = try client(trusting: files)
        await #expect(throws: RPCError.self) { try await call(old, [5]) }

        // The client's side: it is told of the new authority.
        try files.take("ca.pem", from: next)
        try old.reloadCertificates()
        // It tries again by itself.
        #expect(try await call(old, [6], waitForReady: true) == [6])
        for client in [standing, between, new, old] { await client.close() }
        await server.shutdown(grace: .seconds(2))
    }

    @Test(arguments: [("-tls1", false), ("-tls1_1", false), ("-tls1_2", true), ("-tls1_3", true)])
    func `TLS is 1.2 or newer`(version: String, isTaken: Bool) async throws {
        let files = try await Certificates()
        defer { files.remove() }
        let server = RPCServer(
            configuration: .init(
                tls: TLS(certificateChainFile: files.path("server.pem"), privateKeyFile: files.path("server.key"))),
            services: [EchoService()])
        let port = try await server.start()
        // At its usual level of security the program would not offer the old versions itself.
        let client = "openssl s_client -connect 127.0.0.1:\(port) -alpn h2 \(version) -cipher DEFAULT@SECLEVEL=0"
        let outcome = try await ChildProcess.run(["sh", "-c", "\(client) </dev/null"])
        #expect((outcome.status == 0) == isTaken, "\(outcome.errors)")
        if !isTaken { #expect(outcome.errors.contains("alert protocol version"), "\(outcome.errors)") }
        await server.shutdown(grace: .seconds(2))
    }

    @Test func plaintextOnATLSPortIsUnavailable() async throws {
        let files = try await Certificates()
        defer { files.remove() }
        let server = RPCServer(
            configuration: .init(
                tls: TLS(certificateChainFile: files.path("server.pem"), privateKeyFile: files.path("server.key"))),
            services: [EchoService()])
        let client = try RPCClient(host: "127.0.0.1", port: try await server.start())
        let error = await #expect(throws: RPCError.self) { try await call(client, [1]) }
        #expect(error?.code == .unavailable)
        await client.close()
        await server.shutdown(grace: .seconds(2))
    }
}
