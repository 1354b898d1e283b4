import NIOCore
import NIOSSL
import NIOTLS

/// What a connection tells the layer above, on its event loop.
package protocol ConnectionDelegate: AnyObject {
    /// The peer speaks HTTP/2.
    func connectionReady(_ connection: HTTP2Connection)
    /// A client has opened a stream: set its delegate, which is told of the headers next, or answer without one.
    func connection(
        _ connection: HTTP2Connection, opened stream: HTTP2Stream, headers: HeaderBlock, oversized: Bool)
    /// The peer or we are leaving: no new streams.
    func connectionDraining(_ connection: HTTP2Connection, reason: String)
    /// The last call.
    func connectionClosed(_ connection: HTTP2Connection)
}

/// A connection: the shell that moves bytes between a NIO channel and a `Session`, and keeps its clocks.
///
/// Read → feed the session → deliver → drain everything into one buffer → one write per tick of the loop.
///
/// Unchecked Sendable: everything but `eventLoop`, `executor` and `peer` is confined to `eventLoop`.
package final class HTTP2Connection: ChannelDuplexHandler, SessionOwner, @unchecked Sendable {
    package typealias InboundIn = ByteBuffer
    package typealias OutboundIn = ByteBuffer
    package typealias OutboundOut = ByteBuffer

    package let eventLoop: any EventLoop
    /// Where the handlers of this connection run.
    package let executor: LoopExecutor
    /// The peer's address, for example `127.0.0.1:41234`.
    package let peer: String
    package let limits: Limits
    // Exclusivity is not checked at run time, here and below, for the reason given in `Session`.
    @exclusivity(unchecked) package var delegate: (any ConnectionDelegate)?
    /// Handlers running for this connection, bounded by `Limits.runningHandlers`; the layer above counts.
    @exclusivity(unchecked) package internal(set) var runningHandlers = 0
    /// What its requests make us hold; the layer above counts.
    @exclusivity(unchecked) var inbound: InboundBudget

    package let session: Session
    private var context: ChannelHandlerContext?
    private var isReading = false
    private var isFlushing = false
    private var flushWanted = false
    private var flushScheduled = false
    private var readHeld = false
    private var isClosing = false
    private var flushSize = 512

    // Clocks: one timer, armed for the earliest of them.
    private var timer: Scheduled<Void>?
    private var timerDue = NIODeadline.distantFuture
    private var handshakeDue: NIODeadline?
    /// When it is drained for its age; nil: never, or it has begun.
    package private(set) var ageDue: NIODeadline?
    private var drainDue: NIODeadline?
    private var roundTripDue: NIODeadline?
    /// When to look whether what we send is taken; set while anything may be waiting.
    private var stallDue: NIODeadline?
    private var bytesFlushed = 0
    /// Bytes the socket had taken when we looked last.
    private var bytesTaken = 0
    private var idleSince: NIODeadline
    private var keepalive: Keepalive
    private var keepaliveDue: NIODeadline
    private var strikes: PingStrikes
    private var drain = DrainState()
    private var drainReason = ""

    /// A connection to be added to a channel of the loop.
    package init(
        role: Session.Role, eventLoop: any EventLoop, executor: LoopExecutor, peer: String, limits: Limits,
        inboundTotal: InboundTotal? = nil
    ) throws(HTTP2Error) {
        let now = NIODeadline.now()
        self.eventLoop = eventLoop
        self.executor = executor
        self.peer = peer
        self.limits = limits
        inbound = InboundBudget(limit: limits.inboundConnectionBytes, total: inboundTotal)
        session = try Session(role: role, limits: limits, now: now)
        idleSince = now
        handshakeDue = now + limits.handshake
        keepaliveDue = now + limits.keepalive
        keepalive = Keepalive(interval: limits.keepalive, timeout: limits.keepaliveTimeout, now: now)
        strikes = PingStrikes(minimumInterval: limits.pingInterval, limit: limits.pingStrikes)
        if role == .server {
            var random = SystemRandomNumberGenerator()
            ageDue = limits.ageOfOneConnection(using: &random).map { now + $0 }
        }
    }

    // MARK: Channel

    package func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        session.owner = self
        if context.channel.isActive { start() }
    }

    package func handlerRemoved(context: ChannelHandlerContext) { ended() }

    package func channelActive(context: ChannelHandlerContext) {
        start()
        context.fireChannelActive()
    }

    private func start() {
        armTimer()
        flush()
    }

    package func channelInactive(context: ChannelHandlerContext) {
        ended()
        context.fireChannelInactive()
    }

    package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        // What still comes after our end is thrown away.
        guard !isClosing else { return }
        let buffer = unwrapInboundIn(data)
        isReading = true
        session.now = .now()
        keepalive.received(now: session.now)
        do {
            try buffer.withUnsafeReadableBytes { (bytes) throws(HTTP2Error) in try session.receive(bytes) { handle($0) }
            }
            deliver()
        } catch {
            deliver()
            close()
        }
        if let begun = session.headersBegun, begun + limits.headerBlock < timerDue { arm(begun + limits.headerBlock) }
    }

    package func channelReadComplete(context: ChannelHandlerContext) {
        isReading = false
        flush()
        context.fireChannelReadComplete()
    }

    /// Reads no more while our own output is not being taken: no read, no new work.
    package func read(context: ChannelHandlerContext) {
        if context.channel.isWritable { context.read() } else { readHeld = true }
    }

    package func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable {
            flush()
            if readHeld {
                readHeld = false
                context.read()
            }
        }
        context.fireChannelWritabilityChanged()
    }

    package func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if let event = event as? TLSUserEvent, case .handshakeCompleted(let negotiated) = event, negotiated != "h2" {
            // Without ALPN h2 the peer would read our frames as something else (RFC 9113, section 3.2).
            close()
        }
        context.fireUserInboundEventTriggered(event)
    }

    package func errorCaught(context: ChannelHandlerContext, error: any Error) { close() }

    // MARK: Deliver and flush

    private func deliver() {
        repeat {
            session.deliver { handle($0) }
            executor.runStarted()
        } while session.hasPendingDeliveries
    }

    private func handle(_ event: SessionEvent) {
        switch event {
        case .peerSettings:
            guard handshakeDue != nil else { return }
            handshakeDue = nil
            delegate?.connectionReady(self)
        case .ping:
            if session.role == .server, !strikes.received(now: session.now) {
                // Clients match this text to double their interval (gRPC doc/keepalive.md).
                session.terminate(.enhanceYourCalm, debug: "too_many_pings")
            }
        case .pingAcknowledged:
            if roundTripDue != nil { roundTripDone() }
        case .goAway(_, _, let debug):
            delegate?.connectionDraining(self, reason: debug)
        case .abuse(let name):
            session.terminate(.enhanceYourCalm, debug: name)
        case .sentTraffic:
            strikes.forgive()
        }
    }

    package func sessionNeedsFlush() {
        flushWanted = true
        guard !isReading, !isFlushing, !flushScheduled else { return }
        flushScheduled = true
        eventLoop.execute {
            self.flushScheduled = false
            self.session.now = .now()
            self.flush()
        }
    }

    private func flush() {
        guard let context, !isFlushing else { return }
        isFlushing = true
        defer { isFlushing = false }
        if stallDue == nil {
            let due = session.now + limits.writeStall
            stallDue = due
            if due < timerDue { arm(due) }
        }
        repeat {
            flushWanted = false
            guard context.channel.isWritable else { return }
            var buffer = context.channel.allocator.buffer(capacity: flushSize)
            do {
                let more = try session.drain(into: &buffer, limit: limits.outboundConnectionBytes)
                flushWanted = flushWanted || more
            } catch {
                return close()
            }
            if buffer.readableBytes > 0 {
                flushSize = min(max(512, buffer.readableBytes), 64 * 1024)
                bytesFlushed += buffer.readableBytes
                context.writeAndFlush(wrapOutboundOut(buffer), promise: nil)
            }
            deliver()
        } while flushWanted
        if session.isFinished { close() }
    }

    // MARK: SessionOwner

    package func sessionDeadlineSet(_ deadline: NIODeadline) { if deadline < timerDue { arm(deadline) } }

    package func sessionOpened(_ stream: HTTP2Stream, headers: HeaderBlock, oversized: Bool) {
        delegate?.connection(self, opened: stream, headers: headers, oversized: oversized)
    }

    package func sessionClosed(_ stream: HTTP2Stream) {
        if session.streams.isEmpty { idleSince = session.now }
        callsChanged()
    }

    // MARK: Ending

    /// Whether the peer has shown that it speaks HTTP/2.
    package var isReady: Bool { handshakeDue == nil }

    /// Whether no new calls are wanted.
    package var isDraining: Bool { drain.isDraining }

    /// Leaves without losing a call; what still runs after `grace` is cut off.
    package func beginDrain(reason: String, grace: TimeAmount) {
        guard drain.begin() == .announce else { return }
        drainReason = reason
        drainDue = .now() + grace
        roundTripDue = .now() + .seconds(5)
        session.announceShutdown()
        delegate?.connectionDraining(self, reason: reason)
        armTimer()
    }

    private func roundTripDone() {
        roundTripDue = nil
        guard drain.roundTripDone(openCalls: session.streams.count) == .refuseNewStreams else { return }
        session.goAway(.noError, debug: drainReason)
        callsChanged()
    }

    private func callsChanged() {
        if drain.callsChanged(openCalls: session.streams.count) == .close { closeAfterFlush() }
    }

    private func closeAfterFlush() {
        sessionNeedsFlush()
        eventLoop.execute { self.close() }
    }

    /// Closes the channel once what has been written is out.
    package func close() {
        guard !isClosing, let context else { return }
        isClosing = true
        context.flush()
        // Output first: closing a socket with unread input sends RST, which can destroy our last frames on the way.
        context.close(mode: .output).whenComplete { _ in
            self.eventLoop.scheduleTask(in: .milliseconds(250)) { self.context?.close(promise: nil) }
        }
    }

    private func ended() {
        guard context != nil else { return }
        context = nil
        timer?.cancel()
        session.connectionClosed()
        session.deliver { _ in }
        executor.runStarted()
        session.owner = nil
        delegate?.connectionClosed(self)
        delegate = nil
    }

    // MARK: Clocks

    private func armTimer() {
        // Never in the past: a timer that is always due would keep the loop from everything else.
        let next = max(nextDue(), session.now + .milliseconds(1))
        if next < timerDue { arm(next) }
    }

    private func arm(_ due: NIODeadline) {
        timer?.cancel()
        timerDue = due
        timer = eventLoop.scheduleTask(deadline: due) { self.tick() }
    }

    private func nextDue() -> NIODeadline {
        var next = NIODeadline.distantFuture
        for due in [handshakeDue, ageDue, drainDue, roundTripDue] { if let due { next = min(next, due) } }
        if let idle = limits.connectionIdle, session.streams.isEmpty, !drain.isDraining {
            next = min(next, idleSince + idle)
        }
        next = min(next, keepaliveDue)
        if let stallDue { next = min(next, stallDue) }
        if let begun = session.headersBegun { next = min(next, begun + limits.headerBlock) }
        for stream in session.streams {
            if let deadline = stream.deadline { next = min(next, deadline) }
            if stream.queuedBytes > 0, let progress = stream.lastProgress {
                next = min(next, progress + limits.writeStall)
            }
        }
        return next
    }

    private func tick() {
        guard context != nil else { return }
        let now = NIODeadline.now()
        session.now = now
        timerDue = .distantFuture
        if let due = handshakeDue, now >= due { return abandon() }
        if let due = drainDue, now >= due { return abandon() }
        if let begun = session.headersBegun, now >= begun + limits.headerBlock { return abandon() }
        if let due = stallDue, now >= due, isSocketStalled(now: now) { return abandon() }
        if let due = roundTripDue, now >= due { roundTripDone() }
        if let due = ageDue, now >= due {
            ageDue = nil
            beginDrain(reason: "max_age", grace: limits.connectionAgeGrace)
        }
        if let idle = limits.connectionIdle, session.streams.isEmpty, now - idleSince >= idle, !drain.isDraining {
            beginDrain(reason: "max_idle", grace: limits.connectionAgeGrace)
        }
        if now >= keepaliveDue {
            switch keepalive.tick(now: now) {
            case .ping(let next):
                keepaliveDue = next
                session.ping()
            case .wait(let until): keepaliveDue = until
            case .dead: return abandon()
            }
        }
        for stream in session.streams {
            if let deadline = stream.deadline, now >= deadline {
                stream.deadline = nil
                stream.delegate?.deadlineExceeded()
            }
            if stream.queuedBytes > 0 {
                let progress = stream.lastProgress ?? now
                stream.lastProgress = progress
                if now - progress >= limits.writeStall { stream.reset(.cancel) }
            }
        }
        armTimer()
        flush()
    }

    /// Whether the peer has taken nothing from its socket since we looked last, although there was something.
    private func isSocketStalled(now: NIODeadline) -> Bool {
        let option = ChannelOptions.Types.BufferedWritableBytesOption()
        let buffered = (try? context?.channel.syncOptions?.getOption(option)) ?? 0
        let taken = bytesFlushed - buffered
        defer { bytesTaken = taken }
        let waits = buffered > 0 || session.streams.contains { $0.queuedBytes > 0 }
        stallDue = waits ? now + limits.writeStall : nil
        return buffered > 0 && taken <= bytesTaken
    }

    /// Closes at once, without ceremony: the peer is not playing.
    private func abandon() {
        isClosing = true
        context?.close(promise: nil)
    }
}
