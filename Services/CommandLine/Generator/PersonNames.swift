/// Invented persons: names as they are spread over the provinces. No list of real people is behind them.
struct PersonNames {
    /// Family names of the Kinh, the majority everywhere, by rough frequency.
    private static let kinh = WeightedTable([
        ("Nguyễn", 34), ("Trần", 11), ("Lê", 9), ("Phạm", 7), ("Hoàng", 4), ("Huỳnh", 3), ("Phan", 4), ("Vũ", 3),
        ("Võ", 3), ("Đặng", 2), ("Bùi", 2), ("Đỗ", 2), ("Hồ", 1), ("Ngô", 1), ("Dương", 1), ("Lý", 1), ("Đinh", 1),
        ("Trương", 1), ("Mai", 1), ("Cao", 1), ("Tạ", 1), ("Lưu", 1),
    ])
    private static let tay = WeightedTable([
        ("Nông", 5), ("Hoàng", 5), ("Triệu", 3), ("Lương", 3), ("Ma", 2), ("Bế", 2), ("Hà", 2), ("Lý", 2), ("Vi", 2),
        ("Đặng", 1), ("Bàn", 1),
    ])
    private static let thai = WeightedTable([
        ("Lò", 7), ("Quàng", 4), ("Lường", 4), ("Cà", 3), ("Tòng", 2), ("Vàng", 3), ("Giàng", 3), ("Sùng", 2),
        ("Mùa", 2), ("Thào", 2), ("Hạng", 1),
    ])
    private static let khmer = WeightedTable([
        ("Thạch", 4), ("Sơn", 3), ("Kim", 2), ("Danh", 3), ("Châu", 2), ("Lâm", 2),
    ])
    private static let ede = ["Niê", "Êban", "Mlô", "Kbuôr", "Ayun", "Ksor", "Rơ Châm", "Siu"]

    /// The second people of a province and its share of the names.
    private static let mixes: [String: (WeightedTable<String>, Double)] = [
        "02": (tay, 0.5), "04": (tay, 0.75), "06": (tay, 0.7), "08": (tay, 0.45), "19": (tay, 0.25), "20": (tay, 0.7),
        "10": (thai, 0.5), "11": (thai, 0.75), "12": (thai, 0.75), "14": (thai, 0.7), "15": (thai, 0.4),
        "84": (khmer, 0.3), "86": (khmer, 0.15), "91": (khmer, 0.1), "92": (khmer, 0.1), "94": (khmer, 0.3),
        "96": (khmer, 0.08),
    ]
    /// Share of Tây Nguyên names, which put the given name first: H' for women, Y for men.
    private static let highland: [String: Double] = [
        "51": 0.2, "52": 0.25, "62": 0.4, "64": 0.4, "66": 0.3, "67": 0.2, "68": 0.12,
    ]

    private static let middleOfMen = words(
        "Văn Hữu Đức Quang Minh Công Ngọc Xuân Đình Thanh Trọng Bá Duy Tiến Hồng Quốc")
    private static let middleOfWomen = words("Thị Thị Thị Thị Ngọc Thu Thanh Kim Bích Hồng Minh Mai Phương Thùy")
    private static let givenOfMen = words(
        """
        Anh Bình Chiến Cường Dũng Đạt Đông Giang Hải Hào Hậu Hiếu Hòa Hoàng Hùng Huy Hưng Khánh Khoa Kiên Lâm Long Lợi \
        Mạnh Minh Nam Nghĩa Phong Phú Phúc Quân Quang Quyết Sơn Tài Tâm Thành Thắng Thiện Thịnh Thọ Thủy Tiến Toàn \
        Trung Trường Tú Tuấn Tùng Vinh Vũ Ý
        """)
    private static let givenOfWomen = words(
        """
        An Anh Bích Chi Cúc Diệp Dung Duyên Đào Giang Hà Hạnh Hằng Hiền Hoa Hòa Hồng Huệ Hương Huyền Khánh Lan Liên \
        Linh Loan Ly Mai Minh My Nga Ngân Ngọc Nhung Nụ Oanh Phương Quỳnh Tâm Thảo Thanh Thoa Thơm Thu Thúy Thủy Thư \
        Trang Trinh Tuyết Uyên Vân Xuân Yến
        """)

    private let highlandShare: Double
    private let second: (table: WeightedTable<String>, share: Double)?

    init(provinceCode: String) {
        highlandShare = Self.highland[provinceCode] ?? 0
        second = Self.mixes[provinceCode]
    }

    func fullName(female: Bool, _ random: inout SeededRandom) -> String {
        let given = female ? Self.givenOfWomen : Self.givenOfMen
        if highlandShare > 0, random.chance(highlandShare) {
            let first = random.pick(given)
            return "\(female ? "H'" : "Y ")\(first) \(random.pick(Self.ede))"
        }
        var families = Self.kinh
        if let second, random.chance(second.share) { families = second.table }
        let family = random.pick(families)
        let middle = random.pick(female ? Self.middleOfWomen : Self.middleOfMen)
        return "\(family) \(middle) \(random.pick(given))"
    }

    private static func words(_ text: String) -> [String] { text.split(separator: " ").map(String.init) }
}
