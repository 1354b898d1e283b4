/// How one call is to be made.
public struct CallOptions: Sendable {
    /// How long to wait for the whole call; nil: the client's default. The deadline of the call being handled counts
    /// too.
    public var timeout: Duration?
    /// Metadata to send.
    public var metadata: Metadata
    /// Waits for a connection instead of failing at once when the server cannot be reached.
    public var waitForReady: Bool
    /// Compresses requests with gzip.
    public var compression: Bool
    /// Retries a call that failed UNAVAILABLE before any response. Set false where a repeated request would do harm.
    public var retries: Bool

    /// Creates options.
    public init(
        timeout: Duration? = nil, metadata: Metadata = [:], waitForReady: Bool = false, compression: Bool = false,
        retries: Bool = true
    ) {
        self.timeout = timeout
        self.metadata = metadata
        self.waitForReady = waitForReady
        self.compression = compression
        self.retries = retries
    }

    /// The usual.
    public static let defaults = CallOptions()
}
