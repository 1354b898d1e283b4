import ServiceKit
import Storage
import Synchronization

/// The places of teams, and the buckets they are summed in.
enum PlaceStore {
    /// Name of the revision that rises when a unit from the nation down to the communes changes.
    static let treeRevision = "tree"

    /// The place of a path; a new one gets the bucket of the province it begins in.
    static func place(for path: PlacePath, in tx: WriteTransaction) throws -> (place: Int, bucket: Int) {
        let known = try tx.queryOne("SELECT id, bucket FROM places WHERE path = ?", [.text(path.text)]) {
            (place: try $0.int(0), bucket: try $0.int(1))
        }
        if let known { return known }
        let bucket = try bucket(of: origin(of: path.steps.first?.unit ?? "", in: tx), in: tx)
        let id = try tx.count("SELECT coalesce(max(id), 0) + 1 FROM places")
        try tx.execute(
            "INSERT INTO places (id, path, bucket) VALUES (?, ?, ?)",
            [SQLValue(id), .text(path.text), SQLValue(bucket)])
        return (id, bucket)
    }

    /// The path of a place.
    static func path(_ place: Int, in tx: ReadTransaction) throws -> PlacePath? {
        try tx.queryOne("SELECT path FROM places WHERE id = ?", [SQLValue(place)]) { PlacePath(text: try $0.text(0)) }
    }

    private static func bucket(of origin: String, in tx: WriteTransaction) throws -> Int {
        if let known = try tx.queryOne("SELECT id FROM buckets WHERE origin = ?", [.text(origin)], { try $0.int(0) }) {
            return known
        }
        let id = try tx.count("SELECT coalesce(max(id), 0) + 1 FROM buckets")
        try tx.execute("INSERT INTO buckets (id, origin) VALUES (?, ?)", [SQLValue(id), .text(origin)])
        return id
    }

    /// The province that the oldest placements lead to; empty when it is not known.
    private static func origin(of commune: String, in tx: ReadTransaction) throws -> String {
        var id = commune
        for _ in 0..<8 {
            guard let unit = try RegistryFactsStore.unit(id, in: tx) else { return "" }
            if unit.level <= .province { return unit.id }
            guard let parent = unit.parents.first else { return "" }
            id = parent.unit
        }
        return ""
    }

    static func places(after id: Int, in tx: ReadTransaction) throws -> [Place] {
        try tx.query("SELECT id, path, bucket FROM places WHERE id > ? ORDER BY id", [SQLValue(id)]) {
            Place(id: try $0.int(0), path: PlacePath(text: try $0.text(1)), bucket: try $0.int(2))
        }
    }
}

/// The newest `PlaceMap`, made again when units or places have changed.
final class PlaceMaps: Sendable {
    private struct Kept {
        var tree: Int64
        var map: PlaceMap
    }

    private let kept = Mutex<Kept?>(nil)

    /// The map as of a read. What is kept is only ever what was committed.
    func map(in tx: ReadTransaction) throws -> PlaceMap {
        try map(in: tx, keep: true)
    }

    /// The map as of a write in progress, which may not be kept: it may hold what is never committed.
    func map(within tx: WriteTransaction) throws -> PlaceMap { try map(in: tx, keep: false) }

    private func map(in tx: ReadTransaction, keep: Bool) throws -> PlaceMap {
        let revision = try RegistryFactsStore.revision(PlaceStore.treeRevision, in: tx)
        if let kept = kept.withLock({ $0 }), kept.tree == revision {
            let newer = try PlaceStore.places(after: kept.map.places.last?.id ?? 0, in: tx)
            if newer.isEmpty { return kept.map }
            return save(PlaceMap(tree: kept.map.tree, places: kept.map.places + newer), revision, keep)
        }
        let tree = UnitTree(try RegistryFactsStore.upperUnits(in: tx))
        return save(PlaceMap(tree: tree, places: try PlaceStore.places(after: 0, in: tx)), revision, keep)
    }

    private func save(_ map: PlaceMap, _ tree: Int64, _ keep: Bool) -> PlaceMap {
        guard keep else { return map }
        kept.withLock { kept in
            // A slower reader must not put an older state back.
            if let newer = kept, newer.tree > tree || newer.tree == tree && newer.map.places.count > map.places.count {
                return
            }
            kept = Kept(tree: tree, map: map)
        }
        return map
    }
}
