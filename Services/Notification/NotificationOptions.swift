import Foundation
import NIOSSL
import ServiceKit

/// What an operator may set for the channels.
enum NotificationOptions {
    static let smtpURL = Option<String?>.text(
        "smtp-url", valueName: "URL",
        help: "The mail server: smtp://HOST[:587] with STARTTLS, or smtps://HOST[:465]. Without it, e-mail is off.")
    static let smtpFrom = Option<String?>.text(
        "smtp-from", valueName: "ADDRESS", help: "The sender: ADDRESS or \"NAME <ADDRESS>\". Needed with --smtp-url.")
    static let smtpUser = Option<String?>.text("smtp-user", valueName: "NAME", help: "Login at the mail server.")
    static let smtpPasswordFile = Option<String?>.text(
        "smtp-password-file", valueName: "FILE", help: "A file with the password of --smtp-user.")
    static let smtpStartTLS = Option<String>.choice(
        "smtp-starttls", of: ["auto", "required", "opportunistic"], default: "auto",
        help: "Whether smtp:// insists on STARTTLS; auto: yes, unless the server is on this machine.")
    static let smtpAuthorities = Option<String?>.text(
        "smtp-ca-file", valueName: "FILE",
        help: "Certificates to trust for the mail server instead of the system's (PEM).")
    static let smtpRate = Option<Int>.integer(
        "smtp-rate", in: 1...10_000, default: 20, help: "E-mails per second at most.")
    static let smtpTimeout = Option<Int>.integer(
        "smtp-timeout", valueName: "SECONDS", in: 1...600, default: 60, help: "Longest time for one e-mail.")
    static let webhookSecretFile = Option<String?>.text(
        "webhook-secret-file", valueName: "FILE",
        help: "A file with at least 32 bytes, from which the signing secret of each endpoint is made. Without it, "
            + "webhooks are off.")
    static let webhookAllowPrivate = Option<Bool>.flag(
        "webhook-allow-private", help: "Endpoints may have private addresses, and plain http.")
    static let webhookAuthorities = Option<String?>.text(
        "webhook-ca-file", valueName: "FILE", help: "Certificates to trust for endpoints instead of the system's (PEM)."
    )
    static let webhookRate = Option<Int>.integer(
        "webhook-rate", in: 1...10_000, default: 50, help: "Webhook calls per second at most.")
    static let smsProfile = Option<String?>.text(
        "sms-profile", valueName: "FILE",
        help: "How to talk to the HTTP gateway of an SMS brandname provider (JSON; README.md). Without it, SMS is off.")
    static let smsAuthorities = Option<String?>.text(
        "sms-ca-file", valueName: "FILE", help: "Certificates to trust for the gateway instead of the system's (PEM).")
    static let zaloAccounts = Option<String?>.text(
        "zalo-accounts", valueName: "FILE",
        help: "The Zalo Official Accounts to send from (JSON; README.md). Without it, Zalo is off.")
    static let callbackListen = Option<String?>.text(
        "callback-listen", valueName: "HOST:PORT",
        help:
            "Where providers call back with receipts and replies (/callbacks/zalo/ACCOUNT, /callbacks/sms). Without it, "
            + "nothing of that is known.")
    static let callbackCertificate = Option<String?>.text(
        "callback-tls-cert", valueName: "FILE", help: "Certificate chain of the callback port (PEM).")
    static let callbackKey = Option<String?>.text(
        "callback-tls-key", valueName: "FILE", help: "Private key of the callback port (PEM).")
    static let callbackPlaintext = Option<Bool>.flag(
        "callback-plaintext", help: "The callback port may listen beyond this machine without TLS: behind a proxy.")
    static let senders = Option<Int>.integer(
        "senders", in: 1...256, default: 8, help: "Messages of one channel under way at once.")
    static let contactsToken = ContactsToken.option(
        help: "A file with the token that the Registry asks of whoever follows its topic of contact data; the Registry "
            + "is given the same. Not needed when the Registry listens on a loopback address without one.")

    static let all: [any AnyOption] = [
        smtpURL, smtpFrom, smtpUser, smtpPasswordFile, smtpStartTLS, smtpAuthorities, smtpRate, smtpTimeout,
        webhookSecretFile, webhookAllowPrivate, webhookAuthorities, webhookRate, smsProfile, smsAuthorities,
        zaloAccounts, callbackListen, callbackCertificate, callbackKey, callbackPlaintext, senders, contactsToken,
    ]

    /// - Parameter zalo: Makes what keeps an account's tokens.
    static func channels(_ settings: Settings, zalo: (ZaloAccount) throws -> ZaloTokens) throws -> Channels {
        var others: [any MessageSender] = []
        if let sms = try sms(settings) { others.append(SMSSender(sms)) }
        if let file = try settings[zaloAccounts] {
            let errors = try ZaloErrors.shipped()
            for account in try ZaloAccountsFile.read(file, of: zaloAccounts) {
                let tokens = try zalo(account)
                others += account.kinds.map { ZaloSender($0, tokens, errors) }
            }
        }
        return Channels(smtp: try smtp(settings), webhook: try webhook(settings), others: others)
    }

    /// Where the callback port listens, and with which certificate.
    static func callbacks(_ settings: Settings) throws -> (endpoint: Endpoint, tls: NIOSSLContext?)? {
        guard let text = try settings[callbackListen] else { return nil }
        guard let endpoint = Endpoint(text) else {
            throw ConfigurationError("--callback-listen: expected HOST:PORT, for example 127.0.0.1:8443")
        }
        let tls: NIOSSLContext?
        switch (try settings[callbackCertificate], try settings[callbackKey]) {
        case (nil, nil): tls = nil
        case (let certificate?, let key?):
            do {
                tls = try NIOSSLContext(
                    configuration: .makeServerConfiguration(
                        certificateChain: try NIOSSLCertificate.fromPEMFile(certificate).map { .certificate($0) },
                        privateKey: .privateKey(try NIOSSLPrivateKey(file: key, format: .pem))))
            } catch {
                throw ConfigurationError("--callback-tls-cert, --callback-tls-key: cannot be used: \(error)")
            }
        default:
            throw ConfigurationError("--callback-tls-cert and --callback-tls-key belong together; give both or neither")
        }
        guard try tls != nil || endpoint.isLoopback || settings[callbackPlaintext] else {
            throw ConfigurationError(
                "--callback-listen \(endpoint) needs --callback-tls-cert and --callback-tls-key, or --callback-plaintext "
                    + "behind a proxy that has them")
        }
        return (endpoint, tls)
    }

    static func sms(_ settings: Settings) throws -> SMSSettings? {
        guard let file = try settings[smsProfile] else { return nil }
        let profile = try ProfileFile.read(SMSProfile.self, file, of: smsProfile)
        let problems = profile.problems()
        guard problems.isEmpty else {
            throw ConfigurationError("--sms-profile: \(file): \(problems.joined(separator: "; "))")
        }
        let folder = ProfileFile.folder(file)
        return SMSSettings(
            profile: profile,
            secrets: try (profile.secrets ?? [:]).mapValues { name in
                try SecretFile.read(ProfileFile.path(name, in: folder), of: smsProfile)
            }, certificateAuthorities: try settings[smsAuthorities])
    }

    static func smtp(_ settings: Settings) throws -> SMTPSettings? {
        guard let url = try settings[smtpURL] else {
            for option in [smtpFrom, smtpUser, smtpPasswordFile] where settings.isSet(option) {
                throw ConfigurationError("--\(option.name) is given without --smtp-url; give --smtp-url as well")
            }
            return nil
        }
        guard let server = MailServer(url) else {
            // Not repeated: it may hold a password, where other programs take one.
            throw ConfigurationError(
                "--smtp-url: expected smtp://HOST[:PORT] or smtps://HOST[:PORT]; a login belongs in --smtp-user and "
                    + "--smtp-password-file")
        }
        guard let from = try settings[smtpFrom].flatMap({ Mailbox(parsing: $0) }) else {
            throw ConfigurationError("--smtp-from: expected ADDRESS or \"NAME <ADDRESS>\", for example nhac@example.vn")
        }
        var login: SMTPSettings.Login?
        switch (try settings[smtpUser], try settings[smtpPasswordFile]) {
        case (nil, nil): break
        case (let user?, let file?):
            login = .init(user: user, password: try SecretFile.read(file, of: smtpPasswordFile))
        default: throw ConfigurationError("--smtp-user and --smtp-password-file belong together; give both or neither")
        }
        let startTLS = try settings[smtpStartTLS]
        let security: SMTPSettings.Security =
            if server.isImplicit {
                .implicit
            } else if startTLS == "opportunistic" || startTLS == "auto" && server.isLoopback { .opportunistic } else {
                .required
            }
        // A password must not be readable on the way.
        if login != nil, security == .opportunistic, !server.isLoopback {
            throw ConfigurationError("--smtp-user needs TLS; remove --smtp-starttls opportunistic")
        }
        var smtp = SMTPSettings(
            host: server.host, port: server.port, security: security, from: from, login: login,
            certificateAuthorities: try settings[smtpAuthorities])
        smtp.ratePerSecond = Double(try settings[smtpRate])
        smtp.timeout = .seconds(try settings[smtpTimeout])
        return smtp
    }

    static func webhook(_ settings: Settings) throws -> WebhookSettings? {
        guard let file = try settings[webhookSecretFile] else { return nil }
        let secret = try SecretFile.read(file, of: webhookSecretFile, atLeast: 32)
        return WebhookSettings(
            signer: WebhookSigner(masterSecret: Array(secret.utf8)), allowPrivate: try settings[webhookAllowPrivate],
            certificateAuthorities: try settings[webhookAuthorities], ratePerSecond: Double(try settings[webhookRate]))
    }
}

/// Host and port of `smtp://` and `smtps://`.
struct MailServer: Sendable, Hashable {
    let host: String
    let port: Int
    let isImplicit: Bool

    init?(_ url: String) {
        let rest: Substring
        if url.hasPrefix("smtps://") {
            isImplicit = true
            rest = url.dropFirst(8)
        } else if url.hasPrefix("smtp://") {
            isImplicit = false
            rest = url.dropFirst(7)
        } else {
            return nil
        }
        let authority = rest.hasSuffix("/") ? rest.dropLast() : rest
        let hasPort = authority.hasSuffix("]") ? false : authority.contains(":")
        // 587 is submission, 465 submission with TLS from the first byte (RFC 8314).
        let text = hasPort ? String(authority) : "\(authority):\(isImplicit ? 465 : 587)"
        guard !authority.contains("@"), !authority.contains("/"), let endpoint = Endpoint(text), endpoint.port > 0
        else {
            return nil
        }
        host = endpoint.host
        port = endpoint.port
        isLoopback = endpoint.isLoopback
    }

    let isLoopback: Bool
}
