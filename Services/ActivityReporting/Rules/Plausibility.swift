import Crypto
import ServiceKit
import Shared
import SwiftProtobuf

/// What makes a report look odd: "copied narratives, implausible counts, stocks that fall: flagged with the reason,
/// never dropped".
package enum Plausibility {
    /// People whom one person can help on one day of going from door to door, and a whole team.
    private static let aDay = (member: Int64(100), team: Int64(500))
    /// Shorter narratives are alike by chance: "Không có khó khăn".
    private static let shortestNarrative = 40

    /// What two narratives that are the same have in common; nil for short ones.
    package static func fingerprint(_ narrative: String) -> [UInt8]? {
        let folded = TextFolding.fold(narrative)
        return folded.count < shortestNarrative ? nil : Array(SHA256.hash(data: Array(folded.utf8)))
    }

    /// - Parameters:
    ///   - activeDays: of the subject in the period.
    ///   - lastStock: the subject's value of a stock before the period.
    ///   - sameNarrative: the report of another subject with the same narrative.
    ///   - unknown: the platforms named that are not in the catalogue of the team's units.
    package static func flags(
        of report: Cdt_Activity_V1_Report, activeDays: Int, lastStock: (String) throws -> Int64?,
        sameNarrative: String?, unknown: Set<String> = []
    ) rethrows -> [Cdt_Activity_V1_ReportFlag] {
        var flags: [Cdt_Activity_V1_ReportFlag] = []
        func flag(
            _ concern: Cdt_Activity_V1_ReportConcern, _ field: String, _ why: String, vi: String, other: String = ""
        ) {
            flags.append(
                .with {
                    $0.concern = concern
                    $0.field = field
                    $0.description_p = why
                    $0.descriptionVi = vi
                    $0.otherReport = other
                })
        }
        if let sameNarrative {
            flag(
                .copiedNarrative, "narrative", "the narrative is the same as that of \(sameNarrative)",
                vi: "phần thuyết minh trùng với \(sameNarrative)", other: sameNarrative)
        }
        let most = Int64(max(activeDays, 1)) * (report.person.isEmpty ? aDay.team : aDay.member)
        let helped = report.helped
        if helped > most {
            flag(
                .implausibleCount, "activities",
                "\(helped) times helped on \(activeDays) days; more than \(most) is unusual",
                vi: "\(helped) lượt hỗ trợ trong \(activeDays) ngày; trên \(most) là bất thường")
        }
        for (i, activity) in report.activities.enumerated() where unknown.contains(activity.platform) {
            flag(
                .unknownPlatform, "activities[\(i)].platform",
                "\(activity.platform) is not in the catalogue of platforms; enter it there, or name one that is",
                vi: "\(activity.platform) không có trong danh mục; hãy bổ sung danh mục hoặc chọn nền tảng khác")
        }
        for (i, counter) in report.counters.enumerated() {
            if counter.kind == .flow, counter.value > most {
                flag(
                    .implausibleCount, "counters[\(i)].value",
                    "\(counter.value) \(counter.code) on \(activeDays) days; more than \(most) is unusual",
                    vi: "\(counter.value) \(counter.code) trong \(activeDays) ngày; trên \(most) là bất thường")
            }
            if counter.kind == .stock, let last = try lastStock(counter.code), counter.value < last {
                let explained = !counter.explanation.isEmpty
                flag(
                    explained ? .stockFell : .stockFellUnexplained, "counters[\(i)].value",
                    "\(counter.code) fell from \(last) to \(counter.value)"
                        + (explained ? ": \(counter.explanation)" : " and nothing explains it"),
                    vi: "\(counter.code) giảm từ \(last) xuống \(counter.value)"
                        + (explained ? ": \(counter.explanation)" : ", chưa có giải trình"))
            }
        }
        return flags
    }
}
