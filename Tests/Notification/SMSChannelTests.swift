import Foundation
import ServiceKit
import TestSupport
import Testing

@testable import Notification

/// The SMS connector with the example profile, against a stand-in for the gateway.
@Suite(.ownThread, .timeLimit(.minutes(10))) struct SMSChannelTests {
    private func message(_ phone: String, text: String = "Nhắc nộp báo cáo", accented: Bool = false) throws
        -> OutgoingMessage
    {
        OutgoingMessage(
            campaign: "campaigns/1", deliveryID: UUIDv8.named(phone, in: "test"), recipient: "people/1",
            recipientName: "Trần Thị Bình", address: .phone(try #require(PhoneNumber(phone))), language: .vietnamese,
            message: RenderedMessage(sms: SMSText(text, accented: accented)), subjects: [], createdAt: World.now,
            now: World.now)
    }

    @Test func aMessageIsTakenWithItsIdSegmentsAndPrice() async throws {
        let gateway = try await StandIn("sms_peer.py", StandIn.smsOptions())
        let sender = SMSSender(try gateway.smsProfile())
        let outcome = sender.send(try message("0912345678", text: "Báo cáo \"tháng 10\"\n\\ {đ}"))
        #expect(outcome.kind == .accepted)
        #expect(outcome.providerID == "9000000000000000001")
        #expect(outcome.cost == 350)
        #expect(sender.send(try message("0912345679", text: "Báo cáo tháng mười", accented: true)).kind == .accepted)
        let lines = try await gateway.process.lines(3).dropFirst()
        let first = try #require(lines.first)
        #expect(first["to"] as? String == "84912345678")
        #expect(first["content"] as? String == "Bao cao \"thang 10\"\n\\ {d}")
        #expect(first["unicode"] as? String == "0")
        #expect(first["type"] as? String == "2")
        #expect(first["key"] as? String == UUIDv8.named("0912345678", in: "test").description)
        #expect(lines.last?["content"] as? String == "Báo cáo tháng mười")
        #expect(lines.last?["unicode"] as? String == "1")
    }

    @Test(
        arguments: [
            ("0912345691", SendOutcome.Kind.permanent, FailureClass.invalidRecipient, 108),
            ("0912345692", .ambiguous, .unconfirmed, 0), ("0912345693", .ambiguous, .unconfirmed, 500),
            ("0912345694", .transient, .temporary, 503), ("0912345695", .ambiguous, .unconfirmed, 777),
            ("0912345696", .permanent, .contentRefused, 146),
        ])
    func answersAreToldApart(phone: String, kind: SendOutcome.Kind, failure: FailureClass, code: Int) async throws {
        let gateway = try await StandIn("sms_peer.py", StandIn.smsOptions(["silence": 90]))
        let sender = SMSSender(try gateway.smsProfile())
        let outcome = sender.send(try message(phone))
        #expect(outcome.kind == kind)
        #expect(outcome.failure == failure)
        #expect(outcome.replyCode == code)
        #expect(!outcome.detail.contains(phone.dropFirst()), "\(outcome.detail)")
        #expect(outcome.cost == (kind == .ambiguous ? 350 : 0))
        // The next message is not harmed.
        #expect(sender.send(try message("0912345678")).kind == .accepted)
    }

    @Test func whatConcernsAllMessagesIsSaid() async throws {
        let gateway = try await StandIn("sms_peer.py", StandIn.smsOptions())
        var settings = try gateway.smsProfile()
        settings.secrets["api_key"] = "wrong"
        let refused = SMSSender(settings).send(try message("0912345678"))
        #expect(refused.kind == .transient)
        #expect(refused.failure == .configuration)
        #expect(refused.concernsProvider)
        let nowhere = SMSSender(try gateway.smsProfile { $0.url = "http://127.0.0.1:1/send" })
            .send(try message("0912345678"))
        #expect(nowhere.kind == .transient)
        #expect(nowhere.failure == .connection)
        #expect(nowhere.concernsProvider)
        #expect(try gateway.report().messages.isEmpty)
    }

    @Test func aFormArrivesAsItWasFilled() async throws {
        let gateway = try await StandIn("sms_peer.py", StandIn.smsOptions())
        let settings = try gateway.smsProfile { profile in
            profile.json = nil
            profile.form = [
                "ApiKey": "{{api_key}}", "SecretKey": "{{secret_key}}", "Brandname": "{{brandname}}", "SmsType": "2",
                "Phone": "{{phone}}", "Content": "{{text}}", "IsUnicode": "{{unicode}}", "RequestId": "{{id}}",
            ]
            profile.phone = .national
        }
        let text = "Đủ 100% & hơn = tốt + vui?"
        #expect(SMSSender(settings).send(try message("0912345678", text: text, accented: true)).kind == .accepted)
        let line = try await gateway.process.lines(2)[1]
        #expect(line["content"] as? String == text)
        #expect(line["to"] as? String == "0912345678")
    }

    @Test func aSecondTryIsRecognisedByAGatewayThatDoes() async throws {
        let gateway = try await StandIn("sms_peer.py", StandIn.smsOptions(["deduplicate": true]))
        let sender = SMSSender(try gateway.smsProfile())
        #expect(sender.recognisesRepeats)
        for _ in 1...2 { #expect(sender.send(try message("0912345678")).kind == .accepted) }
        let report = try gateway.report()
        #expect(report.messages.count == 1)
        #expect(report.duplicates == 1)
    }

    @Test func theExampleProfileIsValidAndABadOneIsExplained() throws {
        var profile = try JSONDecoder().decode(SMSProfile.self, from: Data(ExampleFiles.text("sms-esms.json").utf8))
        #expect(profile.problems() == [])
        profile.url = "ftp://gateway"
        profile.form = ["x": "{{unknown}}"]
        profile.quietHours = "22-6"
        profile.reply.codes["100"] = .temporary
        profile.reply.codes["124"] = .temporary
        let problems = profile.problems()
        for field in ["url", "json, form", "quiet_hours", "reply.codes", "form.x: {{unknown}}"] {
            #expect(problems.contains { $0.hasPrefix(field) }, "\(field) in \(problems)")
        }
    }
}
