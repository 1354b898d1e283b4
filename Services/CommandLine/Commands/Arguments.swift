import ArgumentParser
import Shared

extension Cdt_Registry_V1_UnitLevel: ExpressibleByArgument {
    public init?(argument: String) {
        guard let value = enumValue(Self.self, argument) else { return nil }
        self = value
    }
}

extension Cdt_Activity_V1_ReviewState: ExpressibleByArgument {
    public init?(argument: String) {
        guard let value = enumValue(Self.self, argument) else { return nil }
        self = value
    }
}

extension Cdt_Activity_V1_DifficultyState: ExpressibleByArgument {
    public init?(argument: String) {
        guard let value = enumValue(Self.self, argument) else { return nil }
        self = value
    }
}

extension Cdt_Common_V1_TeamLevel: ExpressibleByArgument {
    public init?(argument: String) {
        guard let value = enumValue(Self.self, argument) else { return nil }
        self = value
    }
}

/// `--month`: a calendar month that is written right.
struct MonthArgument: ExpressibleByArgument, CustomStringConvertible {
    let month: ReportMonth

    init?(argument: String) {
        guard let month = ReportMonth(argument) else { return nil }
        self.month = month
    }

    var description: String { "\(month)" }
}
