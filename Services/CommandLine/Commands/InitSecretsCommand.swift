import ArgumentParser

extension AdminCommand {
    struct InitSecrets: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "init-secrets",
            abstract: "Make keys, tokens and certificates for the services, a folder for each.",
            discussion: """
                In each service's folder: jwks.json (for --jwks), server.pem and server.key (--tls-certificate, --tls-key), \
                ca.pem (--peer-authorities), peer.token (--peer-token-file) where it calls others, contacts.token \
                (--contacts-token-file) for the Registry and Notification, citizen-id.key for the Registry. In admin: \
                admin.token and ca.pem, for cdt. In issuer: the private keys, which no service needs; keep them apart. Only \
                their owner can read the files.

                Tokens hold for --expires, certificates for \(DevelopmentAuthority.certificateDays) days. --renew makes them \
                anew with the keys that are there; running services read tokens again, certificates at their next start.
                """)

        @Option(help: "Folder to write to; made when missing.")
        var out: String
        @Option(help: "Who the tokens say has issued them (--token-issuer of the services).")
        var issuer = "cdt"
        @Option(help: "The suite's name in the tokens (--token-audience of the services).")
        var audience = "cdt"
        @Option(help: "How long the tokens hold: 15m, 1h, 90d.")
        var expires = LifetimeArgument(hours: 90 * 24)
        @Option(
            name: .customLong("host"),
            help: """
                A name or address by which the services are called, may be repeated; beside their own names (registry, \
                activity-reporting …), localhost, 127.0.0.1 and ::1.
                """)
        var hosts: [String] = []
        @Flag(help: "Keep the keys that are there, and make tokens, certificates and what is missing anew.")
        var renew = false

        func validate() throws {
            for host in hosts where !Self.isHost(host) {
                throw ValidationError(
                    "--host: \(host) is neither a name of letters, digits, dots and hyphens nor an address.")
            }
        }

        private static func isHost(_ text: String) -> Bool {
            DevelopmentAuthority.IPAddress(text) != nil
                || (1...253).contains(text.utf8.count)
                    && text.utf8.allSatisfy {
                        switch $0 {
                        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "-"):
                            true
                        default: false
                        }
                    }
        }

        func run() async throws {
            let folder = SecretFolder(path: out)
            let secrets = try Secrets(kept: renew ? folder : nil, hosts: hosts)
            let files = try await secrets.files { grants, subject in
                IssuedClaims(
                    issuer: issuer, audience: audience, subject: subject, grants: grants, expiresIn: expires.seconds)
            }
            for path in try folder.write(files, renew: renew) { print(path) }
        }
    }
}
