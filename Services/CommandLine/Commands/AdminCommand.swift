import ArgumentParser
import Crypto
import Foundation

struct AdminCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "admin", abstract: "Keys and tokens for those who run the services.",
        subcommands: [InitSecrets.self, Token.self])

    struct InitSecrets: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "init-secrets", abstract: "Make an issuer's key, its JWKS, and tokens of the services.",
            discussion: """
                Writes issuer.key (keep it away from the services), jwks.json (for --jwks of every service), \
                NAME.token for each service that calls others (for its --peer-token-file), admin.token (for cdt's --token-file), \
                contacts.token (for --contacts-token-file of the Registry and of Notification) and citizen-id.key. Only \
                their owner can read them; nothing that exists is written over.
                """)

        @Option(help: "Folder to write to; made when missing.")
        var out: String
        @Option(help: "Who the tokens say has issued them (--token-issuer of the services).")
        var issuer = "cdt"
        @Option(help: "The suite's name in the tokens (--token-audience of the services).")
        var audience = "cdt"
        @Option(help: "How long the tokens hold: 15m, 1h, 90d.")
        var expires = LifetimeArgument(hours: 90 * 24)

        /// What each service asks of the others. Least rights: those that read, read.
        private static let services: [(name: String, verbs: [String])] = [
            ("activity", ["registry.read"]), ("funding", ["registry.read"]),
            ("notification", ["registry.read", "registry.read_people", "activity.read"]),
        ]

        func run() async throws {
            let key = try DevelopmentIssuer()
            var files = [
                ("issuer.key", key.pem + "\n"), ("jwks.json", key.jwks), ("contacts.token", Self.random(48) + "\n"),
                ("citizen-id.key", Self.random(48) + "\n"),
            ]
            for (name, verbs) in Self.services + [("admin", ["*"])] {
                let claims = IssuedClaims(
                    issuer: issuer, audience: audience, subject: name == "admin" ? name : "service:\(name)",
                    grants: [.init(verbs: verbs)], expiresIn: expires.seconds)
                files.append(("\(name).token", try await key.token(claims) + "\n"))
            }
            try SecretFolder(path: out).write(files.map { (name: $0.0, text: $0.1) })
            for file in files { print("\(out)/\(file.0)") }
        }

        /// Random bytes as text without blanks.
        private static func random(_ bytes: Int) -> String {
            let key = SymmetricKey(size: .init(bitCount: bytes * 8))
            return key.withUnsafeBytes { Data($0) }.base64EncodedString()
        }
    }

    struct Token: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make a token with an issuer's key, and print it.",
            discussion: "Example: cdt admin token --key secrets/issuer.key --subject cdt-laocai "
                + "--grant registry.editor@units/018f…")

        @Option(help: "File of the issuer's private key (Ed25519, PEM).")
        var key: String
        @Option(help: "Who shows the token.")
        var subject: String
        @Option(
            name: .customLong("grant"),
            help: """
                VERBS@UNIT, may be repeated. Verbs with commas between: SERVICE.VERB, SERVICE.* or *. The Registry's: read, \
                read_people, write_teams, write_people, import, administer, or the roles viewer, editor, integrator, \
                administrator. UNIT is units/{id}, or vn for the nation.
                """)
        var grants: [GrantArgument] = []
        @Option(help: "How long it holds: 30s, 15m, 1h, 90d.")
        var expires = LifetimeArgument(hours: 1)
        @Option(help: "The issuer's name.")
        var issuer = "cdt"
        @Option(help: "Whom it is for: the suite's name, or one service's.")
        var audience = "cdt"

        func validate() throws {
            guard (1...200).contains(subject.utf8.count) else {
                throw ValidationError("--subject must have 1 to 200 bytes.")
            }
        }

        func run() async throws {
            guard let pem = try? String(contentsOfFile: key, encoding: .utf8),
                let issuing = try? DevelopmentIssuer(pem: pem)
            else { throw ValidationError("--key: \(key) is not a file with an Ed25519 private key in PEM.") }
            let claims = IssuedClaims(
                issuer: issuer, audience: audience, subject: subject, grants: grants.map(\.grant),
                expiresIn: expires.seconds)
            print(try await issuing.token(claims))
        }
    }
}
