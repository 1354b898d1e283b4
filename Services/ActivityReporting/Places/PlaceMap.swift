import ServiceKit
import Synchronization

/// A place in which figures are kept.
package struct Place: Sendable, Hashable {
    package var id: Int
    package var path: PlacePath
    /// The bucket its figures are summed in as well.
    package var bucket: Int

    package init(id: Int, path: PlacePath, bucket: Int) {
        self.id = id
        self.path = path
        self.bucket = bucket
    }
}

/// Which sums make up a unit: whole buckets, and single places to add or to take away.
///
/// A bucket holds the places of one province as it was when they were first known. It only saves work: where a
/// reorganisation has cut through a bucket, its places are counted one by one, or the few that left are subtracted. So
/// the figure of the nation is some sixty sums and not ten thousand, in every tree, and the tree may change without any
/// sum being made anew.
package struct PlaceCover: Sendable, Hashable {
    package var buckets: [Int] = []
    package var plus: [Int] = []
    package var minus: [Int] = []
}

/// The units over all time together with the places, as of one state of the registry facts.
package final class PlaceMap: Sendable {
    package let tree: UnitTree
    package let places: [Place]
    private let bucketSizes: [Int: Int]
    private let changes: [LocalDate]
    private let views: Mutex<[Int: View]>

    /// The places under each unit, in the tree between two changes.
    private struct View {
        var under: [String: [Int]] = [:]
        var covers: [String: PlaceCover] = [:]
        var children: [String: [UnitRecord]] = [:]
        /// As places in the tree's `units`: a country's communes are many.
        var below: [Below: [Int]] = [:]
    }

    private struct Below: Hashable {
        var unit: String
        var level: UnitLevel
    }

    package init(tree: UnitTree, places: [Place]) {
        self.tree = tree
        self.places = places
        bucketSizes = Dictionary(places.map { ($0.bucket, 1) }, uniquingKeysWith: +)
        changes = Set(tree.changes + places.flatMap { $0.path.steps.map(\.from) }).sorted()
        views = Mutex([:])
    }

    /// A place by id.
    package func place(_ id: Int) -> Place? {
        // Ids are given in order and places are kept in it.
        var (low, high) = (0, places.count)
        while low < high {
            let middle = (low + high) / 2
            if places[middle].id < id { low = middle + 1 } else { high = middle }
        }
        return low < places.count && places[low].id == id ? places[low] : nil
    }

    /// The places under a unit in the tree of a date, ascending by id.
    package func places(under unit: String, on date: LocalDate) -> [Place] {
        view(on: date).under[unit, default: []].map { places[$0] }
    }

    /// `UnitTree.children`, remembered: it goes over all units.
    package func children(of unit: String, on date: LocalDate) -> [UnitRecord] {
        let epoch = epoch(of: date)
        if let known = view(on: date).children[unit] { return known }
        let children = tree.children(of: unit, on: date)
        views.withLock { $0[epoch]?.children[unit] = children }
        return children
    }

    /// Units of a level that lie under one, by code and name; remembered likewise, for a list of many pages asks for
    /// each.
    package func units(of level: UnitLevel, below unit: String, on date: LocalDate) -> [UnitRecord] {
        let epoch = epoch(of: date)
        let key = Below(unit: unit, level: level)
        if let known = view(on: date).below[key] { return known.map { tree.units[$0] } }
        let found = tree.indices(of: level, below: unit, on: date)
        views.withLock { $0[epoch]?.below[key] = found }
        return found.map { tree.units[$0] }
    }

    package func cover(of unit: String, on date: LocalDate) -> PlaceCover {
        let epoch = epoch(of: date)
        let view = view(on: date)
        if let known = view.covers[unit] { return known }
        let cover = cover(of: view.under[unit, default: []])
        views.withLock { $0[epoch]?.covers[unit] = cover }
        return cover
    }

    private func cover(of inside: [Int]) -> PlaceCover {
        var cover = PlaceCover()
        for (bucket, indices) in Dictionary(grouping: inside, by: { places[$0].bucket }).sorted(by: { $0.key < $1.key })
        {
            let size = bucketSizes[bucket, default: 0]
            if size - indices.count < indices.count {
                cover.buckets.append(bucket)
                if size > indices.count {
                    let kept = Set(indices)
                    cover.minus += places.indices.filter { places[$0].bucket == bucket && !kept.contains($0) }
                        .map { places[$0].id }
                }
            } else {
                cover.plus += indices.map { places[$0].id }
            }
        }
        return cover
    }

    private func epoch(of date: LocalDate) -> Int {
        var (low, high) = (0, changes.count)
        while low < high {
            let middle = (low + high) / 2
            if changes[middle] <= date { low = middle + 1 } else { high = middle }
        }
        return low
    }

    private func view(on date: LocalDate) -> View {
        let epoch = epoch(of: date)
        if let known = views.withLock({ $0[epoch] }) { return known }
        var view = View()
        var chains: [String: [String]] = [:]
        let nation = tree.nation?.id
        for (i, place) in places.enumerated() {
            let commune = place.path.unit(on: date) ?? ""
            let chain: [String]
            if let known = chains[commune] {
                chain = known
            } else {
                var ids = tree.chain(of: commune, on: date).map(\.id)
                // A team whose commune is not known (yet) is somewhere in the country all the same.
                if let nation, ids.last != nation { ids.append(nation) }
                chain = ids
                chains[commune] = ids
            }
            for unit in chain { view.under[unit, default: []].append(i) }
        }
        views.withLock { views in
            // Trees of long ago are asked for rarely; the newest few are enough to keep.
            if views.count >= 8 { views.removeAll() }
            views[epoch] = view
        }
        return view
    }
}
