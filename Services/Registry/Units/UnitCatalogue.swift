import Synchronization

/// The units in force of this process. A reorganisation, here or by another replica, replaces them.
package final class UnitCatalogue: Sendable {
    private let index: Mutex<UnitIndex>

    package init(_ index: UnitIndex) { self.index = Mutex(index) }

    package var current: UnitIndex { index.withLock { $0 } }

    /// A later edition takes the place of an earlier one, never the other way round.
    package func replace(with newer: UnitIndex) {
        index.withLock { if newer.edition > $0.edition { $0 = newer } }
    }
}
