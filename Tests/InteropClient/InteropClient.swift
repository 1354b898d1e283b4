import ArgumentParser
import Foundation
import HTTP2
import InteropService
import RPC

/// Calls a `grpc.testing.TestService` of any implementation with our client.
@main struct InteropTool: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "interop-client", abstract: "Call grpc.testing.TestService.",
        subcommands: [InteropClient.self, LoadCommand.self], defaultSubcommand: InteropClient.self)
}

/// gRPC's interoperability cases.
struct InteropClient: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cases",
        abstract: "Run gRPC's interoperability cases against a server.",
        discussion: "Prints `ok CASE` or `failed CASE: why`; ends with 1 when a case has failed.")

    @Option(help: "Address of the server.") var host = "127.0.0.1"
    @Option(help: "TCP port of the server.") var port: Int
    @Option(help: "PEM file of the authorities to trust; TLS is on with it.") var tlsAuthorities: String?
    @Option(help: "Name expected in the server's certificate.") var serverName: String?
    @Option(help: "File in which the server tells of its calls, for cases that wait for it.") var serverLog: String?
    @Option(help: "Calls in a soak.") var soakCalls = 1000
    @Flag(help: "Print the names of the cases.") var list = false
    @Argument(help: "Cases to run; none: all.") var cases: [String] = []

    func run() async throws {
        let all = InteropCase.all + InteropCase.http2
        if list {
            for known in all { Self.say(known.name) }
            return
        }
        if let unknown = cases.first(where: { name in !all.contains { $0.name == name } }) {
            throw ValidationError("there is no case \(unknown); --list prints them")
        }
        var failed = false
        for known in cases.isEmpty ? InteropCase.all : all.filter({ cases.contains($0.name) }) {
            do {
                try await run(known)
                Self.say("ok \(known.name)")
            } catch {
                failed = true
                Self.say("failed \(known.name): \(error)")
            }
        }
        if failed { throw ExitCode.failure }
    }

    private func run(_ known: InteropCase) async throws {
        let world = InteropWorld(
            host: host, port: port, authorities: tlsAuthorities, serverName: serverName, serverLog: serverLog,
            soakCalls: soakCalls)
        let client = try world.connect()
        do {
            try await known.run(Grpc_Testing_TestService.Client(client), world)
        } catch {
            await client.close(grace: .zero)
            throw error
        }
        await client.close()
    }

    static func say(_ line: String) { FileHandle.standardOutput.write(Data("\(line)\n".utf8)) }
}

/// The server that the cases call.
struct InteropWorld: Sendable {
    let host: String
    let port: Int
    let authorities: String?
    let serverName: String?
    let serverLog: String?
    let soakCalls: Int

    /// A client of the server, with header lists of up to 128 KiB allowed.
    func connect(serverName name: String? = nil) throws -> RPCClient {
        var limits = Limits()
        limits.headerListBytes = 128 * 1024
        let tls = authorities.map { TLS(trustedAuthoritiesFile: $0, serverName: name ?? serverName) }
        return try RPCClient(
            targets: [.init(host: host, port: port)], options: .init(tls: tls, limits: limits))
    }

    /// Waits until the server has told of something; returns at once where nobody writes down what it tells.
    func serverTells(_ line: String) async throws {
        guard let serverLog else { return }
        for _ in 0..<2000 {
            let log = String(decoding: FileManager.default.contents(atPath: serverLog) ?? Data(), as: UTF8.self)
            if log.split(separator: "\n").contains(Substring(line)) { return }
            try await Task.sleep(for: .milliseconds(10))
        }
        throw Mismatch("the server never told of \"\(line)\"")
    }
}

/// What a case expected and did not get.
struct Mismatch: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

func expect<T: Equatable>(_ actual: T, _ wanted: T, _ what: String = "got") throws {
    if actual != wanted { throw Mismatch("\(what) \(actual), want \(wanted)") }
}

/// The error of a call that must fail with a code.
@discardableResult
func fails<T>(_ code: StatusCode, _ call: () async throws -> T) async throws -> RPCError {
    do {
        _ = try await call()
    } catch let error as RPCError {
        if error.code == code { return error }
        throw Mismatch("got \(error.code) \"\(error.message)\", want \(code)")
    }
    throw Mismatch("succeeded, want \(code)")
}
