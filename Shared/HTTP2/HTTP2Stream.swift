import CNghttp2
import NIOCore

/// How a stream ended.
package enum StreamEnd: Sendable, Hashable {
    /// Both sides have sent END_STREAM.
    case finished
    /// RST_STREAM with a code, from either side.
    case reset(UInt32)
    /// The server never handled it (GOAWAY with a lower id, or it was not sent yet): it may be sent again elsewhere.
    case unprocessed
    /// The connection is gone.
    case connectionLost
}

/// What a stream tells the layer above. Called on the connection's event loop, never inside nghttp2.
package protocol StreamDelegate: AnyObject {
    /// The request's or the response's headers; `oversized`: the list went over the limit and is incomplete.
    func received(headers: HeaderBlock, oversized: Bool)
    /// Bytes of DATA, which are there for this call only; credit them with `consume` when they have been dealt with.
    func received(data: UnsafeBufferPointer<UInt8>)
    /// Headers after the DATA.
    func received(trailers: HeaderBlock)
    /// END_STREAM from the peer.
    func receivedEnd()
    /// The queue of bytes to send has room again.
    func outboundDrained()
    /// The stream's deadline has passed.
    func deadlineExceeded()
    /// The last call.
    func closed(_ end: StreamEnd)
}

/// One stream of a session.
///
/// Unchecked Sendable: confined to the connection's event loop, like its session.
package final class HTTP2Stream: @unchecked Sendable {
    /// The stream's id.
    @exclusivity(unchecked) package internal(set) var id: Int32
    /// Called back.
    @exclusivity(unchecked) package var delegate: (any StreamDelegate)?
    /// When the delegate is told that time is up.
    package var deadline: NIODeadline? {
        get { dueTime }
        set {
            dueTime = newValue
            if let newValue { session?.deadlineSet(newValue) }
        }
    }
    @exclusivity(unchecked) private var dueTime: NIODeadline?

    /// Until the stream has ended. Not weak: a weak reference would make every retain of the session slow.
    var session: Session?

    /// Place in the session's `StreamTable`.
    var position = 0

    // Inbound: filled inside nghttp2's callbacks, delivered after them. Exclusivity is not checked at run time, here
    // and below, for the reason given in `Session`.
    var oversized = false
    var headersDelivered = false
    @exclusivity(unchecked) var pendingHeaders: HeaderBlock?
    @exclusivity(unchecked) var pendingTrailers: HeaderBlock?
    @exclusivity(unchecked) var pendingData = PendingData()
    var pendingEnd = false
    var pendingClose: StreamEnd?
    var pendingDrained = false
    /// RST_STREAM came: with NO_ERROR that cannot be told from an end in order otherwise.
    var wasReset = false
    /// END_STREAM came.
    var peerEnded = false
    var isTouched = false

    // Outbound.
    enum Finish {
        case open, endStream
        case trailers(HeaderBlock)
    }
    @exclusivity(unchecked) var queue = OutboundQueue()
    @exclusivity(unchecked) var finish = Finish.open
    var isDeferred = false
    /// Its request has gone out (client).
    var wasSent = false
    var isClosed = false {
        didSet { if isClosed { session = nil } }
    }
    /// Bytes queued above which `outboundDrained` will be called once they are sent.
    var drainMark: Int?
    /// When bytes were last sent; nil: not since some were queued, and no clock has looked.
    var lastProgress: NIODeadline?

    init(id: Int32, session: Session) {
        self.id = id
        self.session = session
    }

    /// Tells a delegate all that follows, and that time is up at a deadline, on whose connection's clock it is put.
    package func handle(by delegate: any StreamDelegate, until deadline: NIODeadline?, on connection: HTTP2Connection) {
        self.delegate = delegate
        guard let deadline else { return }
        dueTime = deadline
        connection.sessionDeadlineSet(deadline)
    }

    /// Bytes waiting to be sent.
    package var queuedBytes: Int { queue.count }

    /// Sends the response's headers; with `endStream` nothing follows.
    package func respond(headers: HeaderBlock, endStream: Bool) {
        guard !isClosed else { return }
        session?.submitResponse(self, headers, endStream: endStream)
    }

    /// Queues bytes: `headCount` bytes of `head`, lowest first, then `body`.
    package func send(head: UInt64, headCount: Int, body: consuming [UInt8]) {
        guard !isClosed, case .open = finish else { return }
        if queue.count == 0 { lastProgress = nil }
        queue.append(head: head, headCount: headCount, body: consume body)
        resume()
    }

    /// Ends our side with trailers, after everything queued.
    package func finish(trailers: HeaderBlock) {
        guard !isClosed, case .open = finish else { return }
        finish = .trailers(trailers)
        resume()
    }

    /// Ends our side, after everything queued.
    package func finishSending() {
        guard !isClosed, case .open = finish else { return }
        finish = .endStream
        resume()
    }

    /// Asks for `outboundDrained` when no more than `mark` bytes are queued.
    package func notifyWhenDrained(to mark: Int) { drainMark = mark }

    /// Ends the stream at once.
    package func reset(_ code: ErrorCode) {
        guard !isClosed else { return }
        queue.removeAll()
        session?.submitReset(self, code)
    }

    /// Lets the peer send `count` more bytes on this stream.
    package func consume(_ count: Int) {
        guard !isClosed, count > 0 else { return }
        session?.consume(self, count)
    }

    private func resume() {
        guard isDeferred else {
            session?.setNeedsFlush()
            return
        }
        isDeferred = false
        session?.resume(self)
    }
}
