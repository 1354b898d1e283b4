import ArgumentParser
import Foundation
import HTTP2
import InteropService
import NIOCore
import RPC

/// Serves `grpc.testing.TestService`, for clients of other implementations and for the tests of abuse, which measure
/// this process from outside.
@main struct InteropServer: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "interop-server", abstract: "Serve grpc.testing.TestService on 127.0.0.1.")

    @Option(help: "TCP port; 0: any free one.") var port = 0
    @Option(help: "PEM file of the certificate chain; TLS is on with it.") var tlsCertificate: String?
    @Option(help: "PEM file of the certificate's key.") var tlsKey: String?
    @Option(help: "Bytes of one header list.") var headerListBytes: Int?
    @Option(help: "Handlers at once for one connection.") var runningHandlers: Int?
    @Option(help: "Streams at once on one connection.") var concurrentStreams: Int?
    @Option(help: "Connections at once.") var connections: Int?
    @Option(help: "Seconds for a handshake, and for the rest of a header list.") var handshake: Double?
    @Option(help: "Seconds without progress of a reply before its stream is reset.") var writeStall: Double?
    @Option(help: "Seconds for a unary call whose client names no deadline.") var unaryTimeout: Double?

    func run() async throws {
        let service = TestService()
        let tls = tlsCertificate.map { TLS(certificateChainFile: $0, privateKeyFile: tlsKey) }
        let server = RPCServer(
            configuration: .init(host: "127.0.0.1", port: port, tls: tls, limits: limits), services: [service])
        let bound = try await server.start()
        // Tests and people wait for this line, so it must not stay in a buffer.
        FileHandle.standardOutput.write(Data("listening on 127.0.0.1:\(bound)\n".utf8))
        // Until a signal ends the process.
        while true { try await Task.sleep(for: .seconds(3600)) }
    }

    private var limits: Limits {
        var limits = Limits()
        if let headerListBytes { limits.headerListBytes = headerListBytes }
        if let runningHandlers { limits.runningHandlers = runningHandlers }
        if let concurrentStreams { limits.concurrentStreams = concurrentStreams }
        if let connections { limits.connections = connections }
        if let handshake {
            (limits.handshake, limits.headerBlock) = (
                .milliseconds(Int64(handshake * 1000)), .milliseconds(Int64(handshake * 1000))
            )
        }
        if let writeStall { limits.writeStall = .milliseconds(Int64(writeStall * 1000)) }
        if let unaryTimeout { limits.unaryTimeout = .milliseconds(Int64(unaryTimeout * 1000)) }
        return limits
    }
}
