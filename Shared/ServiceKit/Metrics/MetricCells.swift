import Synchronization

/// One whole number that any thread may change.
package final class Number: Sendable {
    private let atomic = Atomic<Int>(0)

    package var value: Int { atomic.load(ordering: .relaxed) }
    package func add(_ count: Int = 1) { atomic.wrappingAdd(count, ordering: .relaxed) }
    package func subtract(_ count: Int = 1) { atomic.wrappingSubtract(count, ordering: .relaxed) }
    package func set(_ value: Int) { atomic.store(value, ordering: .relaxed) }
}

/// Counters or gauges of one name, one for each set of label values.
package struct NumberFamily: Sendable {
    private let family: MetricFamily
    init(_ family: MetricFamily) { self.family = family }

    /// The number of these label values, made at zero when it is new. Keep it: finding it again takes a lock.
    package func with(_ values: String...) -> Number { with(values) }
    package func with(_ values: [String]) -> Number {
        let made = Number()
        guard case .number(let number) = family.cell(labels: values, make: { .number(made) }) else { return made }
        return number
    }
}

/// Histograms of one name.
package struct HistogramFamily: Sendable {
    private let family: MetricFamily
    private let buckets: [Double]

    init(_ family: MetricFamily, buckets: [Double]) {
        self.family = family
        self.buckets = buckets
    }

    package func with(_ values: String...) -> Histogram { with(values) }
    package func with(_ values: [String]) -> Histogram {
        let made = Histogram(bounds: buckets)
        guard case .histogram(let known) = family.cell(labels: values, make: { .histogram(made) }) else { return made }
        return known
    }
}

/// How many observations fell below each bound, and their sum.
package final class Histogram: Sendable {
    /// The bounds Prometheus' clients use, from 0.1 ms instead of 5 ms because most calls here take less than that.
    package static let seconds: [Double] = [
        0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
    ]

    struct Snapshot: Sendable {
        let bounds: [Double]
        let counts: [Int]
        let sum: Double
    }

    private let bounds: [Double]
    private let counts: [Number]
    /// In millionths, so that it is an integer and adds atomically; exact for microseconds.
    private let sum = Number()

    init(bounds: [Double]) {
        self.bounds = bounds
        counts = (0...bounds.count).map { _ in Number() }
    }

    package func observe(_ value: Double) {
        counts[bounds.firstIndex { value <= $0 } ?? bounds.count].add()
        sum.add(Int((min(max(value, -1e12), 1e12) * 1e6).rounded()))
    }

    package func observe(_ duration: Duration) {
        let (seconds, attoseconds) = duration.components
        observe(Double(seconds) + Double(attoseconds) * 1e-18)
    }

    /// Seconds, of a histogram of seconds.
    func observe(nanoseconds: Int64) { observe(Double(nanoseconds) * 1e-9) }

    func snapshot() -> Snapshot {
        Snapshot(bounds: bounds, counts: counts.map(\.value), sum: Double(sum.value) / 1e6)
    }
}
