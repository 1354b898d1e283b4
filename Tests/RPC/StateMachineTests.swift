import HTTP2
import NIOCore
import Testing

@testable import RPC

extension ServerCallState {
    fileprivate mutating func received(_ data: [UInt8], credit: inout Int) -> InboundAction {
        data.withUnsafeBufferPointer { received($0, credit: &credit) }
    }
}

@Suite struct ServerCallStateTests {
    private let message: [UInt8] = [0, 0, 0, 0, 1, 42]

    @Test func unaryStartsWhenTheRequestIsWhole() throws {
        var state = ServerCallState(kind: .unary, maximumMessage: 100, decompresses: false)
        var credit = 0
        #expect(state.accepted() == .nothing)
        #expect(state.received(message, credit: &credit) == .nothing)
        #expect(credit == message.count)
        #expect(state.receivedEnd() == .start)
        #expect(try state.take()?.bytes == [42])
    }

    @Test(arguments: [0, 2]) func unaryWithAWrongNumberOfMessagesIsUnimplemented(count: Int) {
        var state = ServerCallState(kind: .unary, maximumMessage: 100, decompresses: false)
        var credit = 0
        var action = state.accepted()
        for _ in 0..<count { action = state.received(message, credit: &credit) }
        if count == 0 { action = state.receivedEnd() }
        guard case .fail(let error) = action else {
            Issue.record("\(action)")
            return
        }
        #expect(error.code == .unimplemented)
    }

    @Test func streamsStartAtOnceAndCreditOnlyWhatIsTaken() throws {
        var state = ServerCallState(kind: .bidirectionalStreaming, maximumMessage: 100, decompresses: false)
        var credit = 0
        #expect(state.accepted() == .start)
        #expect(state.received(message + message, credit: &credit) == .wake)
        #expect(credit == 0)
        #expect(try state.take()?.credit == message.count)
        #expect(state.receivedEnd() == .wake)
        #expect(state.inboundEnded)
    }

    @Test func endInsideAMessageIsInternal() {
        var state = ServerCallState(kind: .unary, maximumMessage: 100, decompresses: false)
        var credit = 0
        _ = state.received(Array(message.dropLast()), credit: &credit)
        guard case .fail(let error) = state.receivedEnd() else {
            Issue.record("accepted")
            return
        }
        #expect(error.code == .internal)
    }

    @Test func compressedFlagWithoutEncodingIsInternal() {
        var state = ServerCallState(kind: .unary, maximumMessage: 100, decompresses: false)
        var credit = 0
        _ = state.received([1, 0, 0, 0, 0], credit: &credit)
        #expect(state.receivedEnd() == .start)
        #expect(throws: RPCError(code: .internal, message: ServerCallState.notAnnounced)) { try state.take() }
    }

    @Test func theFirstOutcomeCounts() {
        var state = ServerCallState(kind: .unary, maximumMessage: 100, decompresses: false)
        #expect(state.finish() == true)
        #expect(state.finish() == false)
    }
}

@Suite struct ClientStateTests {
    @Test func onlyUnavailableIsRetriedAndOnlyAFewTimes() {
        var state = AttemptState(policy: RetryPolicy(attempts: 3))
        let throttle = RetryThrottle()
        #expect(state.failed(code: .internal, unprocessed: false, pushback: nil, throttle: throttle) == .giveUp)
        var second = AttemptState(policy: RetryPolicy(attempts: 3))
        for _ in 0..<2 {
            #expect(second.failed(code: .unavailable, unprocessed: false, pushback: nil, throttle: throttle) != .giveUp)
        }
        #expect(second.failed(code: .unavailable, unprocessed: false, pushback: nil, throttle: throttle) == .giveUp)
    }

    @Test func pushbackDecides() {
        var state = AttemptState(policy: RetryPolicy())
        let throttle = RetryThrottle()
        #expect(
            state.failed(code: .unavailable, unprocessed: false, pushback: 70, throttle: throttle)
                == .retry(after: .milliseconds(70)))
        #expect(state.failed(code: .unavailable, unprocessed: false, pushback: -1, throttle: throttle) == .giveUp)
    }

    @Test func aFailingServerStopsRetries() {
        var throttle = RetryThrottle()
        for _ in 0..<60 { throttle.failed(code: .unavailable, unprocessed: false, pushback: nil) }
        var state = AttemptState(policy: RetryPolicy())
        #expect(state.failed(code: .unavailable, unprocessed: false, pushback: nil, throttle: throttle) == .giveUp)
        for _ in 0..<200 { throttle.succeeded() }
        #expect(throttle.allowsRetry)
    }

    @Test func refusalsOfARequestDoNotStopRetries() {
        var throttle = RetryThrottle()
        for _ in 0..<200 {
            throttle.failed(code: .notFound, unprocessed: false, pushback: nil)
            throttle.failed(code: .unavailable, unprocessed: true, pushback: nil)
        }
        #expect(throttle.allowsRetry)
        for _ in 0..<60 { throttle.failed(code: .resourceExhausted, unprocessed: false, pushback: -1) }
        #expect(!throttle.allowsRetry)
    }

    @Test func backoffGrowsToItsMaximum() {
        let backoff = Backoff(initial: .milliseconds(100), multiplier: 2, maximum: .seconds(1), jitter: 0.2)
        let waits = (1...6).map { backoff.wait(attempt: $0, random: 0) }
        #expect(
            waits == [
                .milliseconds(100), .milliseconds(200), .milliseconds(400), .milliseconds(800), .seconds(1),
                .seconds(1),
            ])
        #expect(backoff.wait(attempt: 1, random: 1) == .milliseconds(120))
        #expect(backoff.wait(attempt: 1, random: -1) == .milliseconds(80))
        let drawn = (0..<1000).map { _ in backoff.wait(attempt: 6) }
        #expect(drawn.allSatisfy { $0 >= .milliseconds(800) && $0 <= .milliseconds(1200) })
        #expect(Set(drawn).count > 900, "clients that lost their server together do not come back together")
    }

    @Test func connectivityGoesThroughItsStates() {
        let start = NIODeadline.uptimeNanoseconds(0)
        var state = Connectivity(backoff: Backoff(initial: .seconds(1), maximum: .seconds(10), jitter: 0))
        #expect(state.wanted(now: start) == true)
        #expect(state.wanted(now: start) == false)
        let retryAt = state.failed(RPCError(code: .unavailable, message: ""), now: start)
        #expect(retryAt == start + .seconds(1))
        #expect(state.wanted(now: start) == false)
        #expect(state.wanted(now: retryAt) == true)
        state.ready()
        #expect(state.state == .ready)
        state.left()
        #expect(state.state == .idle)
    }

    @Test func committedOnlyByRealHeaders() {
        var headers = HeaderBlock()
        headers.append(":status", "200")
        headers.append("content-type", "application/grpc")
        var state = ResponseState(maximumMessage: 100)
        var only = headers
        only.append("grpc-status", "14")
        state.received(headers: only)
        #expect(!state.isCommitted)
        #expect(state.outcome()?.code == .unavailable)
        state = ResponseState(maximumMessage: 100)
        state.received(headers: headers)
        #expect(state.isCommitted)
        #expect(state.outcome()?.code == .unknown)
    }

    @Test(arguments: [
        ("404", StatusCode.unimplemented), ("503", .unavailable), ("401", .unauthenticated), ("500", .unknown),
    ])
    func httpErrorsAreMapped(status: String, code: StatusCode) {
        var headers = HeaderBlock()
        headers.append(":status", status)
        var state = ResponseState(maximumMessage: 100)
        state.received(headers: headers)
        #expect(state.outcome()?.code == code)
    }

    @Test(arguments: [
        (UInt32(0x7), StatusCode.unavailable), (0x8, .cancelled), (0xb, .resourceExhausted), (0xc, .permissionDenied),
        (0x2, .internal), (0x0, .internal),
    ])
    func resetsAreMapped(code: UInt32, status: StatusCode) {
        #expect(ResponseState.status(ofReset: code).code == status)
    }
}
