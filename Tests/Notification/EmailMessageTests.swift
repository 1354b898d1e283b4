import Foundation
import ServiceKit
import TestSupport
import Testing

@testable import Notification

@Suite struct EmailMessageTests {
    private static let texts = [
        "Kính gửi ông Nguyễn Văn Ất,\n\nTổ công nghệ số cộng đồng thôn Đông Hòa chưa nộp báo cáo tháng 10/2024.\n",
        "plain ASCII\nwith a blank at the end \n.\n..two dots\nFrom here\n", "=3D equals= and tabs\t\n",
        String(repeating: "Một dòng rất dài không xuống dòng, ", count: 60), "không có dấu xuống dòng ở cuối", "\n\n\n",
        "🙂 người dùng 𠀀 ngoài BMP\n",
    ]

    private func message(_ subject: String, _ text: String, name: String = "Trần Thị Bình") throws -> EmailMessage {
        EmailMessage(
            from: try #require(Mailbox(displayName: "Sở TT&TT, Hà Tĩnh", address: "nhac-viec@example.vn")),
            to: try #require(Mailbox(displayName: name, address: "binh@example.vn")), subject: subject, text: text,
            messageID: "0192@example.vn", date: World.now, language: .vietnamese)
    }

    /// What Python's email package makes of the bytes.
    private func parsed(_ bytes: [UInt8]) async throws -> [String: String] {
        let script = """
            import email, email.policy, email.utils, json, sys
            m = email.message_from_bytes(open(sys.argv[1], "rb").read(), policy=email.policy.default)
            a = m["To"].addresses[0]; f = m["From"].addresses[0]
            print(json.dumps({"subject": m["Subject"], "text": m.get_content(), "name": a.display_name,
                "address": a.addr_spec, "sender": f.display_name, "id": m["Message-ID"],
                "date": email.utils.parsedate_to_datetime(m["Date"]).isoformat(),
                "defects": str(m.defects + [d for h in m.values() for d in h.defects])}))
            """
        let folder = try ScratchFolder()
        try Data(bytes).write(to: URL(fileURLWithPath: folder.path("mail")))
        let read = try await ChildProcess.run(["python3", "-c", script, folder.path("mail")])
        let object = try JSONSerialization.jsonObject(with: Data(read.output.utf8)) as? [String: String]
        return try #require(object, "\(read.errors)")
    }

    @Test(arguments: texts)
    func pythonReadsBackWhatWasWritten(text: String) async throws {
        let subject =
            "Nhắc nộp báo cáo tháng 10/2024 của Tổ công nghệ số cộng đồng thôn Đông Hòa, xã Cẩm Duệ, hạn 05/11/2024"
        let bytes = try #require(try message(subject, text).bytes())
        let read = try await parsed(bytes)
        #expect(read["subject"] == subject)
        // A text part ends with a line end.
        #expect(read["text"]?.replacing("\r\n", with: "\n") == (text.hasSuffix("\n") ? text : text + "\n"))
        #expect(read["name"] == "Trần Thị Bình")
        #expect(read["address"] == "binh@example.vn")
        #expect(read["sender"] == "Sở TT&TT, Hà Tĩnh")
        #expect(read["id"] == "<0192@example.vn>")
        #expect(read["date"] == "2024-11-04T08:00:00+07:00")
        #expect(read["defects"] == "[]")
    }

    @Test(arguments: texts)
    func linesAreShortAsciiWithCRLF(text: String) throws {
        let bytes = try #require(try message(String(repeating: "Tổ công nghệ số ", count: 12), text).bytes())
        var previous: UInt8 = 0
        for byte in bytes {
            #expect(byte < 0x80)
            if byte == 10 { #expect(previous == 13) }
            if previous == 13 { #expect(byte == 10) }
            previous = byte
        }
        for line in String(decoding: bytes, as: UTF8.self).components(separatedBy: "\r\n") {
            #expect(line.utf8.count <= 76)
        }
    }

    @Test(arguments: ["a\r\nBcc: spy@example.vn", "a\nb", "a\u{0}b", "a\u{85}b", "a\u{2029}b"])
    func nothingBreaksOutOfAHeader(value: String) throws {
        #expect(try message(value, "x").bytes() == nil)
        #expect(try message("x", "x", name: value).bytes() == nil)
    }

    @Test(
        arguments: [
            "", "a", "a@", "@b.vn", "a b@c.vn", "a@b@c.vn", "<a@b.vn>", "a@b.vn>", "a@b.vn\r\nRCPT TO:<x@y.vn>",
            ".a@b.vn",
            "a..b@c.vn", "a@-b.vn", "a@b..vn", "ă@b.vn", "a@b.vn,c@d.vn", "\"a\"@b.vn",
        ])
    func addressesThatCannotBeRightAreRefused(address: String) { #expect(Mailbox(address: address) == nil) }

    @Test func addressesAreTakenAndMasked() throws {
        for address in ["a@b.vn", "nguyen.van+x@mail.example.vn", "to_1@localhost", "o'neil@example.com"] {
            #expect(Mailbox(address: address)?.address == address)
        }
        #expect(Mailbox(address: "nguyen@example.vn")?.masked == "n…@example.vn")
        #expect(Mailbox(parsing: "Nhắc việc <nhac@example.vn>")?.displayName == "Nhắc việc")
        #expect(Mailbox(parsing: "\"Sở, ban\" <nhac@example.vn>")?.displayName == "Sở, ban")
        #expect(Mailbox(parsing: "nhac@example.vn")?.displayName == "")
        #expect(Mailbox(parsing: "Nhắc <nhac>") == nil)
    }
}
