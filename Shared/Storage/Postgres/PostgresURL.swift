import CLibpq
import Foundation

extension DatabaseConfiguration {
    /// A database on a PostgreSQL server; nil when libpq cannot take the URL apart, or would do so otherwise than was
    /// meant.
    ///
    /// Asked before it connects, because its messages about such a URL repeat pieces of it, with the password among
    /// them.
    package static func postgres(url: String) -> DatabaseConfiguration? {
        guard url.hasPrefix("postgresql://") || url.hasPrefix("postgres://") else { return nil }
        var problem: UnsafeMutablePointer<CChar>?
        guard let words = PQconninfoParse(url, &problem) else {
            PQfreemem(problem)
            return nil
        }
        defer { PQconninfoFree(words) }
        var word = words
        while let keyword = word.pointee.keyword {
            if let value = word.pointee.val, !isMeant(String(cString: value), as: String(cString: keyword)) {
                return nil
            }
            word += 1
        }
        return .postgres(url)
    }

    /// A password with an @ or a / in it ends there, and the rest of it is taken for a host, a port or a database.
    private static func isMeant(_ value: String, as keyword: String) -> Bool {
        switch keyword {
        // The name of an abstract socket begins with one.
        case "host": !value.dropFirst().contains("@")
        case "dbname": !value.contains("@")
        case "port": value.split(separator: ",").allSatisfy { UInt16($0) != nil }
        default: true
        }
    }
}
