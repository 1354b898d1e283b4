import FundingPolicy
import ServiceKit
import Testing

@Suite struct ReceiptTests {
    private static let known = Receipt(
        number: "HD-17", issuer: "Cửa hàng Minh", issuedOn: LocalDate("2024-10-15"), sha256: "AB")

    @Test(arguments: [
        (Receipt(number: "HD-17"), true),
        (Receipt(number: " hd-1 7"), true),
        (Receipt(number: "HD-17", issuer: "cửa hàng  minh"), true),
        (Receipt(number: "HD-17", issuedOn: LocalDate("2024-10-15")), true),
        (Receipt(number: "", sha256: "ab"), true),
        (Receipt(number: "HD-18", sha256: "ab"), true),
        (Receipt(number: "HD-18"), false),
        (Receipt(number: ""), false),
        (Receipt(number: "HD-17", issuer: "Nhà sách"), false),
        (Receipt(number: "HD-17", issuedOn: LocalDate("2024-10-16")), false),
        (Receipt(number: "HD-17", issuer: "Nhà sách", sha256: "cd"), false),
    ])
    func whatTellsReceiptsApart(other: Receipt, isSame: Bool) {
        #expect(Self.known.isSame(as: other) == isSame)
        #expect(other.isSame(as: Self.known) == isSame)
    }
}
