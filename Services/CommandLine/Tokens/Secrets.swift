import Crypto
import Foundation

/// What the services need to know each other and their callers by.
struct Secrets {
    /// A key would have to be made anew, and nobody would believe what the old one has signed, or find whom it has
    /// hashed.
    struct KeyMissing: Error, CustomStringConvertible {
        let path: String
        let found: String
        var description: String {
            "\(path) is missing, but \(found), which was made together with it, is there: put the key back, or move "
                + "everything away."
        }
    }

    /// A service with its names in certificates, and what it asks of the others. Least rights: those that read, read.
    private struct Service {
        let folder: String
        var hosts: [String]
        var verbs: [String] = []
        var readsContacts = false
    }

    private static let services = [
        Service(folder: "registry", hosts: ["registry"], readsContacts: true),
        Service(folder: "activity", hosts: ["activity-reporting", "activity"], verbs: ["registry.read"]),
        Service(folder: "funding", hosts: ["funding-policy", "funding"], verbs: ["registry.read", "activity.read"]),
        Service(
            folder: "notification", hosts: ["notification"],
            verbs: ["registry.read", "registry.read_people", "activity.read", "funding.read"], readsContacts: true),
    ]

    private let issuer: DevelopmentIssuer
    private let authority: DevelopmentAuthority
    private let contacts: String
    private let citizenIDs: String
    private let hosts: [String]

    /// - Parameter kept: Where the keys of before are; nil: all are new.
    init(kept: SecretFolder?, hosts: [String]) throws {
        issuer =
            try kept?.read("issuer/issuer.key", madeFirst: "registry/jwks.json").map { try DevelopmentIssuer(pem: $0) }
            ?? DevelopmentIssuer()
        let key = try kept?.read("issuer/ca.key", madeFirst: "issuer/ca.pem")
        let certificate = try kept?.read("issuer/ca.pem", madeFirst: "registry/ca.pem")
        if let key, let certificate {
            authority = try DevelopmentAuthority(certificate: certificate, key: key)
        } else {
            authority = try DevelopmentAuthority()
        }
        contacts =
            try kept?.read("registry/contacts.token") ?? kept?.read("notification/contacts.token") ?? Self.random()
        citizenIDs = try kept?.read("registry/citizen-id.key", madeFirst: "issuer/ca.pem") ?? Self.random()
        self.hosts = hosts
    }

    /// All files with their paths in the folder.
    func files(claims: ([IssuedClaims.Grant], String) -> IssuedClaims) async throws -> [(name: String, text: String)] {
        let ca = try authority.identity
        // The keys first: a run that was cut off can be made again.
        var files = [
            ("registry/citizen-id.key", citizenIDs), ("issuer/issuer.key", issuer.pem + "\n"),
            ("issuer/ca.key", ca.key + "\n"),
            ("issuer/ca.pem", ca.certificate + "\n"), ("admin/ca.pem", ca.certificate + "\n"),
            ("admin/admin.token", try await issuer.token(claims([.init(verbs: ["*"])], "admin")) + "\n"),
        ]
        for service in Self.services {
            func add(_ name: String, _ text: String) { files.append(("\(service.folder)/\(name)", text)) }
            let names = service.hosts + ["localhost", "127.0.0.1", "::1"] + hosts
            let addresses = names.compactMap { DevelopmentAuthority.IPAddress($0) }
            let server = try authority.server(
                service.hosts[0], hosts: names.filter { DevelopmentAuthority.IPAddress($0) == nil },
                addresses: addresses)
            add("jwks.json", issuer.jwks)
            add("ca.pem", ca.certificate + "\n")
            add("server.pem", server.certificate + "\n")
            add("server.key", server.key + "\n")
            if !service.verbs.isEmpty {
                let grants = [IssuedClaims.Grant(verbs: service.verbs)]
                add("peer.token", try await issuer.token(claims(grants, "service:\(service.folder)")) + "\n")
            }
            if service.readsContacts { add("contacts.token", contacts) }
        }
        return files.map { (name: $0.0, text: $0.1) }
    }

    /// Random bytes as text without blanks.
    private static func random() -> String {
        let key = SymmetricKey(size: .init(bitCount: 48 * 8))
        return key.withUnsafeBytes { Data($0) }.base64EncodedString() + "\n"
    }
}

extension SecretFolder {
    /// Nil when there is none; an error when what is made with it is there without it.
    fileprivate func read(_ name: String, madeFirst: String) throws -> String? {
        if let text = try read(name) { return text }
        guard try read(madeFirst) == nil else {
            throw Secrets.KeyMissing(path: place(name), found: place(madeFirst))
        }
        return nil
    }
}
