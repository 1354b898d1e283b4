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

    @Test(arguments: [nil, "", "00-0-0-00", "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"])
    func otherwiseItBeginsOne(header: String?) {
        let one = TraceContext.continuing { $0.description == "traceparent" ? header : "a=1" }
        let other = TraceContext.continuing { _ in nil }
        #expect(one.traceID.utf8.count == 32 && one.traceID != other.traceID)
        #expect(!one.sampled)
        #expect(one.state == nil)
    }
}
