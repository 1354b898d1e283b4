import RPC
import Shared
import Storage
import SwiftProtobuf
import Telemetry
import TestSupport
import Testing

@testable import ChangeFeed

/// What a collector of traces learns of events that are applied.
@Suite(.onBothEngines) struct BatchSpanTests {
    private struct Refused: Error {}

    /// Delivers once, and stays open.
    private struct Once: FeedSource {
        let response: Cdt_Feed_V1_FollowResponse

        func follow(
            _ request: Cdt_Feed_V1_FollowRequest, deliver: (Cdt_Feed_V1_FollowResponse) async throws -> Void
        ) async throws {
            try await deliver(response)
            try await Task.sleep(for: .seconds(3_600))
        }
    }

    /// The spans of a batch of events that these calls have caused.
    private func spans(
        ofEventsFrom calls: [TraceContext], isRefused: Bool = false, in copy: Copy
    ) async throws -> [Span] {
        let events = try calls.enumerated().map { index, call in
            FeedEvent(
                sequence: Int64(index + 1), aggregate: "items/\(index)", version: 1, recordedAt: 1,
                traceparent: call.traceparent, type: Number.protoMessageName,
                payload: try Number(1).serializedBytes())
        }
        let source = Once(
            response: .with {
                $0.events = events.map(\.message)
                $0.cursor = "x"
            })
        let collector = SampleCollector()
        let tracer = Tracer(collector: collector, sampling: .always)
        let consumer = try copy.consumer(of: source) { event, tx in
            if isRefused { throw Refused() }
            try Copy.apply(event, tx)
        }
        let task = Task { await consumer.run(tracer: tracer) }
        try await eventually { isRefused ? consumer.statistics.failures > 0 : consumer.statistics.batches > 0 }
        task.cancel()
        await task.value
        await tracer.close(within: .seconds(60))
        return collector.spans
    }

    @Test func aBatchIsLinkedToTheCallsThatAreRecorded() async throws {
        let copy = try await Copy.open()
        let (one, other) = (TraceContext.beginning(sampling: .always), TraceContext.beginning(sampling: .always))
        let silent = TraceContext.beginning(sampling: .never)
        let span = try #require(try await spans(ofEventsFrom: [one, one, silent, other], in: copy).first)
        #expect(span.name == "process numbers.facts")
        #expect(span.kind == .consumer)
        #expect(span.links == [one, other])
        #expect(span.parent == nil && span.context.traceID != one.traceID)
        #expect(!span.hasFailed)
        #expect(span.attributes.contains(.init("messaging.batch.message_count", 4)))
        await copy.database.close()
    }

    @Test func aBatchThatCannotBeAppliedHasFailed() async throws {
        let copy = try await Copy.open()
        let spans = try await spans(
            ofEventsFrom: [TraceContext.beginning(sampling: .always)], isRefused: true, in: copy)
        #expect(!spans.isEmpty)
        #expect(spans.allSatisfy { $0.hasFailed })
        await copy.database.close()
    }

    @Test func ofCallsThatAreNotRecordedThereIsNoSpan() async throws {
        let copy = try await Copy.open()
        #expect(try await spans(ofEventsFrom: [TraceContext.beginning(sampling: .never)], in: copy).isEmpty)
        await copy.database.close()
    }
}
