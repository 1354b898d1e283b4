import Foundation

/// Progress of long work on standard error: a line that is rewritten on a terminal, and one line every ten seconds
/// elsewhere, so that a log stays readable.
final class ProgressLine {
    private let label: String
    private let unit: String
    private let total: Int?
    private let terminal = isatty(STDERR_FILENO) == 1
    private let begun = ContinuousClock.now
    private var shown = ContinuousClock.now
    private var done = 0
    private var looked = 0

    init(label: String, unit: String, total: Int? = nil) {
        self.label = label
        self.unit = unit
        self.total = total
    }

    func update(_ done: Int) {
        self.done = done
        // Looking at the clock for every row would cost more than some rows do.
        guard done - looked >= 64 else { return }
        looked = done
        let now = ContinuousClock.now
        guard shown.duration(to: now) >= (terminal ? .milliseconds(200) : .seconds(10)) else { return }
        shown = now
        draw()
    }

    /// Draws the end state, on a terminal or when anything took long enough to have been shown before.
    func finish() {
        guard terminal || shown != begun || begun.duration(to: .now) >= .seconds(1) else { return }
        draw()
        if terminal { write("\n") }
    }

    private func draw() {
        let elapsed = begun.duration(to: .now)
        let seconds = Double(elapsed.components.seconds) + Double(elapsed.components.attoseconds) / 1e18
        let rate = seconds > 0 ? Int(Double(done) / seconds) : 0
        let line = Self.text(label: label, unit: unit, done: done, total: total, rate: rate)
        write(terminal ? "\r\u{1B}[K\(line)" : "\(line)\n")
    }

    static func text(label: String, unit: String, done: Int, total: Int?, rate: Int) -> String {
        guard let total, total > 0 else { return "\(label): \(grouped(done)) \(unit), \(grouped(rate))/s" }
        let width = 24
        let filled = min(width, done * width / total)
        let bar = String(repeating: "█", count: filled) + String(repeating: "░", count: width - filled)
        let percent = done * 100 / total
        let left = rate > 0 && done < total ? ", \((total - done) / rate) s left" : ""
        return "\(label) \(bar) \(percent)%  \(grouped(done)) of \(grouped(total)) \(unit), \(grouped(rate))/s\(left)"
    }

    private func write(_ text: String) { FileHandle.standardError.write(Data(text.utf8)) }
}

/// 1234567 as 1,234,567.
func grouped(_ number: some BinaryInteger) -> String {
    let digits = String(number.magnitude)
    var out = ""
    for (offset, digit) in digits.enumerated() {
        if offset > 0, (digits.count - offset) % 3 == 0 { out.append(",") }
        out.append(digit)
    }
    return number < 0 ? "-\(out)" : out
}
