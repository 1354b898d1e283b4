import Logging
import RPC
import Storage
import Testing

@testable import ChangeFeed

/// What breaks a feed off is said as loudly as somebody must do something about it.
@Suite struct InterruptionTests {
    @Test(arguments: StatusCode.allCases.filter { $0 != .ok })
    func `a source that is away is news, one that refuses is a warning`(code: StatusCode) {
        let passing: [StatusCode] = [.unavailable, .cancelled, .deadlineExceeded, .resourceExhausted]
        let level = FeedConsumer.level(of: RPCError(code: code, message: ""))
        #expect(level == (passing.contains(code) ? Logger.Level.info : .warning))
    }

    @Test func `an event that cannot be applied is a warning`() {
        #expect(FeedConsumer.level(of: StorageError.misuse("an event")) == .warning)
    }
}
