import ServiceKit
import Testing

@testable import Notification

/// The tables that turn what a provider says into what becomes of a message.
@Suite struct ReplyTests {
    struct Mail: Sendable {
        var phase: SMTPPhase
        var code: Int
        var text = ""
        var bodyHandedOver = false
        var failure: CurlFailure? = .other
        var kind: SendOutcome.Kind
        var failureClass: FailureClass
        var concernsProvider = false
    }

    @Test(
        arguments: [
            Mail(phase: .message, code: 250, failure: nil, kind: .accepted, failureClass: .none),
            // Recipients.
            Mail(
                phase: .recipient, code: 550, text: "5.1.1 no such user", kind: .permanent,
                failureClass: .invalidRecipient),
            Mail(phase: .recipient, code: 550, text: "no such user", kind: .permanent, failureClass: .invalidRecipient),
            Mail(
                phase: .recipient, code: 550, text: "5.7.1 relaying denied", kind: .permanent,
                failureClass: .recipientRefused),
            Mail(
                phase: .recipient, code: 552, text: "5.2.2 over quota", kind: .permanent,
                failureClass: .recipientRefused),
            Mail(phase: .recipient, code: 452, text: "4.2.2 mailbox full", kind: .transient, failureClass: .temporary),
            Mail(phase: .recipient, code: 451, text: "4.7.1 greylisted", kind: .transient, failureClass: .rateLimited),
            Mail(
                phase: .recipient, code: 530, text: "authentication required", kind: .transient,
                failureClass: .configuration, concernsProvider: true),
            // Ours.
            Mail(
                phase: .login, code: 535, text: "5.7.8 bad credentials", failure: .login, kind: .transient,
                failureClass: .configuration, concernsProvider: true),
            Mail(
                phase: .sender, code: 553, text: "5.7.1 not your address", kind: .transient,
                failureClass: .configuration,
                concernsProvider: true),
            Mail(phase: .sender, code: 552, text: "5.3.4 too big", kind: .permanent, failureClass: .contentRefused),
            Mail(
                phase: .greeting, code: 421, text: "4.7.0 too many connections", kind: .transient,
                failureClass: .rateLimited, concernsProvider: true),
            Mail(
                phase: .greeting, code: 554, text: "no service", kind: .transient, failureClass: .configuration,
                concernsProvider: true),
            Mail(
                phase: .greeting, code: 0, failure: .connect, kind: .transient, failureClass: .connection,
                concernsProvider: true),
            Mail(phase: .tls, code: 220, failure: .tls, kind: .transient, failureClass: .tls, concernsProvider: true),
            // The message.
            Mail(phase: .data, code: 554, text: "5.6.0 no", kind: .permanent, failureClass: .contentRefused),
            Mail(
                phase: .message, code: 554, text: "5.7.1 spam", bodyHandedOver: true, kind: .permanent,
                failureClass: .contentRefused),
            Mail(
                phase: .message, code: 451, text: "4.3.0 later", bodyHandedOver: true, kind: .transient,
                failureClass: .temporary),
            // "a timeout after the final dot = AMBIGUOUS": 354 was the last word, or none at all.
            Mail(
                phase: .message, code: 354, bodyHandedOver: true, failure: .timeout, kind: .ambiguous,
                failureClass: .unconfirmed),
            Mail(
                phase: .message, code: 0, bodyHandedOver: true, failure: .other, kind: .ambiguous,
                failureClass: .unconfirmed),
            // Broken in the middle of the body: no final dot, so nothing was taken.
            Mail(phase: .data, code: 354, failure: .other, kind: .transient, failureClass: .connection),
            Mail(phase: .recipient, code: 250, failure: .timeout, kind: .transient, failureClass: .connection),
        ])
    func smtp(row: Mail) {
        let reply = SMTPReply(
            phase: row.phase, code: row.code, text: row.text, bodyHandedOver: row.bodyHandedOver, failure: row.failure)
        #expect(reply.outcome.kind == row.kind)
        #expect(reply.outcome.failure == row.failureClass)
        #expect(reply.outcome.concernsProvider == row.concernsProvider)
    }

    struct Web: Sendable {
        var code: Int
        var failure: CurlFailure?
        var kind: SendOutcome.Kind
        var failureClass: FailureClass
    }

    @Test(
        arguments: [
            Web(code: 200, kind: .accepted, failureClass: .none), Web(code: 204, kind: .accepted, failureClass: .none),
            Web(code: 302, kind: .permanent, failureClass: .redirect),
            Web(code: 400, kind: .permanent, failureClass: .contentRefused),
            Web(code: 401, kind: .transient, failureClass: .configuration),
            Web(code: 404, kind: .permanent, failureClass: .invalidRecipient),
            Web(code: 410, kind: .permanent, failureClass: .invalidRecipient),
            Web(code: 408, kind: .transient, failureClass: .temporary),
            Web(code: 429, kind: .transient, failureClass: .rateLimited),
            Web(code: 500, kind: .transient, failureClass: .temporary),
            Web(code: 503, kind: .transient, failureClass: .temporary),
            Web(code: 0, failure: .connect, kind: .transient, failureClass: .connection),
            Web(code: 0, failure: .tls, kind: .transient, failureClass: .tls),
            Web(code: 0, failure: .timeout, kind: .ambiguous, failureClass: .unconfirmed),
        ])
    func http(row: Web) {
        let outcome = HTTPReply(code: row.code, failure: row.failure).outcome
        #expect(outcome.kind == row.kind)
        #expect(outcome.failure == row.failureClass)
    }

    @Test(
        arguments: [
            ([10, 0, 0, 1], false), ([127, 0, 0, 1], false), ([169, 254, 169, 254], false), ([172, 16, 0, 1], false),
            ([172, 31, 255, 255], false), ([172, 32, 0, 1], true), ([192, 168, 1, 1], false), ([100, 64, 0, 1], false),
            ([100, 128, 0, 1], true), ([0, 0, 0, 0], false), ([224, 0, 0, 1], false), ([255, 255, 255, 255], false),
            ([198, 18, 0, 1], false), ([203, 113, 0, 1], true), ([8, 8, 8, 8], true),
            ([0x20, 1, 0x0D, 0xB8] + zeros(11) + [1], false), (zeros(15) + [1], false), (zeros(16), false),
            ([0xFE, 0x80] + zeros(13) + [1], false), ([0xFD, 0] + zeros(13) + [1], false),
            ([0xFF, 2] + zeros(13) + [1], false), (zeros(10) + [0xFF, 0xFF, 127, 0, 0, 1], false),
            (zeros(10) + [0xFF, 0xFF, 8, 8, 8, 8], true), ([0, 0x64, 0xFF, 0x9B] + zeros(8) + [10, 0, 0, 1], false),
            ([0x20, 2, 192, 168, 0, 1] + zeros(10), false), ([0x20, 1, 0, 0] + zeros(12), false),
            ([0x24, 0x04, 0x68, 0] + zeros(11) + [1], true),
        ] as [([UInt8], Bool)])
    func onlyGloballyReachableAddressesArePublic(bytes: [UInt8], isPublic: Bool) {
        #expect(PublicAddress(bytes: bytes).isPublic == isPublic)
    }

    @Test(
        arguments: [
            ("https://example.vn/hook", "https://example.vn:443/hook"),
            ("https://EXAMPLE.vn", "https://example.vn:443/"),
            ("https://example.vn:8443/a?b=c", "https://example.vn:8443/a?b=c"),
            ("https://[2404:6800::1]/x", "https://[2404:6800::1]:443/x"),
            ("https://8.8.8.8/x", "https://8.8.8.8:443/x"),
            ("http://example.vn/", nil), ("https://user@example.vn/", nil), ("https://example.vn/#x", nil),
            ("https://0x7f.1/", nil), ("https://127.1/", nil), ("https://2130706433/", nil),
            ("https://010.0.0.1/", nil),
            ("https://exa mple.vn/", nil), ("https://example.vn:0/", nil), ("https://example.vn:99999/", nil),
            ("https:///x", nil), ("ftp://example.vn/", nil), ("https://example.vn\\@evil.vn/", nil), ("", nil),
        ] as [(String, String?)])
    func webhookURLsAreReadInOneWayOnly(text: String, read: String?) {
        #expect(WebhookURL(text, allowPrivate: false)?.text == read)
    }

    @Test func plainHTTPNeedsTheOperatorsWord() {
        #expect(WebhookURL("http://127.0.0.1:8080/x", allowPrivate: true)?.text == "http://127.0.0.1:8080/x")
    }
}

private func zeros(_ count: Int) -> [UInt8] { Array(repeating: 0, count: count) }
