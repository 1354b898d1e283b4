import ArgumentParser
import Foundation
import HTTP2
import Logging
import RPC
import ServiceKit
import Shared
import TestSupport
import Testing

@testable import CommandLine

@Suite struct TokenTests {
    private let scratch: ScratchFolder
    /// Not there yet: the command makes it.
    private var folder: String { scratch.path("secrets") }

    init() throws { scratch = try ScratchFolder() }

    @Test(
        arguments: [
            ("registry.read@units/018f", ["registry.read"], "units/018f"), ("*", ["*"], nil), ("*@vn", ["*"], nil),
            ("registry.read,registry.import@units/vn", ["registry.read", "registry.import"], nil),
        ] as [(String, [String], String?)])
    func `a grant is verbs and a place`(text: String, verbs: [String], unit: String?) {
        #expect(GrantArgument(argument: text)?.grant == .init(verbs: verbs, unit: unit))
    }

    @Test(arguments: [
        "", "@units/1", "registry.read@", "registry.read@15", "Registry@vn", "a b@vn", "registry.read@units/",
    ])
    func `what is no grant is refused`(text: String) { #expect(GrantArgument(argument: text) == nil) }

    @Test(arguments: [("30s", 30), ("15m", 900), ("1h", 3600), ("90d", 7_776_000), ("366d", 31_622_400)])
    func `a lifetime has a unit`(text: String, seconds: Int) {
        #expect(LifetimeArgument(argument: text)?.seconds == seconds)
    }

    @Test(arguments: ["", "1", "h", "0h", "-1h", "367d", "1.5h", "9223372036854775807d"])
    func `what is no lifetime is refused`(text: String) { #expect(LifetimeArgument(argument: text) == nil) }

    private func read(_ name: String) throws -> String {
        try String(contentsOfFile: "\(folder)/\(name)", encoding: .utf8)
    }

    private func authenticator(_ service: String) async throws -> TokenAuthenticator {
        try await TokenAuthenticator(
            jwks: "\(folder)/\(service)/jwks.json", rules: TokenRules(issuer: "cdt", audiences: ["cdt"]),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    }

    private func subject(of file: String, at service: String) async throws -> String {
        let token = try read(file).trimmingCharacters(in: .newlines)
        let caller = try await authenticator(service).authenticate(authorization: "Bearer \(token)")
        #expect(!caller.identity.grants.isEmpty)
        return caller.identity.subject
    }

    @Test func `the services take the tokens that were made, and the key makes more of them`() async throws {
        let command = try AdminCommand.InitSecrets.parse(["--out", folder])
        try await command.run()
        #expect(try await subject(of: "funding/peer.token", at: "registry") == "service:funding")
        #expect(try await subject(of: "notification/peer.token", at: "activity") == "service:notification")
        #expect(try await subject(of: "notification/peer.token", at: "funding") == "service:notification")
        #expect(try await subject(of: "admin/admin.token", at: "notification") == "admin")
        let more = try await DevelopmentIssuer(pem: try read("issuer/issuer.key")).token(
            IssuedClaims(subject: "x", grants: [.init(verbs: ["*"], unit: "units/1")], expiresIn: 60))
        let caller = try await authenticator("registry").authenticate(authorization: "Bearer \(more)")
        #expect(caller.identity.grants.map(\.unit) == ["units/1"])
    }

    private static let files = [
        "activity/ca.pem", "activity/jwks.json", "activity/peer.token", "activity/server.key", "activity/server.pem",
        "admin/admin.token", "admin/ca.pem", "funding/ca.pem", "funding/jwks.json", "funding/peer.token",
        "funding/server.key", "funding/server.pem", "issuer/ca.key", "issuer/ca.pem", "issuer/issuer.key",
        "notification/ca.pem", "notification/contacts.token", "notification/jwks.json", "notification/peer.token",
        "notification/server.key", "notification/server.pem", "registry/ca.pem", "registry/citizen-id.key",
        "registry/contacts.token", "registry/jwks.json", "registry/server.key", "registry/server.pem",
    ]

    private func names() throws -> [String] {
        try FileManager.default.subpathsOfDirectory(atPath: folder).filter { $0.contains(".") }.sorted()
    }

    private func contents() throws -> [String: String] {
        Dictionary(uniqueKeysWithValues: try names().map { ($0, try read($0)) })
    }

    @Test func `secrets are their owner's alone, and are never written over`() async throws {
        let command = try AdminCommand.InitSecrets.parse(["--out", folder])
        try await command.run()
        #expect(try names() == Self.files)
        for name in Self.files {
            let attributes = try FileManager.default.attributesOfItem(atPath: "\(folder)/\(name)")
            #expect(attributes[.posixPermissions] as? Int == 0o600, "\(name)")
        }
        #expect(try read("registry/contacts.token") == read("notification/contacts.token"))
        let before = try read("issuer/issuer.key")
        await #expect(throws: SecretFolder.Taken.self) { try await command.run() }
        // One that is left is enough, and none of the others is made again.
        for name in Self.files where name != "issuer/issuer.key" {
            try FileManager.default.removeItem(atPath: "\(folder)/\(name)")
        }
        await #expect(throws: SecretFolder.Taken.self) { try await command.run() }
        #expect(try contents() == ["issuer/issuer.key": before])
    }

    @Test func `renewing keeps the keys, and makes tokens, certificates and what is missing anew`() async throws {
        var command = try AdminCommand.InitSecrets.parse(["--out", folder, "--renew"])
        try await command.run()
        let before = try contents()
        #expect(before.keys.sorted() == Self.files)
        try FileManager.default.removeItem(atPath: "\(folder)/notification/contacts.token")
        command = try AdminCommand.InitSecrets.parse(["--out", folder, "--renew", "--expires", "1h"])
        try await command.run()
        let after = try contents()
        #expect(after.keys.sorted() == Self.files)
        for (name, text) in after {
            let isMadeAnew = name.hasSuffix("r.token") || name.hasPrefix("admin/admin") || name.contains("/server.")
            #expect((before[name] != text) == isMadeAnew, "\(name)")
        }
        #expect(try await subject(of: "funding/peer.token", at: "registry") == "service:funding")

        // Without the key nobody would believe what was signed with it.
        for key in ["issuer/issuer.key", "issuer/ca.key", "registry/citizen-id.key"] {
            let text = try read(key)
            try FileManager.default.removeItem(atPath: "\(folder)/\(key)")
            await #expect(throws: Secrets.KeyMissing.self) { try await command.run() }
            try text.write(toFile: "\(folder)/\(key)", atomically: true, encoding: .utf8)
        }
        #expect(try contents() == after)
    }

    @Test func `a service with its certificate is called by its names, by those who trust the authority`() async throws
    {
        let command = try AdminCommand.InitSecrets.parse([
            "--out", folder, "--host", "10.1.2.3", "--host", "cdt.example",
        ])
        try await command.run()
        let server = RPCServer(
            configuration: .init(
                tls: TLS(
                    certificateChainFile: "\(folder)/registry/server.pem",
                    privateKeyFile: "\(folder)/registry/server.key")), services: [])
        let port = try await server.start()
        let other = "\(folder)/other.pem"
        try DevelopmentAuthority().identity.certificate.write(toFile: other, atomically: true, encoding: .utf8)
        // Without a name the address is what the certificate must hold for.
        for (name, authorities, expected) in [
            ("registry", "admin/ca.pem", .unimplemented), ("cdt.example", "admin/ca.pem", .unimplemented),
            (nil, "admin/ca.pem", .unimplemented), ("registry", "other.pem", .unavailable),
        ] as [(String?, String, StatusCode)] {
            let client = try RPCClient(
                targets: [.init(host: "127.0.0.1", port: port)],
                options: .init(tls: TLS(trustedAuthoritiesFile: "\(folder)/\(authorities)", serverName: name)))
            let error = await #expect(throws: RPCError.self) {
                try await Grpc_Health_V1_Health.Client(client).check(.init(), options: .init())
            }
            #expect(error?.code == expected, "\(name ?? ""): \(error?.message ?? "")")
            await client.close()
        }
        await server.shutdown(grace: .seconds(1))
    }
}
