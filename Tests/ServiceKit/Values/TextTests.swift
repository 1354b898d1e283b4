import Foundation
import Testing

@testable import ServiceKit

@Suite struct TextFoldingTests {
    @Test(arguments: [
        ("Tổ dân phố số 3 (cũ)", "to dan pho so 3 cu"), ("ĐỨC THỌ", "duc tho"), ("Đắk Lắk", "dak lak"),
        ("ĐẮK LẮK", "dak lak"), ("Ðà Nẵng", "da nang"), ("ðồng", "dong"), ("  Hà   Tĩnh  ", "ha tinh"),
        ("Bà Rịa - Vũng Tàu", "ba ria vung tau"), ("Xã Nậm Lúc–Bản Cái", "xa nam luc ban cai"), ("", ""), ("...", ""),
        ("M'Đrắk", "m drak"), ("Nguyễn Thị Ước", "nguyen thi uoc"), ("HƯỚNG HÓA", "huong hoa"),
        ("İstanbul", "istanbul"), ("Ελλάδα", "ελλαδα"), ("Йошкар", "иошкар"), ("ガ", "カ"), ("Å", "a"), ("ＡＢ", "ａｂ"),
        ("a\u{301}\u{323}b", "ab"), ("x²y", "x y"), ("٣", "٣"), ("½", ""), ("\u{301}", ""), ("a\u{0}b", "a b"),
    ])
    func folds(text: String, folded: String) { #expect(TextFolding.fold(text) == folded) }

    @Test func composedAndDecomposedSpellingsFoldAlike() {
        // Every assigned letter below U+3400 and some beyond, against Foundation's decomposition.
        for value in Array(UInt32(0x20)..<0x3400) + Array(0xAC00..<0xAD00) + Array(0xF900..<0xFB50) {
            guard let scalar = Unicode.Scalar(value) else { continue }
            let text = "x" + String(Character(scalar)) + "y"
            #expect(
                TextFolding.fold(text) == TextFolding.fold(text.decomposedStringWithCanonicalMapping),
                "U+\(String(value, radix: 16))")
        }
    }

    @Test func foldingTwiceChangesNothing() {
        for value in UInt32(0x20)..<0x3400 {
            guard let scalar = Unicode.Scalar(value) else { continue }
            let once = TextFolding.fold(String(Character(scalar)))
            #expect(TextFolding.fold(once) == once)
        }
    }

    @Test(arguments: [
        ("ha tinh", "ha tinh", true), ("tinh", "ha tinh", true), ("ti", "ha tinh", true), ("inh", "ha tinh", false),
        ("ha t", "ha tinh", true), ("ha tinh x", "ha tinh", false), ("", "ha tinh", false), ("a", "", false),
        ("ba b", "a ba ba b", true), ("nam dinh", "tinh nam dinh", true), ("dinh nam", "tinh nam dinh", false),
    ])
    func aQueryMatchesAtTheBeginningOfAWord(query: String, name: String, matches: Bool) {
        #expect(TextFolding.matches(foldedQuery: query, foldedName: name) == matches)
    }
}

@Suite struct RatioFormatTests {
    @Test(arguments: [
        (199, 200, "99.50"), (199_999, 200_000, "99.99"), (1, 1_000_000, "0.01"), (0, 5, "0.00"), (5, 5, "100.00"),
        (0, 0, ""), (1, 0, ""), (1, 3, "33.33"), (2, 3, "66.67"), (1, 800, "0.13"), (3, 2, "150.00"),
        (1_000_001, 1_000_000, "100.01"), (22_222, 200_000, "11.11"), (1, 16, "6.25"), (12_345, 100_000, "12.35"),
        (Int.max - 1, Int.max, "99.99"), (-1, 5, ""),
    ])
    func showsTwoDecimals(numerator: Int, denominator: Int, text: String) {
        #expect(RatioFormat.percent(numerator, of: denominator) == text)
    }
}

@Suite struct UniqueIDTests {
    @Test func timeOrderedIdsAscendAlsoWithinAMillisecond() {
        let now = Instant(LocalDate("2096-10-31")!)
        let ids = (0..<10_000).map { _ in UUIDv7.next(at: now) }
        #expect(zip(ids, ids.dropFirst()).allSatisfy { $0 < $1 })
        #expect(zip(ids, ids.dropFirst()).allSatisfy { $0.description < $1.description })
        #expect(ids.allSatisfy { $0.version == 7 && $0.low >> 62 == 2 })
        #expect(ids[0].high >> 16 == UInt64(now.milliseconds))
        #expect(UUIDv7.next(at: Instant(LocalDate("2024-01-01")!)) > ids[9999], "also when the clock steps back")
    }

    @Test func concurrentIdsNeverRepeat() async {
        let ids = await withTaskGroup(of: [UniqueID].self) { group in
            for _ in 0..<8 { group.addTask { (0..<2000).map { _ in UUIDv7.next() } } }
            return await group.reduce(into: Set<UniqueID>()) { $0.formUnion($1) }
        }
        #expect(ids.count == 16_000)
    }

    @Test func textRoundTrips() {
        let id = UniqueID("0192D3A4-5b6c-7def-8123-456789abcdef")
        #expect(id?.description == "0192d3a4-5b6c-7def-8123-456789abcdef")
        #expect(id?.description(after: "teams/") == "teams/0192d3a4-5b6c-7def-8123-456789abcdef")
        #expect(id?.bytes.prefix(3) == [0x01, 0x92, 0xD3] && id?.bytes.last == 0xEF)
        #expect(id.flatMap { UniqueID(bytes: $0.bytes) } == id)
        #expect(UniqueID(bytes: [UInt8](repeating: 0, count: 15)) == nil)
        #expect(UniqueID("0192d3a4-5b6c-7def-8123-456789abcdeđ") == nil)
        #expect(UniqueID("") == nil)
        #expect(UniqueID("0192d3a45b6c7def8123456789abcdef") == nil)
        #expect(UniqueID("0192d3a4-5b6c-7def-8123-456789abcdeg") == nil)
        #expect(UniqueID("0192d3a4-5b6c-7def-8123-456789abcdef0") == nil)
    }

    @Test func namedIdsFollowFromTheName() {
        let id = UUIDv8.named("15:2004-01-01", in: "units")
        #expect(id == UUIDv8.named("15:2004-01-01", in: "units"))
        #expect(id.description == "19b44985-e42a-80f1-8945-a894d4248b5b")
        #expect(id.version == 8)
        #expect(UUIDv8.named("c", in: "ab") != UUIDv8.named("bc", in: "a"))
    }
}
