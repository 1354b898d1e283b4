/// Random numbers that depend on a text alone: xoshiro256**, seeded through SplitMix64 from the text's FNV-1a hash.
///
/// The standard library's shuffles and ranges are not used on top of it, because their algorithm may change with a
/// Swift release, and the generated files must not.
struct SeededRandom {
    private var state: (UInt64, UInt64, UInt64, UInt64)

    init(_ seed: String) {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in seed.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        func splitMix() -> UInt64 {
            hash &+= 0x9E37_79B9_7F4A_7C15
            var z = hash
            z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
            z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
            return z ^ (z >> 31)
        }
        state = (splitMix(), splitMix(), splitMix(), splitMix())
    }

    mutating func next() -> UInt64 {
        func rotate(_ x: UInt64, _ k: UInt64) -> UInt64 { (x << k) | (x >> (64 - k)) }
        let result = rotate(state.1 &* 5, 7) &* 9
        let t = state.1 << 17
        state.2 ^= state.0
        state.3 ^= state.1
        state.1 ^= state.2
        state.0 ^= state.3
        state.2 ^= t
        state.3 = rotate(state.3, 45)
        return result
    }

    /// In [0, 1), with 53 random bits.
    mutating func unit() -> Double { Double(next() >> 11) * 0x1p-53 }

    /// In 0 ..< bound.
    mutating func below(_ bound: Int) -> Int { Int(unit() * Double(bound)) }

    mutating func chance(_ probability: Double) -> Bool { unit() < probability }

    mutating func between(_ low: Double, _ high: Double) -> Double { low + unit() * (high - low) }

    /// Triangular distribution over low … high with its peak at mode.
    mutating func triangular(_ low: Double, _ high: Double, mode: Double) -> Double {
        let u = unit()
        if u < (mode - low) / (high - low) { return low + (u * (high - low) * (mode - low)).squareRoot() }
        return high - ((1 - u) * (high - low) * (high - mode)).squareRoot()
    }

    mutating func pick<Element>(_ elements: [Element]) -> Element { elements[below(elements.count)] }

    mutating func pick<Element>(_ table: WeightedTable<Element>) -> Element {
        table.element(at: below(table.total))
    }

    /// Fisher and Yates.
    mutating func shuffle<Element>(_ elements: inout [Element]) {
        guard elements.count > 1 else { return }
        for index in stride(from: elements.count - 1, to: 0, by: -1) { elements.swapAt(index, below(index + 1)) }
    }
}

/// Elements with whole-number weights.
struct WeightedTable<Element: Sendable>: Sendable {
    private let elements: [Element]
    private let upperBounds: [Int]
    let total: Int

    init(_ pairs: [(Element, Int)]) {
        elements = pairs.map(\.0)
        var sum = 0
        upperBounds = pairs.map {
            sum += $0.1
            return sum
        }
        total = sum
    }

    func element(at position: Int) -> Element {
        // The tables are short, and most draws end early: the heaviest entries stand first.
        let index = upperBounds.firstIndex { position < $0 } ?? elements.count - 1
        return elements[index]
    }
}
