import NIOCore

/// Every bound the wire has, with its default. Operators change them by configuration; nothing else bounds the wire.
public struct Limits: Sendable {
    // Streams and headers

    /// Streams a peer may have open at once on one connection (SETTINGS_MAX_CONCURRENT_STREAMS).
    public var concurrentStreams = 256
    /// Handlers running at once for one connection. A reset stream frees its place in `concurrentStreams` at once, its
    /// handler only when it has ended: this is what bounds the work of rapid resets (CVE-2023-44487, CVE-2025-8671).
    public var runningHandlers = 512
    /// Bytes of one header list, counted as name + value + 32 (gRPC suggests 8 KiB).
    public var headerListBytes = 8 * 1024
    /// CONTINUATION frames after one HEADERS (CVE-2024-28182).
    public var continuations = 8
    /// Entries in one SETTINGS frame; one with more ends the connection.
    public var settingsEntries = 32

    // Messages

    /// Bytes of one received message, after decompression; checked before anything is buffered.
    public var receiveMessageBytes = 4 * 1024 * 1024

    /// Bytes of requests that are incomplete or not taken yet, for one connection, above which only one stream at a
    /// time is given more window. The most a connection can make us hold is `concurrentStreams` × `streamWindowBytes`
    /// and one message.
    public var inboundConnectionBytes = 16 * 1024 * 1024
    /// Bytes of requests that are incomplete or not taken yet, for the whole server, above which requests that hold
    /// more than 64 KiB are refused with RESOURCE_EXHAUSTED.
    public var inboundServerBytes = 256 * 1024 * 1024

    // Flow control

    /// Bytes a peer may send on one stream before the handler takes them.
    public var streamWindowBytes = 256 * 1024
    /// Bytes a peer may send on one connection before they are read off the session.
    public var connectionWindowBytes = 1024 * 1024
    /// Bytes queued on one stream above which its writer waits.
    public var outboundStreamBytes = 64 * 1024
    /// Bytes in the socket's write buffer above which the connection neither serialises nor reads.
    public var outboundConnectionBytes = 256 * 1024
    /// Acknowledgements waiting to be sent (PING and SETTINGS floods).
    public var outboundAcknowledgements = 1000

    // Misbehaviour

    /// Streams a peer may reset in a burst, and per second after that. An honest client resets a stream for each call
    /// that runs out of time, and they may be many at once; what a reset costs is bounded by `runningHandlers`.
    public var peerResets = TokenBucket.Rate(burst: 1_000, perSecond: 500)
    /// Frames we must answer with an error, in a burst and per second: above it GOAWAY ENHANCE_YOUR_CALM.
    public var streamErrors = TokenBucket.Rate(burst: 100, perSecond: 10)
    /// SETTINGS, PRIORITY, WINDOW_UPDATE of nothing, empty DATA and unknown frames, in a burst and per second.
    public var controlFrames = TokenBucket.Rate(burst: 5_000, perSecond: 2_000)
    /// Header lists over `headerListBytes` before the connection is ended.
    public var oversizedHeaderLists = 10

    // Time

    /// From accepting a connection to the client's first SETTINGS, TLS handshake included.
    public var handshake: TimeAmount = .seconds(10)
    /// From the first frame of a header list to its last: a client has no reason to wait in between.
    public var headerBlock: TimeAmount = .seconds(10)
    /// Deadline of a unary call whose client names none; nil: none.
    public var unaryTimeout: Duration? = .seconds(60)
    /// A stream that has something to send and makes no progress is reset after this; a connection whose peer takes
    /// nothing from its socket is closed after at most twice this.
    public var writeStall: TimeAmount = .seconds(60)
    /// A connection without a call is closed after this; nil: never.
    public var connectionIdle: TimeAmount?
    /// A connection is drained after this, with 10 % jitter; nil: never (gRFC A9).
    public var connectionAge: TimeAmount?
    /// Calls of a drained connection may run on for so long.
    public var connectionAgeGrace: TimeAmount = .seconds(60)
    /// A silent connection is pinged after this (gRPC default: 2 hours).
    public var keepalive: TimeAmount = .hours(2)
    /// A ping must be answered within this.
    public var keepaliveTimeout: TimeAmount = .seconds(20)
    /// Clients may ping so often; more often is a strike.
    public var pingInterval: TimeAmount = .seconds(10)
    /// Strikes before GOAWAY `too_many_pings`. Sent HEADERS or DATA forgive them.
    public var pingStrikes = 2

    // Connections

    /// Connections a server holds at once; more are closed on arrival.
    public var connections = 10_000
    /// Connections at once from one address; more are closed on arrival. Raise it where all clients come through one
    /// proxy.
    public var connectionsPerAddress = 2_000

    /// The defaults.
    public init() {}
}

extension Limits {
    /// How long one connection lasts until it is drained: `connectionAge`, longer or shorter by up to 10 %, so that
    /// clients that connected together do not come back together (gRFC A9). nil: for ever.
    package func ageOfOneConnection(using random: inout some RandomNumberGenerator) -> TimeAmount? {
        guard let connectionAge else { return nil }
        return .nanoseconds(Int64(Double(connectionAge.nanoseconds) * Double.random(in: 0.9...1.1, using: &random)))
    }
}
