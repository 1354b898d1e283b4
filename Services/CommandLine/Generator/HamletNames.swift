/// Invented hamlets of one commune. No source lists thôn, bản or tổ dân phố nationally, so only the words are real.
struct HamletNames {
    private static let pool = """
        Đồng Tâm|Tân Lập|Hòa Bình|Tiến Thắng|Đoàn Kết|Quyết Tiến|Tân Tiến|Thống Nhất|Trung Tâm|Đông Hà|Tân Sơn|Yên Sơn|\
        Phú Thịnh|Bình Minh|Hợp Thành|Tân Thành|Xuân Hòa|Làng Mới|Cầu Đá|Đồi Chè|Gốc Gạo|Đồng Mon|Khe Cạn|Suối Nhỏ|\
        Nà Lốc|Nà Tấu|Nà Mường|Pác Khuông|Bó Luông|Kéo Lếch|Phiêng Cại|Khuổi Slao|Lũng Vài|Bản Chang|Huổi Khon|\
        Pá Sáng|Hua Nà|Nậm Bay|Co Muông|Noong Luông|An Phú|An Thạnh|Bình Hòa|Bình Thới|Hòa Lợi|Long Thạnh|Mỹ Hòa|\
        Mỹ Thới|Phước Hưng|Phú Lợi|Tân Hòa|Tân Phú|Thạnh Lợi|Thới An|Vĩnh Phước|Trung Hòa|Rạch Giồng|Kinh Mới|Cái Sơn|\
        Bà Bèo|Đông Thành|Tây Thành|Nam Thành|Bắc Thành|Đông Tiến|Xuân Thủy|Phú Hòa|Phú Cường|Sơn Hà|Hải Tân|\
        Diêm Điền|Cồn Nổi|Cửa Lạch|Đồng Muối|Bãi Ngang|Trại Gà|Giếng Làng|Đình Hạ|Đình Thượng|Chùa Cao|Ngõ Đá|\
        Vườn Cam|Đồi Thông|Bến Phà|Đầu Cầu|Chợ Cũ|Ga Mới|Trường Tiểu|Kè Đá|Hồ Sen|Ao Cá|Lò Gạch|Đập Tràn|Cống Ngang|\
        Bờ Đê|Hàng Bàng|Cây Đa|Cây Gạo|Bãi Dâu|Đồng Cỏ
        """.split(separator: "|").map(String.init)

    private let commune: UnitTables.Commune
    private let urban: Bool
    private let order: [String]
    private var used: Set<String> = []

    init(commune: UnitTables.Commune, _ random: inout SeededRandom) {
        self.commune = commune
        urban = commune.kind == "phường" || commune.kind == "thị trấn"
        var order = Self.pool
        random.shuffle(&order)
        self.order = order
    }

    /// The name of the commune's hamlet number `number`, from 1; unique within the commune.
    mutating func name(number: Int, _ random: inout SeededRandom) -> String {
        let term = term(&random)
        let round = (number - 1) / order.count
        var own = order[(number - 1) % order.count] + (round > 0 ? " \(round + 1)" : "")
        if urban || random.chance(0.25) { own = term == "Tổ dân phố" ? "số \(number)" : "\(number)" }
        var name = "\(term) \(own)"
        while !used.insert(name).inserted { name += " A" }
        return name
    }

    /// The word for the smallest unit differs by region, and between town and country.
    private func term(_ random: inout SeededRandom) -> String {
        let province = commune.provinceCode
        let southern = province >= "70"
        if urban {
            switch province {
            case "70", "72", "74", "75", "77", "79", "80": return "Khu phố"
            case "92": return random.chance(0.3) ? "Khóm" : "Khu vực"
            case "82"...: return "Khóm"
            case "40", "48", "49": return "Khối phố"
            case "20": return "Khối"
            default: return "Tổ dân phố"
            }
        }
        if southern { return "Ấp" }
        switch province {
        case "66", "67": return random.chance(0.5) ? "Buôn" : "Thôn"
        case "52", "64": return random.chance(0.5) ? "Làng" : "Thôn"
        case "11", "12", "14": return "Bản"
        case "04", "17", "19", "40": return "Xóm"
        case "10", "15", "38": return random.chance(0.3) ? "Bản" : "Thôn"
        default: return "Thôn"
        }
    }
}
