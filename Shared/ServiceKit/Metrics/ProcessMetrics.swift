import Foundation

/// What Prometheus' own clients tell of every process, under the same names; read from `/proc` when someone asks.
enum ProcessMetrics {
    static func register(in metrics: MetricsRegistry, started: Instant = .system()) {
        metrics.gauge("process_start_time_seconds", help: "When the process started, in seconds since 1970.") {
            Double(started.microseconds / 1000) / 1000
        }
        metrics.gauge("process_resident_memory_bytes", help: "Resident memory.") {
            fields(of: "/proc/self/statm").flatMap { $0.count > 1 ? Double($0[1]) : nil }.map { $0 * pageSize }
        }
        metrics.gauge(
            "process_anonymous_memory_bytes",
            help: "Resident memory without what is mapped of files, which the system takes back at need."
        ) {
            let pages = fields(of: "/proc/self/statm")?.compactMap(Double.init)
            return pages.flatMap { $0.count > 2 ? ($0[1] - $0[2]) * pageSize : nil }
        }
        metrics.gauge("process_virtual_memory_bytes", help: "Virtual memory.") {
            fields(of: "/proc/self/statm").flatMap { $0.first.flatMap(Double.init) }.map { $0 * pageSize }
        }
        metrics.counter("process_cpu_seconds_total", help: "User and system CPU time spent.") {
            // Fields 14 and 15 of the file, counted after the name, which is in parentheses and may hold blanks.
            guard let text = text(of: "/proc/self/stat"), let end = text.lastIndex(of: ")") else { return nil }
            let rest = text[text.index(after: end)...].split(separator: " ")
            guard rest.count > 12, let user = Double(rest[11]), let system = Double(rest[12]) else { return nil }
            return (user + system) / Double(max(1, sysconf(Int32(_SC_CLK_TCK))))
        }
        metrics.gauge("process_open_fds", help: "Open file descriptors.") {
            (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")).map { Double($0.count) }
        }
        metrics.gauge("process_max_fds", help: "File descriptors that may be open at a time.") {
            var limit = rlimit()
            guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return nil }
            return Double(limit.rlim_cur)
        }
    }

    private static var pageSize: Double { Double(max(1, sysconf(Int32(_SC_PAGESIZE)))) }

    private static func text(of path: String) -> String? {
        FileManager.default.contents(atPath: path).map { String(decoding: $0, as: UTF8.self) }
    }

    private static func fields(of path: String) -> [String]? {
        text(of: path)?.split(whereSeparator: \.isWhitespace).map(String.init)
    }
}
