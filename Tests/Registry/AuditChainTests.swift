import ServiceKit
import Testing

@testable import Registry

@Suite struct AuditChainTests {
    private func sealed(_ count: Int) -> [AuditEntry] {
        var hash = AuditChain.origin
        return (1...count).map { number in
            var entry = AuditEntry(
                id: UniqueID(high: 0, low: UInt64(number)), recordedAt: Instant(microseconds: Int64(number)),
                actor: "an", action: "UpdateTeam", resource: "teams/\(number)", requestID: "", before: [1],
                after: number.isMultiple(of: 2) ? nil : [2])
            hash = AuditChain.hash(after: hash, Int64(number), entry)
            entry.sequence = Int64(number)
            entry.chainHash = hash
            return entry
        }
    }

    private func finding(
        _ entries: [AuditEntry], head: Int64? = nil, expecting: (sequence: Int64, hash: [UInt8])? = nil
    )
        -> AuditChain.Finding?
    {
        var verifier = AuditChain.Verifier(expecting: expecting)
        for entry in entries where !verifier.follow(entry) { break }
        verifier.end(head: head ?? Int64(entries.count), hash: entries.last?.chainHash ?? [])
        return verifier.finding
    }

    @Test func `a whole chain is intact, and so is none`() {
        #expect(finding(sealed(5)) == nil)
        #expect(finding([]) == nil)
    }

    @Test(arguments: [
        "actor", "action", "resource", "request", "time", "before", "after", "field borders", "hash",
    ])
    func `a changed entry is found where it is`(what: String) {
        var entries = sealed(5)
        switch what {
        case "actor": entries[2].actor = "binh"
        case "action": entries[2].action = "GetTeam"
        case "resource": entries[2].resource = "teams/4"
        case "request": entries[2].requestID = "1"
        case "time": entries[2].recordedAt = Instant(microseconds: 9)
        case "before": entries[2].before = nil
        case "after": entries[2].after = []
        case "field borders":
            entries[2].actor = "anU"
            entries[2].action = "pdateTeam"
        default: entries[2].chainHash = entries[1].chainHash
        }
        #expect(finding(entries) == .changed(at: 3))
    }

    @Test func `a missing entry is found, at the end too`() {
        var entries = sealed(5)
        entries.remove(at: 2)
        #expect(finding(entries, head: 5) == .missing(at: 3))
        #expect(finding(sealed(4), head: 5) == .missing(at: 5))
    }

    @Test func `a chain written anew is not the one whose hash was kept`() {
        let kept = sealed(5)[2]
        #expect(finding(sealed(5), expecting: (3, kept.chainHash!)) == nil)
        var hash = AuditChain.origin
        let anew = sealed(5).map { entry in
            var entry = entry
            entry.actor = "binh"
            hash = AuditChain.hash(after: hash, entry.sequence!, entry)
            entry.chainHash = hash
            return entry
        }
        #expect(finding(anew) == nil)
        #expect(finding(anew, expecting: (3, kept.chainHash!)) == .notAsKept(at: 3))
        #expect(finding(sealed(2), expecting: (3, kept.chainHash!)) == .missing(at: 3))
    }
}
