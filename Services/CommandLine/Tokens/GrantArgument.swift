import ArgumentParser

/// `VERBS@UNIT`: verbs with commas between, and where: `units/{id}`, or `vn` or nothing for the nation.
struct GrantArgument: ExpressibleByArgument, Hashable {
    let grant: IssuedClaims.Grant

    init?(argument: String) {
        let parts = argument.split(separator: "@", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        let verbs = parts[0].split(separator: ",").map(String.init)
        guard !verbs.isEmpty, verbs.allSatisfy(Self.isVerb) else { return nil }
        switch parts.count > 1 ? parts[1] : "vn" {
        case "vn", "units/vn": grant = .init(verbs: verbs)
        case let unit where unit.hasPrefix("units/") && unit.utf8.count > 6: grant = .init(verbs: verbs, unit: unit)
        default: return nil
        }
    }

    private static func isVerb(_ text: String) -> Bool {
        text.utf8.allSatisfy {
            switch $0 {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "_"), UInt8(ascii: "."), UInt8(ascii: "*"): true
            default: false
            }
        }
    }
}

/// `30s`, `15m`, `1h`, `90d`.
struct LifetimeArgument: ExpressibleByArgument, Hashable, CustomStringConvertible {
    let seconds: Int
    let description: String

    init?(argument: String) {
        let units: [Character: Int] = ["s": 1, "m": 60, "h": 3600, "d": 86_400]
        guard let unit = argument.last.flatMap({ units[$0] }), let number = Int(argument.dropLast()),
            (1...366 * 86_400).contains(number), number * unit <= 366 * 86_400
        else { return nil }
        seconds = number * unit
        description = argument
    }

    init(hours: Int) {
        seconds = hours * 3600
        description = "\(hours)h"
    }
}
