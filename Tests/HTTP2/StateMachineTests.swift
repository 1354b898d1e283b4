import NIOCore
import Testing

@testable import HTTP2

@Suite struct HTTP2StateTests {
    private let start = NIODeadline.uptimeNanoseconds(1_000_000_000)

    @Test func aBucketAllowsABurstThenARate() {
        var bucket = TokenBucket(.init(burst: 3, perSecond: 2), now: start)
        let later = start + .seconds(1)
        let taken = [start, start, start, start, later, later, later].map { bucket.take(now: $0) }
        #expect(taken == [true, true, true, false, true, true, false])
    }

    @Test func aBucketKeepsWhatMakesUpLessThanAToken() {
        var bucket = TokenBucket(.init(burst: 2, perSecond: 0.5), now: start)
        let taken = [0, 0, 0, 3, 3, 4, 5, 6, 100, 100, 100].map { bucket.take(now: start + .seconds($0)) }
        #expect(taken == [true, true, false, true, false, true, false, true, true, true, false])
        #expect(bucket.wait(now: start + .seconds(100)) == .seconds(2))
        #expect(bucket.wait(now: start + .milliseconds(101_500)) == .milliseconds(500))
        #expect(bucket.wait(now: start + .seconds(200)) == .zero)
        var shut = TokenBucket(.init(burst: 0, perSecond: 0), now: start)
        let isOpen = shut.take(now: start + .hours(1000))
        #expect(!isOpen)
        #expect(shut.wait(now: start) == .hours(24))
    }

    @Test func pingsThatComeTooOftenAreStrikes() {
        var strikes = PingStrikes(minimumInterval: .seconds(10), limit: 2)
        let tolerated = (0..<4).map { strikes.received(now: start + .seconds(Int64($0))) }
        #expect(tolerated == [true, true, true, false])
    }

    @Test func trafficForgivesStrikes() {
        var strikes = PingStrikes(minimumInterval: .seconds(10), limit: 1)
        for second in 0..<20 {
            #expect(strikes.received(now: start + .seconds(Int64(second))) == true)
            strikes.forgive()
        }
    }

    @Test func keepaliveAsksThenGivesUp() {
        var keepalive = Keepalive(interval: .seconds(60), timeout: .seconds(20), now: start)
        #expect(keepalive.tick(now: start + .seconds(30)) == .wait(until: start + .seconds(60)))
        #expect(keepalive.tick(now: start + .seconds(60)) == .ping(next: start + .seconds(80)))
        #expect(keepalive.tick(now: start + .seconds(80)) == .dead)
        keepalive.received(now: start + .seconds(81))
        #expect(keepalive.tick(now: start + .seconds(82)) == .wait(until: start + .seconds(141)))
    }

    @Test func drainingTakesTwoSteps() {
        var drain = DrainState()
        #expect(drain.begin() == .announce)
        #expect(drain.begin() == .nothing)
        #expect(drain.callsChanged(openCalls: 0) == .nothing)
        #expect(drain.roundTripDone(openCalls: 1) == .refuseNewStreams)
        #expect(drain.callsChanged(openCalls: 1) == .nothing)
        #expect(drain.callsChanged(openCalls: 0) == .close)
        #expect(drain.callsChanged(openCalls: 0) == .nothing)
    }

    @Test func outboundBytesKeepTheirOrderAcrossAnyCut() {
        for size in 1...12 {
            var queue = OutboundQueue()
            queue.append(head: 0x05_04_03_02_01, headCount: 5, body: [6, 7, 8])
            queue.append(head: 0, headCount: 0, body: [])
            queue.append(head: 9, headCount: 1, body: [10])
            var seen: [UInt8] = []
            while queue.count > 0 {
                var buffer = [UInt8](repeating: 0, count: size)
                let moved = buffer.withUnsafeMutableBufferPointer { queue.move(into: $0) }
                seen += buffer[..<moved]
            }
            #expect(seen == Array(1...10))
        }
    }

    @Test func everyLimitHasANameAndTakesAValue() {
        #expect(Limits.names.count == Mirror(reflecting: Limits()).children.count)
        #expect(Set(Limits.names).count == Limits.names.count)
        for name in Limits.names {
            var limits = Limits()
            let before = "\(limits)"
            let values = ["7", "7/7"]
            #expect(values.contains { limits.set(name, to: $0) == nil }, "\(name)")
            #expect("\(limits)" != before, "\(name)")
            #expect(limits.set(name, to: "much") != nil)
            #expect(limits.set(name, to: "-1") != nil)
        }
        var limits = Limits()
        #expect(limits.set("connection-age", to: "1.5") == nil && limits.connectionAge == .milliseconds(1500))
        #expect(limits.set("connection-age", to: "off") == nil && limits.connectionAge == nil)
        #expect(limits.set("unary-timeout", to: "off") == nil && limits.unaryTimeout == nil)
        #expect(limits.set("peer-resets", to: "20/5") == nil && limits.peerResets == .init(burst: 20, perSecond: 5))
        #expect(limits.set("stream-errors", to: "5/0.5") == nil && "\(limits.streamErrors)" == "5/0.5")
        for text in ["5", "5/", "/5", "5/5/5", "5/nan", "5/inf", "0.5/5"] {
            #expect(limits.set("peer-resets", to: text) != nil, "\(text)")
        }
        #expect(limits.set("nothing", to: "1") != nil)
    }

    @Test func headerBlocksFindFieldsByName() {
        var block = HeaderBlock()
        block.append(":path", "/a/b")
        block.append("x", "1")
        block.append("x", "2")
        #expect(block.first("x") == "1")
        #expect(block.count(of: "x") == 2)
        #expect(block.first("y") == nil)
        #expect(block.listSize == (5 + 4 + 32) + 2 * (1 + 1 + 32))
    }
}
