import ServiceKit

/// Where a sum is kept. Every change goes to both, so that large units are few sums and any unit can be summed.
enum SumScope: Int, Sendable {
    case bucket = 0
    case place = 1
}

extension TeamRow.CountedAt {
    /// Whose sums the team's facts stand in.
    var holders: [(scope: SumScope, id: Int)] { [(.bucket, bucket), (.place, place)] }
}

extension PlaceCover {
    /// Sums to read in one go.
    struct Part {
        var scope: SumScope
        /// The one holder to read; nil: all of the scope, of which `wanted` says whose count.
        var holder: Int?
        var wanted: Set<Int>
        /// The sums are taken away.
        var isMinus = false
    }

    /// Above so many buckets one query for all costs less than one for each.
    private static let queriesForBuckets = 4

    var parts: [Part] {
        let wanted = Set(buckets)
        let large =
            wanted.count > Self.queriesForBuckets
            ? [Part(scope: .bucket, holder: nil, wanted: wanted)]
            : buckets.map { Part(scope: .bucket, holder: $0, wanted: [$0]) }
        return large + plus.map { Part(scope: .place, holder: $0, wanted: [$0]) }
            + minus.map { Part(scope: .place, holder: $0, wanted: [$0], isMinus: true) }
    }
}

/// The slots of sums: rows that are added up on reading, so that no two writers at once fight for one row.
struct SumSlots: Sendable {
    /// SQLite has one writer. On PostgreSQL several at once write, of this process and of other replicas.
    static let one = SumSlots(count: 1)
    static let several = SumSlots(count: 4)

    let count: Int

    /// Chosen outside of the transaction, which may run twice.
    var any: Int { count == 1 ? 0 : .random(in: 0..<count) }
}
