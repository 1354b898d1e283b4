import ServiceKit
import Shared
import Storage
import SwiftProtobuf

/// The calls about the audit, and the sealing of its entries.
package struct AuditCalls: Sendable {
    let core: RegistryCore
    /// Entries sealed in one transaction at most: other writers wait that long.
    private static let sealedAtOnce = 500

    package init(core: RegistryCore) { self.core = core }

    /// Seals all entries recorded so far.
    package func seal() async throws {
        while try await core.database.readPooled({ try AuditStore.hasUnsealed(in: $0) }) {
            try await core.database.write { _ = try AuditStore.seal(limit: Self.sealedAtOnce, in: $0) }
        }
    }

    func list(_ request: Cdt_Registry_V1_ListAuditEntriesRequest, by caller: Caller) async throws
        -> Cdt_Registry_V1_ListAuditEntriesResponse
    {
        let page = try core.page(request, caller)
        let last = page.position?.first.flatMap { UniqueID($0) }
        let filter = AuditStore.Filter(resource: request.resource, actor: request.actor, action: request.action)
        let rows = try await core.database.readPooled {
            try AuditStore.list(filter, before: last, limit: page.size + 1, in: $0)
        }
        let (shown, next) = try core.tokens.cut(rows, to: page, of: request, caller.method) { [$0.id.description] }
        return .with {
            $0.entries = shown.map(\.message)
            $0.nextPageToken = next
        }
    }

    func verify(_ request: Cdt_Registry_V1_VerifyAuditRequest) async throws -> Cdt_Registry_V1_VerifyAuditResponse {
        var expected: (sequence: Int64, hash: [UInt8])?
        if request.expectedSequence != 0 || !request.expectedHash.isEmpty {
            guard request.expectedSequence > 0 else {
                throw Refusal(
                    .numberOutOfRange, "expected_sequence",
                    ["value": String(request.expectedSequence), "low": "1", "high": nil]
                ).error
            }
            guard let hash = Self.bytes(request.expectedHash), hash.count == 32 else {
                throw Refusal(.invalidHash, "expected_hash", ["value": PersonFields.shown(request.expectedHash)]).error
            }
            expected = (request.expectedSequence, hash)
        }
        return try await core.database.readPooled { [expected] tx in
            let head = try AuditStore.head(in: tx)
            var verifier = AuditChain.Verifier(expecting: expected)
            try AuditStore.scan(in: tx) { verifier.follow($0) }
            verifier.end(head: head.sequence, hash: head.hash)
            let unsealed = try AuditStore.unsealed(in: tx)
            return .with {
                $0.intact = verifier.finding == nil
                $0.checked = verifier.sequence
                $0.brokenAt = verifier.finding?.sequence ?? 0
                $0.finding = verifier.finding?.texts.english ?? ""
                $0.findingVi = verifier.finding?.texts.vietnamese ?? ""
                $0.headSequence = head.sequence
                $0.headHash = head.sequence == 0 ? "" : Self.hexadecimal(head.hash)
                $0.unsealed = Int64(unsealed)
            }
        }
    }

    static func hexadecimal(_ bytes: [UInt8]?) -> String {
        (bytes ?? []).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    private static func bytes(_ text: String) -> [UInt8]? {
        let digits = Array(text.utf8)
        guard digits.count.isMultiple(of: 2), digits.allSatisfy({ Character(UnicodeScalar($0)).isHexDigit }) else {
            return nil
        }
        return stride(from: 0, to: digits.count, by: 2).compactMap {
            UInt8(String(decoding: digits[$0...$0 + 1], as: UTF8.self), radix: 16)
        }
    }
}

extension AuditEntry {
    var message: Cdt_Registry_V1_AuditEntry {
        .with {
            $0.sequence = sequence ?? 0
            $0.time = recordedAt.timestamp
            $0.actor = actor
            $0.action = action
            $0.resource = resource
            $0.requestID = requestID
            $0.beforeHash = AuditCalls.hexadecimal(before)
            $0.afterHash = AuditCalls.hexadecimal(after)
            $0.chainHash = AuditCalls.hexadecimal(chainHash)
        }
    }
}
