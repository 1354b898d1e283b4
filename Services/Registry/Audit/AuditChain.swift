import Crypto
import ServiceKit

/// An entry of the audit, as it is stored.
package struct AuditEntry: Sendable, Hashable {
    package var id: UniqueID
    package var recordedAt: Instant
    package var actor: String
    package var action: String
    package var resource: String
    package var requestID: String
    package var before: [UInt8]?
    package var after: [UInt8]?
    /// Position in the chain and the chain's hash up to it; nil until it is sealed.
    package var sequence: Int64?
    package var chainHash: [UInt8]?
}

/// R11: "an append-only hash chain that can be verified by a call". Over values alone.
package enum AuditChain {
    /// The hash before the first entry.
    package static let origin = [UInt8](repeating: 0, count: 32)

    /// The hash of the chain with an entry at a position: SHA-256 of the hash before, the position, and every field
    /// with its length before it, so that no two entries read alike.
    package static func hash(after previous: [UInt8], _ sequence: Int64, _ entry: AuditEntry) -> [UInt8] {
        var hash = SHA256()
        hash.update(data: previous)
        hash.update(data: bytes(sequence))
        hash.update(data: entry.id.bytes)
        hash.update(data: bytes(entry.recordedAt.microseconds))
        for text in [entry.actor, entry.action, entry.resource, entry.requestID] {
            let utf8 = Array(text.utf8)
            hash.update(data: bytes(Int64(utf8.count)))
            hash.update(data: utf8)
        }
        for part in [entry.before, entry.after] {
            // None is not the same as an empty one.
            hash.update(data: bytes(Int64(part?.count ?? -1)))
            hash.update(data: part ?? [])
        }
        return Array(hash.finalize())
    }

    private static func bytes(_ number: Int64) -> [UInt8] {
        withUnsafeBytes(of: number.bigEndian) { Array($0) }
    }

    /// Follows the chain entry by entry.
    package struct Verifier: Sendable {
        package private(set) var sequence: Int64 = 0
        package private(set) var hash = origin
        package private(set) var finding: Finding?
        private let expected: (sequence: Int64, hash: [UInt8])?

        package init(expecting expected: (sequence: Int64, hash: [UInt8])? = nil) { self.expected = expected }

        /// False once something is wrong.
        package mutating func follow(_ entry: AuditEntry) -> Bool {
            guard entry.sequence == sequence + 1 else {
                finding = .missing(at: sequence + 1)
                return false
            }
            let next = AuditChain.hash(after: hash, sequence + 1, entry)
            guard next == entry.chainHash else {
                finding = .changed(at: sequence + 1)
                return false
            }
            sequence += 1
            hash = next
            if let expected, expected.sequence == sequence, expected.hash != hash {
                finding = .notAsKept(at: sequence)
                return false
            }
            return true
        }

        /// The end of the chain is where the head says.
        package mutating func end(head: Int64, hash headHash: [UInt8]) {
            guard finding == nil else { return }
            if sequence < head {
                finding = .missing(at: sequence + 1)
            } else if sequence > head || head > 0 && hash != headHash {
                finding = .changed(at: sequence)
            } else if let expected, expected.sequence > sequence {
                finding = .missing(at: sequence + 1)
            }
        }
    }

    /// What is wrong with a chain.
    package enum Finding: Sendable, Hashable {
        case missing(at: Int64)
        case changed(at: Int64)
        case notAsKept(at: Int64)

        package var sequence: Int64 {
            switch self {
            case .missing(let at), .changed(let at), .notAsKept(let at): at
            }
        }

        package var texts: (english: String, vietnamese: String) {
            switch self {
            case .missing(let at):
                (
                    "entry \(at) is missing; compare with a backup",
                    "thiếu mục \(at); hãy đối chiếu với bản sao lưu"
                )
            case .changed(let at):
                (
                    "entry \(at) is not as it was sealed; compare with a backup",
                    "mục \(at) khác với khi niêm phong; hãy đối chiếu với bản sao lưu"
                )
            case .notAsKept(let at):
                (
                    "the chain is whole, but its hash at \(at) is not the one that was kept: it was written anew",
                    "chuỗi liền mạch nhưng mã băm tại \(at) khác mã đã lưu: chuỗi đã bị viết lại"
                )
            }
        }
    }
}
