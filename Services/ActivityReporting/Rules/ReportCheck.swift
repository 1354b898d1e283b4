import ServiceKit
import Shared

/// What can be said of a report without knowing anything else: all violations at once.
package enum ReportCheck {
    static let narrativeLimit = 4_000
    static let listLimit = 200

    package static func violations(
        in submission: Cdt_Activity_V1_ReportSubmission, field root: String, today: LocalDate
    ) -> [Violation] {
        var found: [Violation] = []
        let report = submission.report
        if submission.operationID.isEmpty || submission.operationID.utf8.count > 128 {
            found.append(
                Violation(
                    "\(root).operation_id", "give an id of 1 to 128 characters that names this operation for ever",
                    vi: "cần mã thao tác từ 1 đến 128 ký tự, không dùng lại"))
        }
        if submission.baseVersion < 0 {
            found.append(
                Violation(
                    "\(root).base_version", "give the version that is corrected, or 0 for the first",
                    vi: "cần số phiên bản được sửa, hoặc 0 cho lần đầu"))
        }
        found += subject(of: report, field: "\(root).report")
        found += activities(of: report, field: "\(root).report")
        found += counters(of: report, field: "\(root).report")
        found += texts(of: report, field: "\(root).report")
        found += declaredDay(of: report, field: "\(root).report", today: today)
        return found
    }

    private static func subject(of report: Cdt_Activity_V1_Report, field: String) -> [Violation] {
        var found: [Violation] = []
        if ResourceName.id(report.team, in: "teams") == nil {
            found.append(Violation("\(field).team", "give a team as teams/{id}", vi: "cần tên tổ dạng teams/{id}"))
        }
        if !report.person.isEmpty, ResourceName.id(report.person, in: "people") == nil {
            found.append(
                Violation(
                    "\(field).person", "give a person as people/{id}, or nothing when the team reports",
                    vi: "cần tên thành viên dạng people/{id}, hoặc để trống khi cả tổ báo cáo"))
        }
        if Month(report.period) == nil {
            found.append(Violation("\(field).period", "give a month as YYYY-MM", vi: "cần tháng dạng YYYY-MM"))
        }
        return found
    }

    private static func activities(of report: Cdt_Activity_V1_Report, field: String) -> [Violation] {
        var found = tooMany(report.activities.count, "\(field).activities")
        for (i, activity) in report.activities.enumerated() {
            let field = "\(field).activities[\(i)]"
            found += unknown(activity.skill, "\(field).skill")
            found += unknown(activity.beneficiary, "\(field).beneficiary")
            found += unknown(activity.channel, "\(field).channel")
            if activity.count <= 0 || activity.count > 10_000_000 {
                found.append(
                    Violation(
                        "\(field).count", "give a count from 1 to 10,000,000", vi: "cần số lượt từ 1 đến 10.000.000"))
            }
            if activity.skill == .localPlatform, activity.platform.isEmpty {
                found.append(
                    Violation(
                        "\(field).platform", "name the platform when the skill is LOCAL_PLATFORM",
                        vi: "cần tên nền tảng khi kỹ năng là nền tảng số của địa phương"))
            }
            if activity.platform.utf8.count > 128 {
                found.append(Violation("\(field).platform", "at most 128 bytes", vi: "tối đa 128 byte"))
            }
        }
        return found
    }

    private static func counters(of report: Cdt_Activity_V1_Report, field: String) -> [Violation] {
        var found = tooMany(report.counters.count, "\(field).counters")
        var seen: Set<String> = []
        for (i, counter) in report.counters.enumerated() {
            let field = "\(field).counters[\(i)]"
            found += unknown(counter.kind, "\(field).kind")
            if !isCode(counter.code) {
                found.append(
                    Violation(
                        "\(field).code", "give 1 to 64 of a-z, 0-9 and underscore",
                        vi: "cần 1 đến 64 ký tự a-z, 0-9 và gạch dưới"))
            } else if !seen.insert(counter.code).inserted {
                found.append(
                    Violation("\(field).code", "each counter once only", vi: "mỗi chỉ tiêu chỉ ghi một lần"))
            }
            // Of every member in every month for decades, the sum still fits 64 bits.
            if !(0...10_000_000_000).contains(counter.value) {
                found.append(
                    Violation(
                        "\(field).value", "give a value from 0 to 10,000,000,000",
                        vi: "cần giá trị từ 0 đến 10.000.000.000"))
            }
            if counter.explanation.count > narrativeLimit {
                found.append(tooLong("\(field).explanation"))
            }
            if case .UNRECOGNIZED = counter.qualifier { found += unrecognised("\(field).qualifier") }
        }
        return found
    }

    private static func texts(of report: Cdt_Activity_V1_Report, field: String) -> [Violation] {
        var found = tooMany(report.difficulties.count, "\(field).difficulties")
        for (i, difficulty) in report.difficulties.enumerated() {
            let field = "\(field).difficulties[\(i)]"
            found += unknown(difficulty.kind, "\(field).kind")
            if difficulty.kind == .other, difficulty.text.isEmpty {
                found.append(Violation("\(field).text", "say it in words for OTHER", vi: "cần ghi rõ khi chọn khác"))
            }
            if difficulty.text.count > narrativeLimit { found.append(tooLong("\(field).text")) }
        }
        if report.narrative.count > narrativeLimit { found.append(tooLong("\(field).narrative")) }
        if case .UNRECOGNIZED = report.source { found += unrecognised("\(field).source") }
        return found
    }

    /// "The clock is the server's; for PAPER and IMPORT the declared date."
    private static func declaredDay(of report: Cdt_Activity_V1_Report, field: String, today: LocalDate) -> [Violation] {
        if report.declaredOn.isEmpty { return [] }
        let field = "\(field).declared_on"
        guard report.source == .paper || report.source == .import else {
            return [
                Violation(
                    field, "only PAPER and IMPORT may declare a date; leave it empty",
                    vi: "chỉ nguồn giấy và nhập dữ liệu được khai ngày nhận; hãy để trống")
            ]
        }
        guard let day = LocalDate(report.declaredOn), day <= today else {
            return [
                Violation(
                    field, "give a day up to today as YYYY-MM-DD", vi: "cần ngày không sau hôm nay, dạng YYYY-MM-DD")
            ]
        }
        return []
    }

    private static func unknown(_ value: some RawRepresentable<Int> & CaseIterable, _ field: String) -> [Violation] {
        let known = type(of: value).allCases.contains { $0.rawValue == value.rawValue }
        return known && value.rawValue != 0 ? [] : unrecognised(field)
    }

    private static func unrecognised(_ field: String) -> [Violation] {
        [Violation(field, "give one of the values of the contract", vi: "cần một giá trị có trong giao diện")]
    }

    private static func tooMany(_ count: Int, _ field: String) -> [Violation] {
        count <= listLimit
            ? [] : [Violation(field, "at most \(listLimit) entries", vi: "tối đa \(listLimit) mục")]
    }

    private static func tooLong(_ field: String) -> Violation {
        Violation(field, "at most \(narrativeLimit) characters", vi: "tối đa \(narrativeLimit) ký tự")
    }

    /// Whether a text is a code, as counters and platforms have them.
    static func isCode(_ text: String) -> Bool {
        (1...64).contains(text.utf8.count)
            && text.utf8.allSatisfy { byte in
                byte == UInt8(ascii: "_") || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
                    || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
            }
    }
}
