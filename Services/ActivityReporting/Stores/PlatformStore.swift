import ServiceKit
import Shared
import Storage
import SwiftProtobuf
import Synchronization

/// The catalogue of platforms. The unit of the nation's is empty.
enum PlatformStore {
    /// Name of the revision that rises when the catalogue changes.
    fileprivate static let revision = "platforms"

    static func get(_ id: String, in tx: ReadTransaction) throws -> Cdt_Activity_V1_Platform? {
        try tx.queryOne("SELECT content FROM platforms WHERE id = ?", [.text(id)], platform)
    }

    /// The one that a unit has entered under a code.
    static func get(unit: String, code: String, in tx: ReadTransaction) throws -> Cdt_Activity_V1_Platform? {
        try tx.queryOne(
            "SELECT content FROM platforms WHERE unit = ? AND code = ?", [.text(unit), .text(code)], platform)
    }

    /// By code and id, after the given ones.
    static func list(after: (code: String, id: String), limit: Int, in tx: ReadTransaction) throws
        -> [Cdt_Activity_V1_Platform]
    {
        try tx.query(
            "SELECT content FROM platforms WHERE (code, id) > (?, ?) ORDER BY code, id LIMIT ?",
            [.text(after.code), .text(after.id), SQLValue(limit)], platform)
    }

    static func put(_ platform: Cdt_Activity_V1_Platform, in tx: WriteTransaction) throws {
        try tx.execute(
            """
            INSERT INTO platforms (id, unit, code, content) VALUES (?, ?, ?, ?)
            ON CONFLICT (id) DO UPDATE SET content = excluded.content
            """,
            [
                .text(ResourceName.lastID(platform.name)), .text(ResourceName.lastID(platform.unit)),
                .text(platform.code), .blob(try platform.serializedBytes()),
            ])
        try RegistryFactsStore.raiseRevision(revision, in: tx)
    }

    fileprivate static func book(in tx: ReadTransaction) throws -> PlatformBook {
        PlatformBook(
            try tx.query("SELECT content FROM platforms", [], platform).map {
                CataloguedPlatform(
                    unit: ResourceName.lastID($0.unit), code: $0.code,
                    days: DateRange(from: $0.validFrom, to: $0.validTo))
            })
    }

    private static func platform(_ row: Row) throws -> Cdt_Activity_V1_Platform {
        try Cdt_Activity_V1_Platform(serializedBytes: try row.blob(0))
    }
}

/// The newest `PlatformBook`, read again when the catalogue has changed.
final class PlatformBooks: Sendable {
    private let kept = Mutex<(revision: Int64, book: PlatformBook)>((0, PlatformBook([])))

    func book(in tx: WriteTransaction) throws -> PlatformBook {
        let revision = try RegistryFactsStore.revision(PlatformStore.revision, in: tx)
        if let known = kept.withLock({ $0.revision == revision ? $0.book : nil }) { return known }
        let book = try PlatformStore.book(in: tx)
        // What a write sees may never be committed; only what is there by then is kept.
        tx.afterCommit { [self] in
            kept.withLock { kept in if kept.revision < revision { kept = (revision, book) } }
        }
        return book
    }
}
