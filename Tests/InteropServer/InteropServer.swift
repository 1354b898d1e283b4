import ArgumentParser
import Foundation
import HTTP2
import InteropService
import NIOCore
import RPC
import UnixSignals

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
    @Option(help: "Connections at once from one address.") var connectionsPerAddress: Int?
    @Option(help: "Seconds for a handshake, and for the rest of a header list.") var handshake: Double?
    @Option(help: "Seconds without progress of a reply before its stream is reset.") var writeStall: Double?
    @Option(help: "Seconds for a unary call whose client names no deadline.") var unaryTimeout: Double?
    @Option(help: "Seconds for calls to finish after SIGTERM.") var grace = 20
    @Flag(help: "Print when streaming calls begin, end and are cancelled.") var tellCalls = false

    func run() async throws {
        let terminated = await UnixSignalsSequence(trapping: .sigterm, .sigint)
        let service = TestService(
            id: "\(ProcessInfo.processInfo.processIdentifier)",
            tell: tellCalls ? { @Sendable (line: String) in Self.say(line) } : nil)
        let tls = tlsCertificate.map { TLS(certificateChainFile: $0, privateKeyFile: tlsKey) }
        let server = RPCServer(
            configuration: .init(host: "127.0.0.1", port: port, tls: tls, limits: limits), services: [service])
        let bound = try await server.start()
        Self.say("listening on 127.0.0.1:\(bound)")
        for await _ in terminated { break }
        await server.shutdown(grace: .seconds(grace))
        Self.say("stopped")
    }

    /// A line on standard output; tests and people wait for it, so it must not stay in a buffer.
    private static func say(_ line: String) { FileHandle.standardOutput.write(Data("\(line)\n".utf8)) }

    private var limits: Limits {
        var limits = Limits()
        if let headerListBytes { limits.headerListBytes = headerListBytes }
        if let runningHandlers { limits.runningHandlers = runningHandlers }
        if let concurrentStreams { limits.concurrentStreams = concurrentStreams }
        if let connections { limits.connections = connections }
        if let connectionsPerAddress { limits.connectionsPerAddress = connectionsPerAddress }
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
