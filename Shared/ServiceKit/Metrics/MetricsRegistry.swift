import Synchronization

/// The numbers a service shows to Prometheus (text exposition format 0.0.4) on its admin port.
///
/// Counting is one atomic addition; names and labels are looked up once, when a cell is made.
package final class MetricsRegistry: Sendable {
    private let families = Mutex<[MetricFamily]>([])

    package init() {}

    /// A number that only rises.
    package func counter(_ name: String, help: String, labels: [String] = []) -> NumberFamily {
        NumberFamily(family(name, help: help, kind: .counter, labels: labels))
    }

    /// A number that rises and falls.
    package func gauge(_ name: String, help: String, labels: [String] = []) -> NumberFamily {
        NumberFamily(family(name, help: help, kind: .gauge, labels: labels))
    }

    /// A number that is read when someone asks; nil: not known now, and left out.
    package func gauge(
        _ name: String, help: String, labels: KeyValuePairs<String, String> = [:],
        read: @escaping @Sendable () -> Double?
    ) {
        computed(name, help: help, kind: .gauge, labels: labels, read)
    }

    /// The same for a number that only rises.
    package func counter(
        _ name: String, help: String, labels: KeyValuePairs<String, String> = [:],
        read: @escaping @Sendable () -> Double?
    ) {
        computed(name, help: help, kind: .counter, labels: labels, read)
    }

    private func computed(
        _ name: String, help: String, kind: MetricFamily.Kind, labels: KeyValuePairs<String, String>,
        _ read: @escaping @Sendable () -> Double?
    ) {
        family(name, help: help, kind: kind, labels: labels.map(\.key))
            .add(labels: labels.map(\.value), cell: .computed(read))
    }

    /// How a quantity is spread; seconds, by default.
    package func histogram(
        _ name: String, help: String, labels: [String] = [], buckets: [Double] = Histogram.seconds
    ) -> HistogramFamily {
        HistogramFamily(family(name, help: help, kind: .histogram, labels: labels), buckets: buckets)
    }

    /// Everything, as Prometheus reads it.
    package func exposition() -> String {
        var out = ""
        for family in families.withLock({ $0 }).sorted(by: { $0.name < $1.name }) { family.write(to: &out) }
        return out
    }

    /// The family of a name. Asking again gives the same one, so that two parts of a service may share it.
    private func family(_ name: String, help: String, kind: MetricFamily.Kind, labels: [String]) -> MetricFamily {
        families.withLock { families in
            if let known = families.first(where: { $0.name == name }) {
                precondition(known.kind == kind && known.labels == labels, "metric \(name) is declared in two ways")
                return known
            }
            let family = MetricFamily(name: name, help: help, kind: kind, labels: labels)
            families.append(family)
            return family
        }
    }
}

/// All cells of one name.
final class MetricFamily: Sendable {
    enum Kind: String, Sendable { case counter, gauge, histogram }

    enum Cell: Sendable {
        case number(Number)
        case histogram(Histogram)
        case computed(@Sendable () -> Double?)
    }

    /// Label sets per name; the ones beyond share the cell whose labels all read `other`. "Unbounded labels are the
    /// usual cardinality bug": a caller's text must not become a label, and if it does, memory stays bounded.
    static let maximumCells = 2000

    let name: String
    let help: String
    let kind: Kind
    let labels: [String]
    private let cells = Mutex<(order: [[String]], byLabels: [[String]: Cell])>(([], [:]))

    init(name: String, help: String, kind: Kind, labels: [String]) {
        self.name = name
        self.help = help
        self.kind = kind
        self.labels = labels
    }

    func cell(labels values: [String], make: () -> Cell) -> Cell {
        precondition(values.count == labels.count, "metric \(name) has the labels \(labels)")
        return cells.withLock { cells in
            if let known = cells.byLabels[values] { return known }
            let key =
                cells.order.count < MetricFamily.maximumCells
                ? values : Array(repeating: "other", count: labels.count)
            if let known = cells.byLabels[key] { return known }
            let cell = make()
            cells.order.append(key)
            cells.byLabels[key] = cell
            return cell
        }
    }

    func add(labels values: [String], cell: Cell) { _ = self.cell(labels: values) { cell } }

    func write(to out: inout String) {
        let (order, byLabels) = cells.withLock { ($0.order, $0.byLabels) }
        out += "# HELP \(name) \(MetricFamily.escape(help, quotes: false))\n# TYPE \(name) \(kind.rawValue)\n"
        for values in order {
            let pairs = zip(labels, values).map { "\($0)=\"\(MetricFamily.escape($1, quotes: true))\"" }
            switch byLabels[values] {
            case .number(let number): sample("", pairs, String(number.value), to: &out)
            case .computed(let read):
                if let value = read() { sample("", pairs, MetricFamily.text(value), to: &out) }
            case .histogram(let histogram): write(histogram.snapshot(), pairs, to: &out)
            case nil: break
            }
        }
    }

    private func write(_ snapshot: Histogram.Snapshot, _ pairs: [String], to out: inout String) {
        var total = 0
        for (bound, count) in zip(snapshot.bounds + [.infinity], snapshot.counts) {
            total += count
            let le = bound == .infinity ? "+Inf" : MetricFamily.text(bound)
            sample("_bucket", pairs + ["le=\"\(le)\""], String(total), to: &out)
        }
        sample("_sum", pairs, MetricFamily.text(snapshot.sum), to: &out)
        sample("_count", pairs, String(total), to: &out)
    }

    private func sample(_ suffix: String, _ pairs: [String], _ value: String, to out: inout String) {
        out += name
        out += suffix
        if !pairs.isEmpty { out += "{" + pairs.joined(separator: ",") + "}" }
        out += " " + value + "\n"
    }

    /// Whole numbers without a fraction, as Prometheus' own clients write them.
    static func text(_ value: Double) -> String {
        if value.isInfinite { return value > 0 ? "+Inf" : "-Inf" }
        if let whole = Int(exactly: value) { return String(whole) }
        return value.description
    }

    static func escape(_ text: String, quotes: Bool) -> String {
        var out = ""
        for character in text {
            switch character {
            case "\\": out += "\\\\"
            case "\n": out += "\\n"
            case "\"" where quotes: out += "\\\""
            default: out.append(character)
            }
        }
        return out
    }
}
