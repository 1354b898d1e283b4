import ArgumentParser
import Foundation
import HTTP2
import RPC
import Shared
import SwiftProtobuf

extension Services {
    /// Does something with a client of the service at an address. A refused call is told, and ends the program.
    func calling<Result>(_ address: String, _ body: (RPCClient) async throws -> Result) async throws -> Result {
        guard let target = RPCClient.Target(address) else { throw ValidationError("\(address) is not host:port.") }
        let token = tokenFile.map { file in
            // Read anew for every call, because tokens expire and their file is replaced.
            BearerTokenInterceptor {
                try String(contentsOfFile: file, encoding: .utf8).trimmingCharacters(in: .whitespacesAndNewlines)
            }
        }
        let client = try RPCClient(
            targets: [target],
            options: .init(
                tls: authorities.map { TLS(trustedAuthoritiesFile: $0) }, defaultTimeout: .seconds(60),
                interceptors: token.map { [$0] } ?? []))
        do {
            let result = try await body(client)
            await client.close()
            return result
        } catch {
            await client.close()
            guard let error = error as? RPCError else { throw error }
            tell(error.explained)
            throw ExitCode(error.isWorthRetrying ? 75 : 1)
        }
    }
}

/// Calls until there is an answer, or no hope. Only for what may happen twice: reading, and writing under an operation
/// id.
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

    /// The details of a kind.
    func details<Detail: Message>(_ kind: Detail.Type) -> [Detail] {
        let status = details.flatMap { try? Google_Rpc_Status(serializedBytes: $0) }
        return (status?.details ?? []).compactMap { $0.isA(kind) ? try? kind.init(unpackingAny: $0) : nil }
    }

    /// What the error tells: its reason, every field at fault, and the same in Vietnamese.
    var explained: String {
        var lines = ["\(code): \(message)"]
        lines += details(Google_Rpc_ErrorInfo.self).map { "  reason \($0.reason) (\($0.domain)) \($0.metadata)" }
        for bad in details(Google_Rpc_BadRequest.self) {
            lines += bad.fieldViolations.map { "  field \($0.field): \($0.description_p)" }
        }
        for failed in details(Google_Rpc_PreconditionFailure.self) {
            lines += failed.violations.map { "  \($0.type) \($0.subject): \($0.description_p)" }
        }
        lines += details(Google_Rpc_LocalizedMessage.self).map { "  \($0.locale): \($0.message)" }
        return lines.joined(separator: "\n")
    }

    /// Waits as long as the service asks, else longer each time and not as long as others.
    func pause(attempt: Int) async throws {
        let asked = details(Google_Rpc_RetryInfo.self).first.map {
            Double($0.retryDelay.seconds) + Double($0.retryDelay.nanos) / 1e9
        }
        let wait = asked ?? Double.random(in: 0.1...min(20, 0.2 * pow(2, Double(attempt))))
        tell("\(code): again in \(String(format: "%.1f", wait)) s")
        try await Task.sleep(for: .seconds(wait))
    }
}
