import Foundation
import RPC
import Shared
import SwiftProtobuf
import TestSupport
import Testing

/// "Every RPC denies by default": every method that the contract's descriptors name, of the programs as they are
/// shipped, without a token, with a wrong one, and with one that is too narrow. A new method is among them by itself.
///
/// Requests are empty: who is refused must be so before they are looked at. That each method asks for its own verb,
/// where its own subject is, is what the services' access matrices try with requests that name something.
@Suite(.serialized, .timeLimit(.minutes(10))) struct AccessWalkTests {
    private struct Method: CustomStringConvertible {
        let program: Program
        let descriptor: MethodDescriptor
        let request: [UInt8]
        var description: String { "\(program.shortName): \(descriptor)" }
    }

    /// Feeds are judged by their topic, so their requests name one. Notification has none.
    private static let topics: [Program: String] = [
        .registry: "registry.facts", .activity: "activity.facts", .funding: "funding.facts",
    ]

    /// Lists and feeds of what a caller may see: whoever has the verb anywhere gets what is of their own units, which
    /// is nothing here, and what everybody may know (templates, channels, policies in force). Streams and batches are
    /// judged piece by piece, and these have no piece.
    private static let openAnywhere: Set<String> = [
        "Follow", "ListArticles", "ListChannels", "ListCampaigns", "ListCourses", "ListEnrolmentLists",
        "ListFocalPoints", "ListGroups", "ListPeriods", "ListPlatforms", "ListPolicies", "ListRejectedReports",
        "ListReportingPolicies", "ListRules",
        "ListTargets", "ListTemplates", "ListWebhookEndpoints", "SubmitReports", "SyncReports",
    ]

    private static func methods() throws -> [Method] {
        let contract = try Google_Protobuf_FileDescriptorSet(serializedBytes: ContractDescriptors.serialized)
        return try contract.file.filter { $0.package.hasPrefix("cdt.") }.flatMap { file in
            try file.service.flatMap { service in
                try programs(of: file.package).flatMap { program in
                    try service.method.map { method in
                        let kind: CallKind =
                            switch (method.clientStreaming, method.serverStreaming) {
                            case (false, false): .unary
                            case (false, true): .serverStreaming
                            case (true, false): .clientStreaming
                            case (true, true): .bidirectionalStreaming
                            }
                        return Method(
                            program: program,
                            descriptor: MethodDescriptor(
                                service: "\(file.package).\(service.name)", method: method.name, kind: kind),
                            request: method.name == "Follow"
                                ? try Cdt_Feed_V1_FollowRequest.with { $0.topic = topics[program] ?? "" }
                                    .serializedBytes() : [])
                    }
                }
            }
        }
    }

    /// `cdt.registry.v1`: the Registry; a feed is served by all that have one.
    private static func programs(of package: String) -> [Program] {
        package == "cdt.feed.v1"
            ? Program.allCases.filter { topics[$0] != nil }
            : Program.allCases.filter { package == "cdt.\($0.shortName).v1" }
    }

    /// How a call ended; one that goes on after its first message was let in.
    private static func outcome(_ method: Method, _ client: RPCClient, _ token: String?) async -> (
        code: StatusCode, reason: String
    ) {
        var options = CallOptions(timeout: .seconds(30))
        if let token { options.metadata = ["authorization": "Bearer \(token)"] }
        do {
            switch method.descriptor.kind {
            case .unary:
                _ = try await client.unary(
                    method.descriptor, method.request, options: options, encode: { $0 }, decode: { $0 })
            case .serverStreaming:
                let call = try await client.serverStreaming(
                    method.descriptor, method.request, options: options, encode: { $0 }, decode: { $0 })
                for try await _ in call.responses { break }
                call.cancel()
            case .clientStreaming, .bidirectionalStreaming:
                let call: BidirectionalCall<[UInt8], [UInt8]> = try await client.bidirectionalStreaming(
                    method.descriptor, options: options, encode: { $0 }, decode: { $0 })
                call.requests.finish()
                for try await _ in call.responses {}
            }
            return (.ok, "")
        } catch let error as RPCError {
            let status = error.details.flatMap { try? Google_Rpc_Status(serializedBytes: $0) }
            let info = status?.details.lazy.compactMap { try? Google_Rpc_ErrorInfo(unpackingAny: $0) }.first
            return (error.code, info?.reason ?? "")
        } catch {
            return (.unknown, "\(error)")
        }
    }

    @Test func `no method takes a call without a token, with a wrong one or with one that is too narrow`() async throws
    {
        let methods = try Self.methods()
        #expect(methods.count > 150)
        #expect(Set(methods.map(\.program)) == Set(Program.allCases))
        let keys = try ScratchFolder()
        defer { keys.remove() }
        let issuer = TokenIssuer()
        try issuer.write(keys.path("jwks.json"))
        func token(
            _ verbs: [String], at unit: String = "", expiresIn seconds: Double = 3600, audience: String = "cdt",
            by issuer: TokenIssuer
        ) throws -> String {
            var claims = TokenIssuer.claims(grants: [(verbs, unit)], expiresIn: seconds)
            claims["aud"] = audience
            return try issuer.token(claims)
        }
        let everything = ["*"]
        let unknown: [(name: String, token: String?, reason: String)] = [
            ("none", nil, "TOKEN_MISSING"), ("what is no token", "password", "TOKEN_MALFORMED"),
            ("a stranger's", try token(everything, by: TokenIssuer()), "TOKEN_SIGNATURE_INVALID"),
            ("one of another key", try token(everything, by: TokenIssuer(kid: "other")), "TOKEN_KEY_UNKNOWN"),
            ("an expired one", try token(everything, expiresIn: -100, by: issuer), "TOKEN_EXPIRED"),
            ("one for others", try token(everything, audience: "elsewhere", by: issuer), "TOKEN_AUDIENCE_WRONG"),
        ]
        try await RunningSuite.run(arguments: ["--jwks", keys.path("jwks.json")]) { suite in
            for program in Program.allCases {
                let others = Program.allCases.filter { $0 != program }.map { "\($0.shortName).*" }
                let narrow: [(name: String, token: String)] = [
                    ("no grant", try token([], by: issuer)), ("others' verbs", try token(others, by: issuer)),
                    ("no verb", try token(["\(program.shortName).nothing"], by: issuer)),
                ]
                let elsewhere = try token(everything, at: "units/\(UUID().uuidString.lowercased())", by: issuer)
                let client = try RPCClient(targets: [#require(RPCClient.Target(suite.address(program)))])
                for method in methods where method.program == program {
                    for (name, token, reason) in unknown {
                        let outcome = await Self.outcome(method, client, token)
                        let isRefused = outcome.code == .unauthenticated && outcome.reason == reason
                        #expect(isRefused, "\(method) with \(name): \(outcome)")
                    }
                    for (name, token) in narrow {
                        let outcome = await Self.outcome(method, client, token)
                        let isDenied = outcome.code == .permissionDenied && outcome.reason == "PERMISSION_DENIED"
                        // Of a name in the service's form only the handler knows that it is no verb.
                        let isRefused = isDenied || name == "no verb" && outcome.code == .invalidArgument
                        #expect(isRefused, "\(method) with \(name): \(outcome)")
                    }
                    let outcome = await Self.outcome(method, client, elsewhere)
                    // What names no unit at all may be told so.
                    let isRefused = [.permissionDenied, .invalidArgument].contains(outcome.code)
                    #expect(
                        isRefused || outcome.code == .ok && Self.openAnywhere.contains(method.descriptor.method),
                        "\(method) with a grant elsewhere: \(outcome)")
                }
                await client.close(grace: .zero)
            }
        }
    }
}
