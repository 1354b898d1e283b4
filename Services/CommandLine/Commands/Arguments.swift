import ArgumentParser
import Foundation
import Shared
import SwiftProtobuf

/// An enumeration of the contract, as people write it: `commune`, `on-time` or `ON_TIME`.
protocol WordArgument: ExpressibleByArgument, SwiftProtobuf.Enum, CaseIterable where RawValue == Int {}

extension WordArgument {
    public init?(argument: String) {
        guard let value = enumValue(Self.self, argument) else { return nil }
        self = value
    }

    public static var allValueStrings: [String] { allCases.map(word).filter { !$0.isEmpty } }
    /// The words say what they mean.
    public static var allValueDescriptions: [String: String] { [:] }
}

extension Cdt_Activity_V1_CounterKind: WordArgument {}
extension Cdt_Activity_V1_DifficultyState: WordArgument {}
extension Cdt_Activity_V1_PlatformKind: WordArgument {}
extension Cdt_Activity_V1_ReportingSubject: WordArgument {}
extension Cdt_Activity_V1_ReviewState: WordArgument {}
extension Cdt_Activity_V1_SessionMode: WordArgument {}
extension Cdt_Activity_V1_SessionState: WordArgument {}
extension Cdt_Activity_V1_Skill: WordArgument {}
extension Cdt_Activity_V1_SkillLevel: WordArgument {}
extension Cdt_Activity_V1_TargetMeasure: WordArgument {}
extension Cdt_Common_V1_TeamLevel: WordArgument {}
extension Cdt_Notification_V1_PaymentCondition: WordArgument {}
extension Cdt_Registry_V1_MemberRole: WordArgument {}
extension Cdt_Registry_V1_UnitLevel: WordArgument {}

/// `--month`: a calendar month that is written right.
struct MonthArgument: ExpressibleByArgument, CustomStringConvertible {
    let month: ReportMonth

    init?(argument: String) {
        guard let month = ReportMonth(argument) else { return nil }
        self.month = month
    }

    var description: String { "\(month)" }
}

/// `2024-11-01`: a day of Asia/Ho_Chi_Minh, which is UTC+7 without daylight saving, as the moments between which it
/// lies.
struct DayArgument: ExpressibleByArgument, Hashable {
    private static let day: TimeInterval = 86_400
    private let midnight: Date

    init?(argument: String) {
        // 30 February is read as a day of March, and then is not what was written.
        guard let utc = try? Date("\(argument)T00:00:00Z", strategy: .iso8601),
            utc.formatted(.iso8601.year().month().day()) == argument
        else { return nil }
        midnight = utc - 7 * 3_600
    }

    var start: Google_Protobuf_Timestamp { .init(date: midnight) }
    /// The first moment after it.
    var end: Google_Protobuf_Timestamp { .init(date: midnight + Self.day) }
}

/// `--threshold 50` or `33.33`: a share in percent, to the hundredth, above 0 and at most 100.
struct PercentArgument: ExpressibleByArgument, Hashable, CustomStringConvertible {
    let hundredths: Int32

    init(hundredths: Int32) { self.hundredths = hundredths }

    init?(argument: String) {
        let parts = argument.split(separator: ".", omittingEmptySubsequences: false)
        guard (1...2).contains(parts.count),
            parts.allSatisfy({ !$0.isEmpty && $0.utf8.allSatisfy { (0x30...0x39).contains($0) } }),
            parts.dropFirst().allSatisfy({ $0.count <= 2 }), let whole = Int32(parts[0]), whole <= 100
        else { return nil }
        let fraction = parts.count == 2 ? Int32(parts[1]) ?? 0 : 0
        let value = whole * 100 + (parts.last?.count == 1 && parts.count == 2 ? fraction * 10 : fraction)
        guard (1...10_000).contains(value) else { return nil }
        hundredths = value
    }

    var description: String {
        let rest = hundredths % 100
        return "\(hundredths / 100).\(rest < 10 ? "0" : "")\(rest)"
    }
}

/// The legal document that a decision stands on.
struct DocumentOptions: ParsableArguments {
    @Option(help: "Number of the document that orders it, for example 12/QĐ-UBND; default: none recorded.")
    var document = ""
    @Option(help: "Day of issue of the document, YYYY-MM-DD.")
    var issuedOn = ""

    /// Nil: none recorded.
    var value: Cdt_Common_V1_LegalDocument? {
        document.isEmpty
            ? nil
            : .with {
                $0.number = document
                $0.issuedOn = issuedOn
            }
    }

    func validate() throws {
        guard issuedOn.isEmpty || !document.isEmpty else { throw ValidationError("--issued-on needs --document.") }
    }
}
