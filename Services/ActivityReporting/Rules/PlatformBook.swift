import ServiceKit

/// A platform of the catalogue: where it is offered, and when.
package struct CataloguedPlatform: Sendable, Hashable {
    /// Bare; empty: the nation's.
    package var unit: String
    package var code: String
    package var days: DateRange

    package init(unit: String, code: String, days: DateRange) {
        self.unit = unit
        self.code = code
        self.days = days
    }
}

/// The catalogue of platforms: "LOCAL_PLATFORM (with a per-province platform catalogue …)".
package struct PlatformBook: Sendable {
    private let byUnit: [String: [String: [DateRange]]]

    package init(_ platforms: [CataloguedPlatform]) {
        byUnit = Dictionary(grouping: platforms, by: \.unit).mapValues { platforms in
            Dictionary(grouping: platforms, by: \.code).mapValues { $0.map(\.days) }
        }
    }

    package var isEmpty: Bool { byUnit.isEmpty }

    /// Whether a platform can be used somewhere on any of some days. Where no unit of the chain has a catalogue, every
    /// platform is known.
    ///
    /// - Parameter chain: the units above and including the place, bare.
    package func knows(_ code: String, in chain: [String], during days: DateRange) -> Bool {
        let catalogues = ([""] + chain).compactMap { byUnit[$0] }
        return catalogues.isEmpty || catalogues.contains { $0[code]?.contains { $0.overlaps(days) } ?? false }
    }
}
