import Testing

@testable import Notification

@Suite struct SMSTextTests {
    /// The codes of the default alphabet that are not those of ASCII, as the Unicode Consortium publishes them
    /// (MAPPINGS/ETSI/GSM0338.TXT, after 3GPP TS 23.038).
    private static let published: [(Int, UInt32)] = [
        (0x00, 0x0040), (0x01, 0x00A3), (0x02, 0x0024), (0x03, 0x00A5), (0x04, 0x00E8), (0x05, 0x00E9),
        (0x06, 0x00F9), (0x07, 0x00EC), (0x08, 0x00F2), (0x09, 0x00C7), (0x0A, 0x000A), (0x0B, 0x00D8),
        (0x0C, 0x00F8), (0x0D, 0x000D), (0x0E, 0x00C5), (0x0F, 0x00E5), (0x10, 0x0394), (0x11, 0x005F),
        (0x12, 0x03A6), (0x13, 0x0393), (0x14, 0x039B), (0x15, 0x03A9), (0x16, 0x03A0), (0x17, 0x03A8),
        (0x18, 0x03A3), (0x19, 0x0398), (0x1A, 0x039E), (0x1C, 0x00C6), (0x1D, 0x00E6), (0x1E, 0x00DF),
        (0x1F, 0x00C9), (0x24, 0x00A4), (0x40, 0x00A1), (0x5B, 0x00C4), (0x5C, 0x00D6), (0x5D, 0x00D1),
        (0x5E, 0x00DC), (0x5F, 0x00A7), (0x60, 0x00BF), (0x7B, 0x00E4), (0x7C, 0x00F6), (0x7D, 0x00F1),
        (0x7E, 0x00FC), (0x7F, 0x00E0),
    ]

    @Test func theAlphabetIsThePublishedOne() {
        #expect(GSMAlphabet.basic.count == 128)
        let special = Dictionary(uniqueKeysWithValues: Self.published)
        for (code, scalar) in GSMAlphabet.basic.enumerated() where code != 0x1B {
            #expect(scalar.value == special[code] ?? UInt32(code), "code \(code)")
        }
        for scalar in GSMAlphabet.basic where scalar != "\u{1B}" { #expect(GSMAlphabet.septets(of: scalar) == 1) }
        let extended: [UInt32] = [0x0C, 0x5E, 0x7B, 0x7D, 0x5C, 0x5B, 0x7E, 0x5D, 0x7C, 0x20AC]
        #expect(Set(GSMAlphabet.extended.map(\.value)) == Set(extended))
        #expect(GSMAlphabet.extended.allSatisfy { GSMAlphabet.septets(of: $0) == 2 })
        #expect(GSMAlphabet.septets(of: "\u{1B}") == nil)
        #expect(GSMAlphabet.septets(of: "`") == nil)
        #expect(GSMAlphabet.septets(of: "ạ") == nil)
    }

    /// 3GPP TS 23.040: 160 and 153 septets, 70 and 67 UCS-2 units.
    @Test(
        arguments: [
            ("a", 0, 1, 1), ("a", 160, 1, 1), ("a", 161, 2, 1), ("a", 306, 2, 1), ("a", 307, 3, 1), ("a", 459, 3, 1),
            ("a", 460, 4, 1), ("€", 80, 1, 1), ("€", 81, 2, 1),
            // Two septets each, and 153 is odd: 76 fit into a part, and one septet stays empty.
            ("€", 152, 2, 1), ("€", 153, 3, 1),
            ("ế", 70, 1, 2), ("ế", 71, 2, 2), ("ế", 134, 2, 2), ("ế", 135, 3, 2), ("ế", 201, 3, 2), ("ế", 202, 4, 2),
            // A surrogate pair each: 33 fit into a part.
            ("😀", 35, 1, 2), ("😀", 36, 2, 2), ("😀", 66, 2, 2), ("😀", 67, 3, 2),
        ])
    func segmentsAreCountedAsCharged(character: String, count: Int, segments: Int, encoding: Int) {
        let sms = SMSText(String(repeating: character, count: count), accented: true)
        #expect(sms.segments == segments)
        #expect(sms.encoding.rawValue == encoding)
    }

    @Test func anEscapedCharacterIsNotTornApart() {
        // 152 septets, a character of two, and the rest: the pair goes into the next part.
        let text = String(repeating: "a", count: 152) + "€" + String(repeating: "b", count: 151)
        #expect(SMSText(text, accented: true).segments == 2)
        #expect(SMSText(text + "c", accented: true).segments == 3)
    }

    @Test func vietnameseIsSentWithoutMarksUnlessAskedFor() {
        let text = "Kính gửi ông/bà Đặng Thị Ước: chưa nhận được báo cáo tháng 10/2024 – hạn “05/11/2024”…"
        let plain = SMSText(text, accented: false)
        #expect(
            plain.text == "Kinh gui ong/ba Dang Thi Uoc: chua nhan duoc bao cao thang 10/2024 - han \"05/11/2024\"...")
        #expect(plain.encoding == .gsm7)
        #expect(plain.segments == 1)
        let accented = SMSText(text, accented: true)
        #expect(accented.text == text)
        #expect(accented.encoding == .ucs2)
        #expect(accented.segments == 2)
        // However it was typed.
        for spelling in ["\u{1EBF}", "\u{EA}\u{301}", "e\u{302}\u{301}"] {
            #expect(SMSText(spelling, accented: false).text == "e")
            #expect(SMSText(String(repeating: spelling, count: 70), accented: true).segments == 1)
        }
        // What cannot be written with 7 bits is kept, and counted for what it is.
        #expect(SMSText("日 bản", accented: false).text == "日 ban")
        #expect(SMSText("日 bản", accented: false).encoding == .ucs2)
    }

    @Test(
        arguments: [
            ("0912345678", "84912345678"), ("+84 912 345 678", "84912345678"), ("84.912.345.678", "84912345678"),
            ("(0084)388123456", "84388123456"), ("0912-345-678", "84912345678"),
        ])
    func mobileNumbersAreReadAsPeopleWriteThem(text: String, international: String) throws {
        let phone = try #require(PhoneNumber(text))
        #expect(phone.international == international)
        #expect(phone.national == "0" + international.dropFirst(2))
        #expect(!phone.masked.contains(phone.national.dropFirst(3).prefix(4)))
    }

    @Test(arguments: [
        "", "02438123456", "0112345678", "091234567", "09123456789", "0912345678;1", "1+0912345678", "+1 202 555 0100",
    ])
    func whatIsNoMobileNumberIsRefused(text: String) { #expect(PhoneNumber(text) == nil) }
}
