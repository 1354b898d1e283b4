import Foundation
import ServiceKit
import TestSupport
import Testing

@testable import Notification

/// The connectors against real servers.
@Suite(.ownThread, .timeLimit(.minutes(10))) struct ChannelTests {
    private func peer(_ options: [String: String]) throws -> PythonPeer {
        let text = String(decoding: try JSONSerialization.data(withJSONObject: options), as: UTF8.self)
        return try PythonPeer("smtp_peer.py", [text])
    }

    private func settings(_ port: Int, _ security: SMTPSettings.Security = .opportunistic) throws -> SMTPSettings {
        SMTPSettings(
            host: "127.0.0.1", port: port, security: security,
            from: try #require(Mailbox(displayName: "Nhắc việc", address: "nhac@example.vn")), timeout: .seconds(3))
    }

    private func message(to address: String = "binh@example.vn") throws -> OutgoingMessage {
        let mailbox = try #require(Mailbox(displayName: "Trần Thị Bình", address: address))
        return OutgoingMessage(
            campaign: "campaigns/1", deliveryID: UUIDv8.named(address, in: "test"), recipient: "people/1",
            recipientName: "Trần Thị Bình",
            address: .mailbox(mailbox),
            language: .vietnamese, message: RenderedMessage(subject: "Nhắc nộp báo cáo", text: "Dòng một\n.\n..hai\n"),
            subjects: [.init(team: "teams/1", teamDisplayName: "Tổ", obligation: "obligations/1")],
            createdAt: World.now,
            now: World.now)
    }

    @Test func mailArrivesUnchangedOverAKeptConnection() async throws {
        let peer = try peer(["tls": "none"])
        let sender = SMTPSender(try settings(try await peer.port()))
        for number in 1...3 { #expect(sender.send(try message(to: "nguoi\(number)@example.vn")).kind == .accepted) }
        let mails = try await peer.lines(4).dropFirst()
        #expect(mails.compactMap { $0["to"] as? String } == (1...3).map { "nguoi\($0)@example.vn" })
        #expect(Set(mails.compactMap { $0["connection"] as? Int }).count == 1)
        let encoded = try #require(mails.first?["data"] as? String)
        let data = try #require(Data(base64Encoded: encoded))
        let text = String(decoding: data, as: UTF8.self)
        let id = UUIDv8.named("nguoi1@example.vn", in: "test")
        #expect(text.contains("Message-ID: <\(id)@example.vn>\r\n"))
        // Leading dots were stuffed on the way and are single again here.
        #expect(text.hasSuffix("\r\n.\r\n..hai\r\n") || text.contains("base64"))
    }

    @Test(
        arguments: [
            ("unknown.x@example.vn", SendOutcome.Kind.permanent, FailureClass.invalidRecipient, 550),
            ("relay.x@example.vn", .permanent, .recipientRefused, 550),
            ("full.x@example.vn", .transient, .temporary, 452), ("spam.x@example.vn", .permanent, .contentRefused, 554),
            ("later.x@example.vn", .transient, .temporary, 451),
        ])
    func refusalsAreToldApart(address: String, kind: SendOutcome.Kind, failure: FailureClass, code: Int) async throws {
        let peer = try peer(["tls": "none"])
        let sender = SMTPSender(try settings(try await peer.port()))
        let outcome = sender.send(try message(to: address))
        #expect(outcome.kind == kind)
        #expect(outcome.failure == failure)
        #expect(outcome.replyCode == code)
        #expect(outcome.detail.hasPrefix("\(code)"))
        #expect(!outcome.detail.contains(address))
        #expect(!outcome.concernsProvider)
        // The next message is not harmed.
        #expect(sender.send(try message()).kind == .accepted)
    }

    @Test(arguments: ["silent.x@example.vn", "drop.x@example.vn"])
    func noWordAfterTheFinalDotIsAmbiguous(address: String) async throws {
        let peer = try peer(["tls": "none"])
        let sender = SMTPSender(try settings(try await peer.port()))
        let outcome = sender.send(try message(to: address))
        #expect(outcome.kind == .ambiguous)
        #expect(outcome.failure == .unconfirmed)
        // The server did take it: sending it again would have been wrong.
        #expect(try await peer.lines(2)[1]["to"] as? String == address)
    }

    @Test func startTLSAndLoginAreUsed() async throws {
        let certificate = try await TestCertificate()
        let peer = try peer([
            "tls": "starttls", "certificate": certificate.certificate, "key": certificate.key, "user": "cdt",
            "password": "bí mật",
        ])
        var settings = try settings(try await peer.port(), .required)
        settings.certificateAuthorities = certificate.certificate
        settings.login = .init(user: "cdt", password: "bí mật")
        #expect(SMTPSender(settings).send(try message()).kind == .accepted)
        let mail = try await peer.lines(2)[1]
        #expect(mail["tls"] as? Bool == true)
        #expect(mail["user"] as? String == "cdt")

        settings.login = .init(user: "cdt", password: "wrong")
        let refused = SMTPSender(settings).send(try message())
        #expect(refused.kind == .transient)
        #expect(refused.failure == .configuration)
        #expect(refused.concernsProvider)
        #expect(!refused.detail.contains("wrong"))

        settings.certificateAuthorities = nil
        let untrusted = SMTPSender(settings).send(try message())
        #expect(untrusted.failure == .tls)
        #expect(peer.lineCount == 2)
    }

    /// A mail server as provinces run it; only root can start one of one's own.
    @Test(.enabled(if: getuid() == 0, "Postfix drops rights, which only root can"))
    func debiansPostfixTakesMailAndRefusesWhomItDoesNotKnow() async throws {
        let certificate = try await TestCertificate()
        let folder = try ScratchFolder()
        let peer = try PythonPeer(
            "postfix_peer.py",
            [
                PackageFolder.path + "/.local/postfix", folder.path("postfix"), certificate.certificate,
                certificate.key,
            ])
        var settings = try settings(try await peer.port(), .required)
        settings.certificateAuthorities = certificate.certificate
        settings.timeout = .seconds(30)
        let sender = SMTPSender(settings)
        let unknown = sender.send(try message(to: "khong-co@example.vn"))
        #expect(unknown.kind == .permanent)
        #expect(unknown.failure == .invalidRecipient)
        for number in 1...3 { #expect(sender.send(try message(to: "nguoi\(number)@example.vn")).kind == .accepted) }
        let mails = try await peer.lines(4).dropFirst()
        #expect(Set(mails.compactMap { $0["to"] as? String }) == Set((1...3).map { "nguoi\($0)@example.vn" }))
        for mail in mails {
            let encoded = try #require(mail["data"] as? String)
            let text = String(decoding: try #require(Data(base64Encoded: encoded)), as: UTF8.self)
            #expect(text.contains("with ESMTPS"), "it came over TLS")
            let to = try #require(mail["to"] as? String)
            #expect(text.contains("Message-ID: <\(UUIDv8.named(to, in: "test"))@example.vn>"))
        }
    }

    @Test func implicitTLSIsUsed() async throws {
        let certificate = try await TestCertificate()
        let peer = try peer(["tls": "implicit", "certificate": certificate.certificate, "key": certificate.key])
        var settings = try settings(try await peer.port(), .implicit)
        settings.certificateAuthorities = certificate.certificate
        #expect(SMTPSender(settings).send(try message()).kind == .accepted)
    }

    @Test func withoutStartTLSNothingIsSentWhenItIsRequired() async throws {
        let peer = try peer(["tls": "none"])
        let outcome = SMTPSender(try settings(try await peer.port(), .required)).send(try message())
        #expect(outcome.failure == .tls)
        #expect(outcome.kind == .transient)
        #expect(peer.lineCount == 1)
    }

    @Test func noServerConcernsTheProvider() throws {
        let outcome = SMTPSender(try settings(1)).send(try message())
        #expect(outcome.kind == .transient)
        #expect(outcome.failure == .connection)
        #expect(outcome.concernsProvider)
    }

    // MARK: Webhook

    private let signer = WebhookSigner(masterSecret: Array("0123456789abcdef0123456789abcdef".utf8))

    private func webhook(_ url: String) throws -> OutgoingMessage {
        var message = try message()
        message.address = .endpoint(WebhookTarget(endpoint: "endpoint-1", url: url))
        return message
    }

    @Test func aReceiverVerifiesTheSignatureAndReadsTheCloudEvent() async throws {
        let peer = try PythonPeer("webhook_peer.py", [signer.shownSecret(endpoint: "endpoint-1")])
        let sender = WebhookSender(WebhookSettings(signer: signer, allowPrivate: true))
        let url = "http://127.0.0.1:\(try await peer.port())"
        for _ in 1...2 { #expect(sender.send(try webhook(url + "/ok")).kind == .accepted) }
        let requests = try await peer.lines(3).dropFirst()
        #expect(requests.allSatisfy { $0["valid"] as? Bool == true })
        let request = try #require(requests.first)
        #expect(request["type"] as? String == "application/cloudevents+json; charset=utf-8")
        let event = try #require(request["body"] as? [String: Any])
        #expect(event["specversion"] as? String == "1.0")
        #expect(event["id"] as? String == request["id"] as? String)
        #expect(event["type"] as? String == "vn.cdt.notification.message.v1")
        #expect(event["time"] as? String == "2024-11-04T01:00:00.000Z")
        let data = try #require(event["data"] as? [String: Any])
        #expect(data["title"] as? String == "Nhắc nộp báo cáo")
        #expect((data["subjects"] as? [[String: String]])?.first?["obligation"] == "obligations/1")
        // Every try says the same, under the same id.
        let bodies = requests.compactMap { $0["body"] as? NSDictionary }
        #expect(bodies.count == 2)
        #expect(bodies[0] == bodies[1])
    }

    @Test func anotherEndpointsSecretDoesNotVerify() async throws {
        let peer = try PythonPeer("webhook_peer.py", [signer.shownSecret(endpoint: "endpoint-2")])
        let sender = WebhookSender(WebhookSettings(signer: signer, allowPrivate: true))
        _ = sender.send(try webhook("http://127.0.0.1:\(try await peer.port())/ok"))
        #expect(try await peer.lines(2)[1]["valid"] as? Bool == false)
    }

    @Test func answersAreToldApart() async throws {
        let peer = try PythonPeer("webhook_peer.py", [signer.shownSecret(endpoint: "endpoint-1")])
        let sender = WebhookSender(WebhookSettings(signer: signer, allowPrivate: true, timeout: .seconds(60)))
        let url = "http://127.0.0.1:\(try await peer.port())"
        let busy = sender.send(try webhook(url + "/busy"))
        #expect(busy.kind == .transient)
        #expect(busy.retryAfter == .seconds(7))
        // As a date: ten minutes from when the peer answered, less what the answer took to be read.
        let later = try #require(sender.send(try webhook(url + "/later")).retryAfter)
        #expect((.seconds(1)...(.seconds(601))).contains(later), "\(later)")
        let moved = sender.send(try webhook(url + "/moved"))
        #expect(moved.failure == .redirect)
        #expect(sender.send(try webhook(url + "/gone")).failure == .invalidRecipient)
        #expect(sender.send(try webhook(url + "/odd")).failure == .contentRefused)
        let hasty = WebhookSender(WebhookSettings(signer: signer, allowPrivate: true, timeout: .seconds(1)))
        #expect(hasty.send(try webhook(url + "/slow")).kind == .ambiguous)
        // The redirect was not followed.
        #expect(try await peer.lines(7).count == 7)
    }

    @Test(arguments: [
        "https://127.0.0.1/x", "https://localhost/x", "https://[::1]/x", "https://169.254.169.254/latest",
    ])
    func privateAddressesNeedTheOperatorsWord(url: String) throws {
        let outcome = WebhookSender(WebhookSettings(signer: signer)).send(try webhook(url))
        #expect(outcome.kind == .permanent)
        #expect(outcome.failure == .addressBlocked)
    }
}
