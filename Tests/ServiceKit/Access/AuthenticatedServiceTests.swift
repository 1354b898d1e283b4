import Foundation
import Logging
import RPC
import Shared
import SwiftProtobuf
import TestSupport
import Testing

@testable import ServiceKit

/// A service that knows its callers, over the wire.
@Suite struct AuthenticatedServiceTests {
    let issuer = TokenIssuer()
    let folder: ScratchFolder
    var jwks: String { folder.path("jwks.json") }

    init() throws {
        folder = try ScratchFolder()
        try issuer.write(jwks)
    }

    /// A token with the whole nation, unless it says otherwise.
    func options(_ claims: [String: Any]) throws -> CallOptions {
        var claims = claims
        if (claims["grants"] as? [Any])?.isEmpty ?? true { claims["grants"] = [["verbs": ["sample.*"]]] }
        return .init(metadata: ["authorization": "Bearer \(try issuer.token(claims))"])
    }

    func failure(_ body: () async throws -> Void) async throws -> RPCError {
        try #require(await #expect(throws: RPCError.self) { try await body() })
    }

    @Test func `a call without a good token is refused, and the log names no token`() async throws {
        try await withSample(["--jwks", jwks]) { _, client, logs in
            let none = try await failure { _ = try await client.act("") }
            #expect(none.code == .unauthenticated)
            #expect(none.reason == "TOKEN_MISSING")
            let expired = try options(TokenIssuer.claims(expiresIn: -100))
            let late = try await failure { _ = try await client.act("", expired) }
            #expect(late.code == .unauthenticated)
            #expect(late.reason == "TOKEN_EXPIRED")
            #expect(try await client.act("", options(TokenIssuer.claims())) == "hello")
            let named = try await client.act("trace", options(TokenIssuer.claims("unit-15")))
            #expect(named.hasSuffix(" unit-15"))
            try await eventually { logs.lines.count { $0["message"] as? String == "call" } >= 4 }
            let secret = try #require(expired.metadata[string: "authorization"]).dropFirst(7)
            for part in secret.split(separator: ".") {
                #expect(!logs.text.contains(part))
                #expect(!late.message.contains(part))
            }
        }
    }

    @Test func `a token for this service or the suite, of the issuer that was named`() async throws {
        let arguments = ["--jwks", jwks, "--token-issuer", "https://issuer.example", "--token-audience", "suite"]
        try await withSample(arguments) { _, client, _ in
            var claims = TokenIssuer.claims()
            claims["iss"] = "https://issuer.example"
            for (audience, reason) in [("suite", nil), ("sample", nil), ("cdt", "TOKEN_AUDIENCE_WRONG")] {
                claims["aud"] = audience
                let call = try options(claims)
                if let reason {
                    #expect(try await failure { _ = try await client.act("", call) }.reason == reason)
                } else {
                    #expect(try await client.act("", call) == "hello")
                }
            }
            let other = try options(TokenIssuer.claims())
            #expect(try await failure { _ = try await client.act("", other) }.reason == "TOKEN_ISSUER_WRONG")
        }
    }

    @Test func `health is open, reflection is not`() async throws {
        try await withSample(["--jwks", jwks]) { _, client, _ in
            let health = try await Grpc_Health_V1_Health.Client(client.rpc).check(.init())
            #expect(health.status == .serving)
            let reflection = Grpc_Reflection_V1_ServerReflection.Client(client.rpc)
            func services(_ options: CallOptions) async throws -> Int {
                let call = try await reflection.serverReflectionInfo(options: options)
                try await call.requests.send(.with { $0.listServices = "" })
                call.requests.finish()
                var count = 0
                for try await response in call.responses { count += response.listServicesResponse.service.count }
                return count
            }
            #expect(try await failure { _ = try await services(.defaults) }.code == .unauthenticated)
            #expect(try await services(options(TokenIssuer.claims())) > 0)
        }
    }

    @Test func `a service that does not judge by unit takes its verb in the whole nation, and nothing less`()
        async throws
    {
        try await withSample(["--jwks", jwks]) { _, client, _ in
            let cases: [(verbs: [String], unit: String, acts: Bool, watches: Bool)] = [
                (["*"], "", true, true), (["sample.*"], "", true, true), (["sample.read"], "", false, true),
                (["sample.write"], "", true, false), (["sample.*"], "units/1", false, false),
                (["*"], "units/vn", true, true), (["other.*", "sample", "read"], "", false, false),
            ]
            for (verbs, unit, acts, watches) in cases {
                let call = try options(TokenIssuer.claims(grants: [(verbs, unit)]))
                let acted = await Result { _ = try await client.act("", call) }
                let watched = await Result {
                    let stream = try await client.watch(call)
                    defer { stream.cancel() }
                    for try await _ in stream.responses { break }
                }
                for (result, isAllowed) in [(acted, acts), (watched, watches)] {
                    let error = result.failure as? RPCError
                    #expect(error?.code == (isAllowed ? nil : .permissionDenied), "\(verbs) \(unit)")
                    #expect(error?.reason == (isAllowed ? nil : "PERMISSION_DENIED"))
                }
            }
        }
    }

    @Test func `a stream ends when its token expires`() async throws {
        try await withSample(["--jwks", jwks]) { _, client, _ in
            // With the skew of 60 seconds two are left: the wait is for the end, not for the time.
            let call = try await client.watch(options(TokenIssuer.claims(expiresIn: -58)))
            var messages = call.responses.makeAsyncIterator()
            #expect(try await messages.next()?.value == "begun")
            let error = try await failure { while try await messages.next() != nil {} }
            #expect(error.code == .unauthenticated)
            #expect(error.reason == "TOKEN_EXPIRED")
        }
    }

    @Test(arguments: [
        (["--jwks", "/nowhere/jwks.json"], "--jwks"),
        (["--listen", "0.0.0.0:0", "--jwks", "JWKS"], "--tls-certificate"),
        (["--listen", "0.0.0.0:0"], "--jwks"),
    ])
    func `a service that cannot do what it was told does not start`(arguments: [String], named: String) async throws {
        let given = arguments.map { $0 == "JWKS" ? jwks : $0 }
        let error = await #expect(throws: ConfigurationError.self) { try await withSample(given) { _, _, _ in } }
        #expect(error?.description.contains(named) == true)
    }

    @Test func `without keys a service says at its start that callers are not authenticated`() async throws {
        try await withSample { _, _, logs in
            try await eventually { logs.text.contains("callers are not authenticated") }
        }
        try await withSample(["--jwks", jwks]) { _, client, logs in
            _ = try? await client.act("")
            try await eventually { !logs.lines.isEmpty }
            #expect(!logs.text.contains("callers are not authenticated"))
        }
    }

    @Test func `a service shows its peers the token of a file, as it is now`() async throws {
        let path = jwks + ".token"
        try Data(" first\n".utf8).write(to: URL(fileURLWithPath: path))
        let option = Option<String?>.text("peer-token-file", help: "")
        let token = try PeerToken(file: path, of: option, logger: .init(label: "test"))
        #expect(token.current() == "first")
        try Data("second".utf8).write(to: URL(fileURLWithPath: path), options: .atomic)
        try await eventually { token.current() == "second" }
        for broken in ["two words", ""] {
            try Data(broken.utf8).write(to: URL(fileURLWithPath: path), options: .atomic)
            #expect(throws: ConfigurationError.self) {
                _ = try PeerToken(file: path, of: option, logger: .init(label: "test"))
            }
        }
        #expect(token.current() == "second")
    }
}

extension Result where Success == Void, Failure == any Error {
    fileprivate init(_ body: () async throws -> Void) async {
        do {
            self = .success(try await body())
        } catch { self = .failure(error) }
    }

    fileprivate var failure: (any Error)? {
        guard case .failure(let error) = self else { return nil }
        return error
    }
}
