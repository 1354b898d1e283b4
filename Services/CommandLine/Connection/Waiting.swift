import ArgumentParser
import Foundation
import Shared
import SwiftProtobuf

/// Waits until a service has seen all that others had recorded when the command began. Services learn of each other's
/// facts by feeds, a moment later: a script that imports and then computes wants this moment over.
struct FactsWait {
    let begun = Date.now
    /// A feed that says nothing for so long is broken.
    static let limit: TimeInterval = 600

    /// - Parameter freshness: asks once; nil while the service does not even know what is asked about.
    func untilFresh(_ freshness: () async throws -> [Cdt_Common_V1_Freshness]?) async throws {
        while true {
            let facts = try await freshness()
            if let facts, facts.allSatisfy({ $0.hasAsOf && $0.asOf.date >= begun }) { return }
            guard begun.timeIntervalSinceNow > -Self.limit else {
                let old = (facts ?? []).map {
                    "\($0.source) as of \($0.hasAsOf ? $0.asOf.date.ISO8601Format() : "never")"
                }
                tellOnStandardError("cdt: the facts do not arrive: \(old.joined(separator: ", "))")
                throw ExitCode(ExitCodes.tryLater)
            }
            try await Task.sleep(for: .milliseconds(200))
        }
    }
}
