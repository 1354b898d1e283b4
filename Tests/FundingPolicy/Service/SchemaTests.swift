import TestSupport
import Testing

@testable import FundingPolicy
@testable import Storage

/// "Migrations: forward, under a lock, from every released schema."
@Suite struct FundingSchemaTests {
    /// Checksums of the migrations as they were released. A changed one could no longer be told from what databases
    /// hold: add a migration instead, and its line here.
    private static let released: [Int: String] = [
        1: "7d89f02ef2690548", 2: "4fa52cbc8d064167", 3: "412aa1cd73ed7fcc", 4: "ef6f7ece6fcd332e",
        5: "49ead6143206eb3e", 6: "a26a7ac14d9e2d46", 7: "fbeaded6c549bb16", 8: "79d0f5067677774c",
    ]

    @Test func releasedMigrationsDoNotChange() {
        let found = FundingSchema.migrations.migrations.map { ($0.version, $0.checksum) }
        #expect(Dictionary(uniqueKeysWithValues: found) == Self.released)
    }
}
