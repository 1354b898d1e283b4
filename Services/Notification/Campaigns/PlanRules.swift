/// How long messages take, as functions over numbers.
enum PlanRules {
    /// What an account of a channel carries.
    struct Load: Sendable, Hashable {
        var messages: Int
        /// Nil: as many as the rate allows.
        var perDay: Int?
        var ratePerSecond: Double
        /// Seconds of a day in which it sends.
        var openSeconds = 86_400

        /// Messages that it can send on one whole day.
        var capacity: Int { max(1, min(perDay ?? .max, Int((ratePerSecond * Double(openSeconds)).rounded(.down)))) }
    }

    /// Local days, the first one fresh: 457,820 at 5,000 a day are 92.
    static func days(_ load: Load) -> Int { load.messages.dividedUp(by: load.capacity) }

    /// Accounts work side by side, so the slowest decides: 34 provincial accounts are as slow as the largest province.
    static func days(_ loads: [Load]) -> Int { loads.map(days).max() ?? 0 }

    /// Days if all accounts with a quota carried equally much, to one decimal: what one would hope for, beside what the
    /// largest one needs.
    static func averageDays(_ loads: [Load]) -> Double {
        let limited = loads.filter { $0.perDay != nil }
        let perDay = limited.reduce(0) { $0 + $1.capacity }
        guard perDay > 0 else { return 0 }
        let messages = limited.reduce(0) { $0 + $1.messages }
        return (Double(messages) / Double(perDay) * 10).rounded() / 10
    }

    /// Whole seconds at the rate, rounded up.
    static func seconds(_ load: Load) -> Int { Int((Double(load.messages) / load.ratePerSecond).rounded(.up)) }
}

extension Int {
    func dividedUp(by divisor: Int) -> Int { self <= 0 ? 0 : (self - 1) / divisor + 1 }
}

/// Another way to tell the same people; raw values are those of the contract's `ProposalKind`.
struct PlanProposal: Sendable, Hashable {
    enum Kind: Int, Sendable, Hashable {
        case leadersOnly = 1
        case groupMessages = 2
        case provincialAccounts = 3
    }

    var kind: Kind
    var messages: Int
    var days: Int

    var text: String {
        switch kind {
        case .leadersOnly: "tell the \(messages) leaders, who pass it on: \(days) days"
        case .groupMessages: "one message into the Zalo group of each of \(messages) communes: \(days) days"
        case .provincialAccounts: "an account of its own for each province: \(days) days"
        }
    }

    var textVi: String {
        switch kind {
        case .leadersOnly: "chỉ gửi cho \(messages) tổ trưởng để truyền đạt lại: \(days) ngày"
        case .groupMessages: "gửi một tin vào nhóm Zalo của mỗi xã, gồm \(messages) xã: \(days) ngày"
        case .provincialAccounts: "mỗi tỉnh dùng một tài khoản riêng: \(days) ngày"
        }
    }
}
