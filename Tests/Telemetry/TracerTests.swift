import RPC
import Synchronization
import TestSupport
import Testing

@testable import Telemetry

@Suite struct TracerTests {
    /// A clock that stands still: nothing is sent because time has passed.
    private static func never(_: Duration) async throws { try await Task.sleep(for: .seconds(86_400)) }

    private static func limits(queue: Int = 100, batch: Int) -> Tracer.Limits {
        var limits = Tracer.Limits()
        (limits.queue, limits.batch) = (queue, batch)
        return limits
    }

    private static func span(_ name: String = "work") -> Span {
        Span(name, .work, at: .beginning(sampling: .always), from: .now(), to: .now())
    }

    @Test func aFullBatchIsSentAtOnce() async throws {
        let collector = SampleCollector()
        let tracer = Tracer(
            collector: collector, sampling: .always, limits: Self.limits(batch: 3), pause: Self.never)
        for _ in 0..<2 { tracer.record(Self.span()) }
        await Task.yield()
        #expect(collector.batches.isEmpty)
        tracer.record(Self.span())
        try await eventually { collector.batches.map(\.count) == [3] }
        #expect(tracer.statistics == .init(sent: 3))
        await tracer.close(within: .seconds(60))
    }

    @Test func aPartOfABatchIsSentAfterTheInterval() async throws {
        let collector = SampleCollector()
        let (hours, pass) = AsyncStream.makeStream(of: Void.self)
        let tracer = Tracer(
            collector: collector, sampling: .always, limits: Self.limits(batch: 100),
            pause: { duration in
                guard duration == Tracer.Limits().interval else { return try await Self.never(duration) }
                for await _ in hours { return }
                try await Self.never(duration)
            })
        tracer.record(Self.span())
        #expect(collector.batches.isEmpty)
        pass.yield()
        try await eventually { collector.batches.map(\.count) == [1] }
        pass.finish()
        await tracer.close(within: .seconds(60))
    }

    @Test func whatThereIsNoRoomForIsDroppedAndCounted() async throws {
        let collector = SampleCollector(isOpen: false)
        let tracer = Tracer(
            collector: collector, sampling: .always, limits: Self.limits(queue: 4, batch: 2), pause: Self.never)
        for _ in 0..<2 { tracer.record(Self.span()) }
        // Two are with the collector, which does not answer.
        try await eventually { collector.batches.count == 1 }
        for _ in 0..<7 { tracer.record(Self.span()) }
        #expect(tracer.statistics == .init(dropped: 3))
        collector.open()
        await tracer.close(within: .seconds(60))
        #expect(tracer.statistics == .init(sent: 6, dropped: 3))
    }

    @Test func whatIsLeftIsSentAtTheEndAndNothingMoreIsTaken() async throws {
        let collector = SampleCollector()
        let tracer = Tracer(
            collector: collector, sampling: .always, limits: Self.limits(batch: 4), pause: Self.never)
        for number in 0..<3 { tracer.record(Self.span("\(number)")) }
        await tracer.close(within: .seconds(60))
        #expect(collector.batches.map { $0.map(\.name) } == [["0", "1", "2"]])
        #expect(collector.isClosed)
        tracer.record(Self.span())
        #expect(tracer.statistics == .init(sent: 3, dropped: 1))
    }

    @Test func theEndDoesNotWaitForACollectorThatHangs() async throws {
        let collector = SampleCollector(isOpen: false)
        let tracer = Tracer(
            collector: collector, sampling: .always, limits: Self.limits(batch: 2),
            pause: { duration in
                // The interval never ends, the limit of closing at once.
                guard duration == .seconds(7) else { return try await Self.never(duration) }
            })
        for _ in 0..<3 { tracer.record(Self.span()) }
        await tracer.close(within: .seconds(7))
        #expect(tracer.statistics == .init(unsent: 3))
        #expect(collector.isClosed)
    }

    @Test func aCollectorThatFailsIsReportedOnceAndWhatItRefusesIsCounted() async throws {
        let collector = SampleCollector()
        let reports = Mutex<[Bool]>([])
        let tracer = Tracer(
            collector: collector, sampling: .always, limits: Self.limits(batch: 2),
            report: { error in reports.withLock { $0.append(error != nil) } }, pause: Self.never)
        func send() { for _ in 0..<2 { tracer.record(Self.span()) } }
        collector.answer = .failure(RPCError(code: .unavailable, message: "away"))
        send()
        try await eventually { tracer.statistics.unsent == 2 }
        send()
        try await eventually { tracer.statistics.unsent == 4 }
        collector.answer = .success(1)
        send()
        try await eventually { tracer.statistics == .init(sent: 1, unsent: 5) }
        await tracer.close(within: .seconds(60))
        #expect(reports.withLock { $0 } == [true, false])
    }

    @Test func aSpanWithoutCausesIsDrawnAndOneOfARecordedCallIsRecorded() async throws {
        let tracer = Tracer(collector: SampleCollector(), sampling: .never, pause: Self.never)
        var causes = Causes()
        #expect(tracer.context(causedBy: causes) == nil)
        let caller = TraceContext.beginning(sampling: .always)
        causes.add("")
        causes.add("00-zz")
        causes.add(TraceContext.beginning(sampling: .never).traceparent)
        #expect(tracer.context(causedBy: causes) == nil)
        causes.add(caller.traceparent)
        causes.add(caller.traceparent)
        #expect(causes.contexts == [caller])
        let context = try #require(tracer.context(causedBy: causes))
        #expect(context.sampled)
        #expect(context.traceID != caller.traceID, "a trace of its own")
        await tracer.close(within: .seconds(60))
    }

    @Test func aSpanHasSoManyCausesAtMost() {
        var causes = Causes()
        for _ in 0..<100 { causes.add(TraceContext.beginning(sampling: .always).traceparent) }
        #expect(causes.contexts.count == Causes.limit)
    }

    @Test(arguments: [("01", true), ("00", false), ("03", true), ("0a", false)])
    func onlyWhatIsRecordedIsKept(flags: String, isKept: Bool) {
        let text = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-\(flags)"
        #expect(Causes.kept(text) == (isKept ? text : ""))
        #expect(Causes.kept("").isEmpty)
    }
}
