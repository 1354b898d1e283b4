/// Why nothing, or less, is due. "Every reason that applies is returned, in this order."
package enum RefusalReason: Int, Sendable, Hashable, CaseIterable, Comparable {
    case outOfPeriod = 1
    case levelNotCovered = 2
    case notEstablished = 3
    case notEnrolled = 4
    case outOfTerritory = 5
    case notActive = 6
    case lateClaim = 7
    case notStackable = 8
    case cap = 9
    case reportNotApproved = 10

    package static func < (a: RefusalReason, b: RefusalReason) -> Bool { a.rawValue < b.rawValue }

    package var label: String {
        switch self {
        case .outOfPeriod: "OUT_OF_PERIOD"
        case .levelNotCovered: "LEVEL_NOT_COVERED"
        case .notEstablished: "NOT_ESTABLISHED"
        case .notEnrolled: "NOT_ENROLLED"
        case .outOfTerritory: "OUT_OF_TERRITORY"
        case .notActive: "NOT_ACTIVE"
        case .lateClaim: "LATE_CLAIM"
        case .notStackable: "NOT_STACKABLE"
        case .cap: "CAP"
        case .reportNotApproved: "REPORT_NOT_APPROVED"
        }
    }
}

/// A set of reasons in one integer, as lines are stored; read out in the order of the rule.
package struct RefusalReasons: OptionSet, Sendable, Hashable {
    package let rawValue: UInt16
    package init(rawValue: UInt16) { self.rawValue = rawValue }
    package init(_ reason: RefusalReason) { rawValue = 1 << UInt16(reason.rawValue) }

    package func contains(_ reason: RefusalReason) -> Bool { contains(RefusalReasons(reason)) }
    package mutating func insert(_ reason: RefusalReason) { formUnion(RefusalReasons(reason)) }

    package var ordered: [RefusalReason] { RefusalReason.allCases.filter { contains($0) } }
}
