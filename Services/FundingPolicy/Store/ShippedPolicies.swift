import ServiceKit
import Shared
import Storage
import SwiftProtobuf

/// The policies that ship with the product: `Data/policies.json`, a `cdt.funding.v1.PolicySet`.
///
/// "The rates and the first four provinces' names are given; levels, lists, dates and the fifth row are from press
/// reports and are data, not code."
package enum ShippedPolicies {
    package static func all() throws -> [Policy] {
        let set = try Cdt_Funding_V1_PolicySet(jsonUTF8Bytes: PackageResources.policies_json)
        var check = Violations()
        let policies = set.policies.map { message in
            var policy = PolicyMessages.policy(message, &check)
            policy.version = max(1, policy.version)
            policy.state = .active
            return policy
        }
        try check.refuse()
        return policies
    }

    /// Puts those that are not there yet into the database, as active versions.
    package static func load(into database: Database, now: Instant) async throws {
        let stored = try all().map {
            StoredPolicy(
                policy: $0, contentHash: try PolicyMessages.contentHash($0), createdAt: now, activatedAt: now)
        }
        try await database.write { transaction in
            for policy in stored { try PolicyStore.insert(policy, transaction) }
        }
    }
}
