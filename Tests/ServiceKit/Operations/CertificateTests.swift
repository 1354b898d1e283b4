import Foundation
import HTTP2
import Logging
import RPC
import Shared
import Storage
import Synchronization
import TestSupport
import Testing

@testable import ServiceKit

/// Certificates of a service: what callers must show, and files that are replaced while it runs.
@Suite(.timeLimit(.minutes(10))) struct CertificateTests {
    private let folder: ScratchFolder

    /// Calls another service.
    private enum Caller: ServiceDefinition {
        static let identity = ServiceIdentity(name: "caller", title: "Calls another.", port: 50_096)
        static let peers = ["registry"]
        static let migrations: [MigrationSet] = []
        static func make(_ context: ServiceContext) async throws -> ServiceParts { ServiceParts(services: []) }
    }

    init() throws { folder = try ScratchFolder() }

    @Test func `files that have changed are read again, until that succeeds`() throws {
        struct Unfit: Error {}
        let (certificate, key) = (folder.path("server.pem"), folder.path("server.key"))
        for file in [certificate, key] { try "1".write(toFile: file, atomically: true, encoding: .utf8) }
        let logs = LogCollector()
        let writer = logs.writer()
        let reads = Mutex<[Bool]>([])
        let watch = CertificateWatch(
            [certificate, key], of: "tls-certificate",
            logger: Logger(label: "test") { JSONLogHandler(label: $0, writer: writer) }
        ) {
            let fits =
                try String(contentsOfFile: certificate, encoding: .utf8) == String(contentsOfFile: key, encoding: .utf8)
            reads.withLock { $0.append(fits) }
            guard fits else { throw Unfit() }
        }
        watch.look()
        #expect(reads.withLock { $0 } == [], "they have just been read")
        try "22".write(toFile: certificate, atomically: true, encoding: .utf8)
        watch.look()
        watch.look()
        #expect(reads.withLock { $0 } == [false, false])
        try "22".write(toFile: key, atomically: true, encoding: .utf8)
        watch.look()
        watch.look()
        #expect(reads.withLock { $0 } == [false, false, true], "and once it has been read, not again")
        writer.flush()
        #expect(logs.text.components(separatedBy: "cannot be used").count == 2, "said once")
        #expect(logs.text.contains("certificates are read again"))
    }

    @Test(arguments: [
        (["--client-authorities", "FILE"], "needs --tls-certificate"),
        (["--tls-certificate", "FILE"], "needs --tls-key"), (["--tls-key", "FILE"], "needs --tls-certificate"),
        (["--peer-certificate", "FILE", "--peer-authorities", "FILE"], "needs --peer-key"),
        (["--peer-certificate", "FILE", "--peer-key", "FILE"], "needs --peer-authorities"),
        (["--peer-authorities", "FILE.missing"], "cannot be read"),
    ])
    func `what does not go together is refused by name`(arguments: [String], part: String) throws {
        try "x".write(toFile: folder.path("x.pem"), atomically: true, encoding: .utf8)
        let options = CommonOptions(Caller.self)
        let settings = try Settings(
            arguments: arguments.map { $0.replacing("FILE", with: folder.path("x.pem")) }, environment: [:],
            options: options.all)
        let error = #expect(throws: ConfigurationError.self) {
            _ = try options.tls(settings)
            _ = try options.peerTLS(settings)
        }
        #expect(error?.description.contains(part) == true, "\(error?.description ?? "")")
    }

    private func openssl(_ command: String) async throws {
        let made = try await ChildProcess.run(
            ["openssl"] + command.replacing("FOLDER", with: folder.path).split(separator: " ").map(String.init))
        try #require(made.status == 0, "\(made.errors)")
    }

    @Test func `with --client-authorities a caller without a certificate of theirs is not let in`() async throws {
        let ec = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"
        for name in ["server", "caller"] {
            try await openssl(
                "req -x509 \(ec) -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost "
                    + "-keyout FOLDER/\(name).key -out FOLDER/\(name).pem")
        }
        let arguments = [
            "--tls-certificate", folder.path("server.pem"), "--tls-key", folder.path("server.key"),
            "--client-authorities", folder.path("caller.pem"),
        ]
        let service = try await ServiceHost.start(
            SampleDefinition.self,
            arguments: ["--data", folder.path("data"), "--listen", "127.0.0.1:0", "--log-level", "critical"] + arguments
        )
        for (certificate, isLetIn) in [("caller", true), (nil, false)] {
            let client = try RPCClient(
                targets: [.init(host: "127.0.0.1", port: service.endpoint.port)],
                options: .init(
                    tls: TLS(
                        certificateChainFile: certificate.map { folder.path("\($0).pem") },
                        privateKeyFile: certificate.map { folder.path("\($0).key") },
                        trustedAuthoritiesFile: folder.path("server.pem"), serverName: "localhost")))
            let answer = try? await Grpc_Health_V1_Health.Client(client).check(
                .init(), options: .init(timeout: .seconds(20)))
            #expect((answer?.status == .serving) == isLetIn)
            await client.close()
        }
        await service.stop()
    }
}
