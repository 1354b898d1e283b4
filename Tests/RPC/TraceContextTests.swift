import TestSupport
import Testing

@testable import RPC

@Suite struct TraceContextTests {
    @Test func idsAreReadAndWrittenAlike() throws {
        var generator = SeededGenerator(seed: 7)
        for _ in 0..<500 {
            let digits = (0..<48).map { _ in "0123456789abcdef".randomElement(using: &generator) ?? "0" }
            let (trace, span) = (String(digits[..<32]), String(digits[32...]))
            let context = try #require(TraceContext(traceparent: "00-\(trace)-\(span)-01"))
            #expect(context.traceID == trace)
            #expect(context.spanID == span)
            #expect(context.traceparent == "00-\(trace)-\(span)-01")
        }
    }

    @Test func aCallIsASpanOfItsCallersTrace() throws {
        let trace = "0af7651916cd43dd8448eb211c80319c"
        let headers = ["traceparent": "00-\(trace)-b7ad6b7169203331-01", "tracestate": "a=1"]
        let context = TraceContext.continuing { headers[$0.description] }
        #expect(context.traceID == trace)
        #expect(context.spanID != "b7ad6b7169203331")
        #expect(context.sampled)
        #expect(context.state == "a=1")
    }

    /// By the second half of the id without its last bit, as other implementations have it.
    @Test func ofTracesThatBeginHereAShareIsRecorded() {
        #expect(!TraceSampling.never.takes(0))
        #expect(TraceSampling.always.takes(.max))
        let half = TraceSampling(ratio: 0.5)
        #expect(half.takes(0x7fff_ffff_ffff_ffff))
        #expect(!half.takes(0x8000_0000_0000_0000))
        let taken = (0..<10_000).count { _ in TraceContext.beginning(sampling: TraceSampling(ratio: 0.25)).sampled }
        #expect((2_000...3_000).contains(taken))
        for ratio in [-1, .nan, 2] {
            #expect(TraceContext.beginning(sampling: TraceSampling(ratio: ratio)).sampled == (ratio == 2))
        }
    }

    @Test(arguments: [("01", true), ("00", false)])
    func whatTheCallerHasDecidedHolds(flags: String, isRecorded: Bool) {
        let header = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-\(flags)"
        for sampling in [TraceSampling.never, .always] {
            let context = TraceContext.continuing(sampling: sampling) { $0.description == "traceparent" ? header : nil }
            #expect(context.sampled == isRecorded)
            #expect(context.child().sampled == isRecorded)
            #expect(context.child().traceID == context.traceID)
            #expect(context.child().spanID != context.spanID)
        }
    }

    @Test func idsAsBytesAreTheirDigits() throws {
        let context = try #require(
            TraceContext(traceID: "0af7651916cd43dd8448eb211c80319c", spanID: "b7ad6b7169203331", sampled: true))
        func hex(_ bytes: [UInt8]) -> String {
            bytes.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
        }
        #expect(hex(context.traceIDBytes) == context.traceID)
        #expect(hex(context.spanIDBytes) == context.spanID)
    }

    @Test(arguments: [nil, "", "00-0-0-00", "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"])
    func otherwiseItBeginsOne(header: String?) {
        let one = TraceContext.continuing { $0.description == "traceparent" ? header : "a=1" }
        let other = TraceContext.continuing { _ in nil }
        #expect(one.traceID.utf8.count == 32 && one.traceID != other.traceID)
        #expect(!one.sampled)
        #expect(one.state == nil)
    }
}
