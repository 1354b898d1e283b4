import ArgumentParser
import Foundation

struct AdminCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "admin", abstract: "Keys and tokens for those who run the services.",
        subcommands: [InitSecrets.self, Token.self])

    struct Token: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make a token with an issuer's key, and print it.",
            discussion: "Example: cdt admin token --key secrets/issuer/issuer.key --subject cdt-laocai "
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
