import ArgumentParser
import Foundation
import Logging
import RPC
import ServiceKit
import Testing

@testable import CommandLine

@Suite struct TokenTests {
    let folder = FileManager.default.temporaryDirectory.appending(path: "tokens-\(UUID())").path

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

    @Test func `the services take the tokens that were made, and the key makes more of them`() async throws {
        var command = try AdminCommand.InitSecrets.parse(["--out", folder])
        try await command.run()
        func read(_ name: String) throws -> String {
            try String(contentsOfFile: "\(folder)/\(name)", encoding: .utf8)
        }
        let authenticator = try await TokenAuthenticator(
            jwks: "\(folder)/jwks.json", rules: TokenRules(issuer: "cdt", audiences: ["cdt"]),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        for (name, subject) in [("funding", "service:funding"), ("admin", "admin")] {
            let token = try read("\(name).token").trimmingCharacters(in: .newlines)
            let caller = try await authenticator.authenticate(authorization: "Bearer \(token)")
            #expect(caller.identity.subject == subject)
            #expect(!caller.identity.grants.isEmpty)
        }
        let more = try await DevelopmentIssuer(pem: try read("issuer.key")).token(
            IssuedClaims(subject: "x", grants: [.init(verbs: ["*"], unit: "units/1")], expiresIn: 60))
        let caller = try await authenticator.authenticate(authorization: "Bearer \(more)")
        #expect(caller.identity.grants.map(\.unit) == ["units/1"])
    }

    @Test func `secrets are their owner's alone, and are never written over`() async throws {
        var command = try AdminCommand.InitSecrets.parse(["--out", folder])
        try await command.run()
        let names = try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
        #expect(
            names == [
                "activity.token", "admin.token", "citizen-id.key", "contacts.token", "funding.token", "issuer.key",
                "jwks.json", "notification.token",
            ])
        for name in names {
            let attributes = try FileManager.default.attributesOfItem(atPath: "\(folder)/\(name)")
            #expect(attributes[.posixPermissions] as? Int == 0o600, "\(name)")
        }
        let before = try Data(contentsOf: URL(fileURLWithPath: "\(folder)/issuer.key"))
        await #expect(throws: SecretFolder.Taken.self) { try await command.run() }
        // One that is left is enough, and none of the others is made again.
        for name in names where name != "issuer.key" { try FileManager.default.removeItem(atPath: "\(folder)/\(name)") }
        await #expect(throws: SecretFolder.Taken.self) { try await command.run() }
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["issuer.key"])
        #expect(try Data(contentsOf: URL(fileURLWithPath: "\(folder)/issuer.key")) == before)
    }
}
