import Foundation
import ServiceKit
import TestSupport
import Testing

@testable import Notification

@Suite struct OptionsTests {
    private let folder: ScratchFolder

    init() throws {
        folder = try ScratchFolder()
        try "mật khẩu\n".write(toFile: folder.path("password"), atomically: true, encoding: .utf8)
        try String(repeating: "k", count: 32).write(
            toFile: folder.path("secret"), atomically: true, encoding: .utf8)
        try "short".write(toFile: folder.path("short"), atomically: true, encoding: .utf8)
    }

    private func channels(_ settings: Settings) throws -> Channels {
        try NotificationOptions.channels(settings) { _ in throw ConfigurationError("no Zalo account is expected") }
    }

    private func settings(_ arguments: [String]) throws -> Settings {
        try Settings(
            arguments: arguments.map { $0.replacing("FOLDER", with: folder.path) }, environment: [:],
            options: NotificationOptions.all)
    }

    @Test(
        arguments: [
            ("smtp://mail.example.vn", "smtp://mail.example.vn:587", SMTPSettings.Security.required),
            ("smtps://mail.example.vn", "smtps://mail.example.vn:465", .implicit),
            ("smtp://127.0.0.1:2525", "smtp://127.0.0.1:2525", .opportunistic),
            ("smtp://[::1]:25/", "smtp://[::1]:25", .opportunistic),
        ])
    func theMailServerIsReadAndTLSInsistedOn(
        url: String, provider: String, security: SMTPSettings.Security
    ) throws {
        let smtp = try #require(
            try NotificationOptions.smtp(
                try settings(["--smtp-url", url, "--smtp-from", "Nhắc <nhac@example.vn>"])))
        #expect(smtp.provider == provider)
        #expect(smtp.security == security)
        #expect(smtp.from.displayName == "Nhắc")
    }

    @Test func withoutOptionsTheChannelsAreOff() throws {
        let channels = try channels(try settings([]))
        #expect(channels.on.isEmpty)
        #expect(ChannelKind.allCases.allSatisfy { channels.off($0) != nil })
    }

    @Test func theLoginComesFromAFile() throws {
        let smtp = try NotificationOptions.smtp(
            try settings([
                "--smtp-url", "smtps://mail.example.vn", "--smtp-from", "nhac@example.vn", "--smtp-user",
                "cdt",
                "--smtp-password-file", "FOLDER/password",
            ]))
        #expect(smtp?.login == .init(user: "cdt", password: "mật khẩu"))
    }

    @Test(
        arguments: [
            (["--smtp-url", "http://mail.example.vn", "--smtp-from", "a@b.vn"], "--smtp-url"),
            (["--smtp-url", "smtp://user:word@mail.example.vn", "--smtp-from", "a@b.vn"], "--smtp-url"),
            (["--smtp-url", "smtp://mail.example.vn"], "--smtp-from"),
            (
                ["--smtp-url", "smtp://mail.example.vn", "--smtp-from", "a@b.vn\r\nBcc: x@y.vn"],
                "--smtp-from"
            ),
            (["--smtp-from", "a@b.vn"], "--smtp-url"),
            (
                ["--smtp-url", "smtp://mail.example.vn", "--smtp-from", "a@b.vn", "--smtp-user", "x"],
                "--smtp-password-file"
            ),
            (
                [
                    "--smtp-url", "smtp://mail.example.vn", "--smtp-from", "a@b.vn", "--smtp-user", "x",
                    "--smtp-password-file", "FOLDER/password", "--smtp-starttls", "opportunistic",
                ], "TLS"
            ),
            (["--webhook-secret-file", "FOLDER/short"], "32"),
            (["--webhook-secret-file", "FOLDER/none"], "cannot be read"),
        ])
    func whatCannotWorkIsRefusedWithTheRemedy(arguments: [String], names: String) throws {
        let settings = try settings(arguments)
        let error = #expect(throws: ConfigurationError.self) {
            try channels(settings)
        }
        #expect(error?.description.contains(names) == true, "\(error?.description ?? "")")
    }

    @Test func aLoginInTheServersAddressIsNotRepeated() throws {
        let settings = try settings(["--smtp-url", "smtp://nhac:geheim@mail.example.vn", "--smtp-from", "a@b.vn"])
        let error = try #require(throws: ConfigurationError.self) { try NotificationOptions.smtp(settings) }
        #expect(error.description.contains("--smtp-password-file"))
        #expect(!error.description.contains("geheim"))
    }

    @Test func endpointsHaveDifferentSecrets() throws {
        let webhook = try #require(
            try NotificationOptions.webhook(try settings(["--webhook-secret-file", "FOLDER/secret"])))
        #expect(!webhook.allowPrivate)
        #expect(webhook.signer.shownSecret(endpoint: "a") != webhook.signer.shownSecret(endpoint: "b"))
        #expect(webhook.signer.shownSecret(endpoint: "a") == webhook.signer.shownSecret(endpoint: "a"))
    }
}
