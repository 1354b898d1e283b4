import Testing

@testable import ServiceKit

@Suite struct MetricsTests {
    @Test func theTextIsWhatPrometheusReads() {
        let metrics = MetricsRegistry()
        let calls = metrics.counter("calls_total", help: "Calls\nmade.", labels: ["method", "code"])
        calls.with("Get", "OK").add(3)
        calls.with("a\"b\\c\nd", "OK").add()
        metrics.gauge("in_flight", help: "Now.").with().set(2)
        metrics.gauge("known", help: "Read.") { 1.5 }
        metrics.gauge("unknown", help: "Read.") { nil }
        metrics.counter("told", help: "Read.", labels: ["by": "one", "to": "a"]) { 4 }
        metrics.counter("told", help: "Read.", labels: ["by": "two", "to": "a"]) { 5 }
        let seconds = metrics.histogram("seconds", help: "Time.", buckets: [0.1, 1]).with()
        seconds.observe(0.1)
        seconds.observe(.milliseconds(500))
        seconds.observe(.seconds(2))
        #expect(
            metrics.exposition() == """
                # HELP calls_total Calls\\nmade.
                # TYPE calls_total counter
                calls_total{method="Get",code="OK"} 3
                calls_total{method="a\\"b\\\\c\\nd",code="OK"} 1
                # HELP in_flight Now.
                # TYPE in_flight gauge
                in_flight 2
                # HELP known Read.
                # TYPE known gauge
                known 1.5
                # HELP seconds Time.
                # TYPE seconds histogram
                seconds_bucket{le="0.1"} 1
                seconds_bucket{le="1"} 2
                seconds_bucket{le="+Inf"} 3
                seconds_sum 2.6
                seconds_count 3
                # HELP told Read.
                # TYPE told counter
                told{by="one",to="a"} 4
                told{by="two",to="a"} 5
                # HELP unknown Read.
                # TYPE unknown gauge

                """)
    }

    @Test func askingAgainGivesTheSameCell() {
        let metrics = MetricsRegistry()
        metrics.counter("n", help: "N.").with().add()
        metrics.counter("n", help: "N.").with().add()
        #expect(metrics.counter("n", help: "N.").with().value == 2)
    }

    @Test func labelsStayBounded() {
        let metrics = MetricsRegistry()
        let family = metrics.counter("n", help: "N.", labels: ["text"])
        for i in 0..<MetricFamily.maximumCells + 500 { family.with("\(i)").add() }
        let text = metrics.exposition()
        #expect(text.split(separator: "\n").count == MetricFamily.maximumCells + 3)
        #expect(text.contains("n{text=\"other\"} 500"))
    }

    @Test func countingFromManyThreadsLosesNothing() async {
        let metrics = MetricsRegistry()
        let counter = metrics.counter("n", help: "N.").with()
        let seconds = metrics.histogram("s", help: "S.").with()
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    for _ in 0..<10_000 {
                        counter.add()
                        seconds.observe(.milliseconds(1))
                    }
                }
            }
        }
        #expect(counter.value == 80_000)
        #expect(seconds.snapshot().counts.reduce(0, +) == 80_000)
        #expect(seconds.snapshot().sum == 80)
    }

    @Test func theProcessTellsOfItself() {
        let metrics = MetricsRegistry()
        ProcessMetrics.register(in: metrics)
        let text = metrics.exposition()
        for name in [
            "process_resident_memory_bytes", "process_anonymous_memory_bytes", "process_cpu_seconds_total",
            "process_open_fds",
            "process_max_fds", "process_start_time_seconds",
        ] {
            #expect(text.contains("\n\(name) "), "\(name)")
        }
    }
}
