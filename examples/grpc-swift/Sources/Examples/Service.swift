import ArgumentParser
import Foundation
import GRPCCore
import GRPCNIOTransportHTTP2Posix
import GRPCProtobuf
import Shared

typealias Client = GRPCClient<HTTP2ClientTransport.Posix>

extension Services {
    /// Does something with a client of the service at an address. A refused call is told, and ends the program.
    func calling<Result: Sendable>(
        _ address: String, _ body: (Client) async throws -> Result
    ) async throws -> Result {
        let transport = try HTTP2ClientTransport.Posix(
            target: target(address), transportSecurity: security,
            config: .defaults {
                // A connection that died without a word is found out.
                $0.connection.keepalive = .init(
                    time: .seconds(60), timeout: .seconds(20), allowWithoutCalls: false)
            },
            serviceConfig: .ofServices)
        do {
            return try await withGRPCClient(
                transport: transport, interceptors: tokenFile.map { [BearerToken(file: $0)] } ?? [], handleClient: body)
        } catch let error as RPCError {
            tell(error.explained)
            throw ExitCode(error.isWorthRetrying ? 75 : 1)
        }
    }

    private var security: HTTP2ClientTransport.Posix.TransportSecurity {
        guard let authorities else { return .plaintext }
        return .tls { $0.trustRoots = .certificates([.file(path: authorities, format: .pem)]) }
    }

    private func target(_ address: String) throws -> any ResolvableTarget {
        let parts = address.split(separator: ":").map(String.init)
        guard parts.count == 2, let port = Int(parts[1]) else {
            throw ValidationError("\(address) is not host:port.")
        }
        // A certificate is held against the host's name; an address is not looked up, and its certificate bears it.
        let isAddress = parts[0].allSatisfy { $0.isNumber || $0 == "." }
        return isAddress ? .ipv4(address: parts[0], port: port) : .dns(host: parts[0], port: port)
    }
}

extension ServiceConfig {
    /// What grpc-swift does by itself for the calls that end: their deadline, and again after UNAVAILABLE, with the
    /// same request and so the same operation ids. Streams that go on have neither.
    fileprivate static var ofServices: Self {
        let methods = [
            Cdt_Registry_V1_RegistryService.Method.ResolveUnitCode.descriptor,
            Cdt_Registry_V1_ImportService.Method.ExportMembers.descriptor,
            Cdt_Registry_V1_ImportService.Method.ListImportProblems.descriptor,
            Cdt_Activity_V1_ActivityReportingService.Method.ListObligations.descriptor,
            Cdt_Activity_V1_ActivityReportingService.Method.SyncReports.descriptor,
        ]
        let again = RetryPolicy(
            maxAttempts: 5, initialBackoff: .milliseconds(500), maxBackoff: .seconds(20), backoffMultiplier: 2,
            retryableStatusCodes: [.unavailable])
        return ServiceConfig(methodConfig: [
            MethodConfig(
                names: methods.map { .init(service: $0.service.fullyQualifiedService, method: $0.method) },
                timeout: .seconds(60), executionPolicy: .retry(again))
        ])
    }
}

/// Puts the token into the metadata of every call.
private struct BearerToken: ClientInterceptor {
    let file: String

    func intercept<Input: Sendable, Output: Sendable>(
        request: StreamingClientRequest<Input>, context: ClientContext,
        next: (StreamingClientRequest<Input>, ClientContext) async throws -> StreamingClientResponse<Output>
    ) async throws -> StreamingClientResponse<Output> {
        // Read anew for every call, because tokens expire and their file is replaced.
        let token = try String(contentsOfFile: file, encoding: .utf8).trimmingCharacters(in: .whitespacesAndNewlines)
        var request = request
        request.metadata.replaceOrAddString("Bearer \(token)", forKey: "authorization")
        return try await next(request, context)
    }
}

/// Calls until there is an answer, or no hope. Only for what may happen twice: reading, and writing under an operation
/// id.
///
/// grpc-swift's own retries do not read RetryInfo, do not reach a server to which there is no connection, and should
/// not come quickly after codes that say the service is busy.
func untilAnswered<Answer>(attempts: Int = 8, _ call: () async throws -> Answer) async throws -> Answer {
    var attempt = 1
    while true {
        do {
            return try await call()
        } catch let error as RPCError where error.isWorthRetrying && attempt < attempts {
            try await error.pause(attempt: attempt)
            attempt += 1
        }
    }
}

extension RPCError {
    /// The service is away or busy, or it is not known whether it has done what was asked.
    var isWorthRetrying: Bool {
        [.unavailable, .resourceExhausted, .deadlineExceeded, .unknown].contains(code)
    }

    private var details: [ErrorDetails] { (try? unpackGoogleRPCStatus())?.details ?? [] }

    /// What the error tells: its reason, every field at fault, and the same in Vietnamese.
    var explained: String {
        let details = details
        var lines = ["\(code): \(message)"]
        lines += details.compactMap(\.errorInfo).map { "  reason \($0.reason) (\($0.domain)) \($0.metadata)" }
        lines += details.compactMap(\.badRequest).flatMap(\.violations)
            .map { "  field \($0.field): \($0.violationDescription)" }
        lines += details.compactMap(\.preconditionFailure).flatMap(\.violations)
            .map { "  \($0.type) \($0.subject): \($0.violationDescription)" }
        lines += details.compactMap(\.localizedMessage).map { "  \($0.locale): \($0.message)" }
        return lines.joined(separator: "\n")
    }

    /// Waits as long as the service asks, else longer each time and not as long as others.
    func pause(attempt: Int) async throws {
        let wait =
            details.lazy.compactMap(\.retryInfo).first?.delay
            ?? .seconds(Double.random(in: 0.1...min(20, 0.2 * pow(2, Double(attempt)))))
        tell("\(code): again in \(String(format: "%.1f", wait / .seconds(1))) s")
        try await Task.sleep(for: wait)
    }
}
