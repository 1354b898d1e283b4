import HTTP2
import NIOCore

/// Who is calling, as the authorisation interceptor found out.
public struct Identity: Sendable, Hashable {
    /// A grant: verbs on the subtree of a unit.
    public struct Grant: Sendable, Hashable {
        /// Verbs, for example `registry.read`; `*` is every verb.
        public let verbs: Set<String>
        /// Unit the grant covers with its subtree, `units/{id}`; empty: the whole nation.
        public let unit: String

        /// Creates a grant.
        public init(verbs: Set<String>, unit: String) {
            self.verbs = verbs
            self.unit = unit
        }
    }

    /// Stable name of the caller.
    public let subject: String
    /// What the caller may do, and where.
    public let grants: [Grant]

    /// Creates an identity.
    public init(subject: String, grants: [Grant]) {
        self.subject = subject
        self.grants = grants
    }
}

/// An identity that many calls share. A class, so that a call keeps one reference instead of copying texts and lists.
package final class KnownCaller: Sendable {
    package let identity: Identity

    package init(_ identity: Identity) { self.identity = identity }
}

/// What a handler and the interceptors know of a call. A value: an interceptor passes a changed copy on.
public struct ServerContext: Sendable {
    /// The method called.
    public var method: MethodDescriptor { call.route.method }
    /// Position of the method in the router; metrics use it.
    package var methodIndex: Int { call.route.index }
    /// Address of the client, for example `127.0.0.1:41234`.
    public var peer: String { call.peer }
    /// When the client stops waiting; nil: never.
    public var deadline: Deadline? { call.deadline }
    /// Who is calling; nil until authorised.
    public var identity: Identity? {
        get { caller?.identity }
        set { caller = newValue.map { KnownCaller($0) } }
    }
    /// The same, where it is shared by all calls of the caller.
    package var caller: KnownCaller?
    /// W3C trace context of this call's span; nil where the server does not trace.
    public var trace: TraceContext? { call.trace }

    /// When the server had read the call's headers.
    package var arrived: NIODeadline { call.arrived }
    /// Nanoseconds that the call has waited for its service's database so far (`CallWaits`).
    package var waited: Int64 { call.waits?.nanoseconds ?? 0 }

    /// What is the same for all copies stays there: contexts are copied at each step of a call.
    @usableFromInline let call: ServerCall

    init(call: ServerCall) { self.call = call }

    /// Metadata the client sent, without the headers that belong to HTTP/2 and gRPC. Built anew on each use.
    public var metadata: Metadata { MetadataCoding.decode(call.requestHeaders) }

    /// The first value of one request header, without building all metadata. `name` must be lower-case.
    public func header(_ name: StaticString) -> String? { call.requestHeaders.first(name) }

    /// Reads the bytes of the first value of one request header where they lie; false where there is none.
    package func withHeader(
        _ name: StaticString, _ body: (UnsafeBufferPointer<UInt8>) throws -> Void
    ) rethrows -> Bool { try call.requestHeaders.visitFirst(name, body) }

    /// Whether the call has ended early: cancelled, past its deadline, or disconnected. The task is cancelled as well.
    public var isCancelled: Bool { Task.isCancelled }

    /// Sets metadata to be sent before the first message. Ignored once the first message is on its way.
    public func setInitialMetadata(_ metadata: Metadata) { call.setInitialMetadata(metadata) }

    /// Adds metadata to be sent with the status.
    public func addTrailingMetadata(_ metadata: Metadata) { call.addTrailingMetadata(metadata) }

    /// Compresses the messages sent from now on, where the client accepts gzip.
    public func setCompression(_ enabled: Bool) { call.setCompression(enabled) }

    /// Messages and bytes so far, for logs and metrics.
    public var counters: CallCounters { call.counters }
}

/// Messages and bytes of a call; bytes are message bytes before compression.
public struct CallCounters: Sendable, Hashable {
    public var messagesReceived = 0
    /// Of `messagesReceived`, those that came compressed.
    public var compressedMessagesReceived = 0
    public var messagesSent = 0
    public var bytesReceived = 0
    public var bytesSent = 0
}

/// A point in time after which nobody waits for the answer.
public struct Deadline: Sendable, Hashable, Comparable {
    /// On the clock of the event loops, whose timers keep deadlines. Not an instant of the standard library: those have
    /// no size that is known when we are compiled, and every value that holds one would be handled through
    /// descriptions.
    private let time: NIODeadline
    /// What lies beyond what that clock can say, which is more than a century.
    private let beyond: Duration?

    /// A deadline that the clock can say.
    init(_ time: NIODeadline) {
        self.time = time
        beyond = nil
    }

    init(_ timeout: Duration, from now: NIODeadline) {
        let amount: TimeAmount? = TimeAmount(timeout)
        time = amount.map { now + $0 } ?? now
        beyond = amount == nil ? timeout : nil
    }

    /// A deadline some time from now.
    public static func after(_ duration: Duration) -> Deadline { Deadline(duration, from: .now()) }

    /// What is left; negative when passed.
    public var remaining: Duration { .nanoseconds((time - .now()).nanoseconds) + (beyond ?? .zero) }

    /// Nanoseconds left; negative when passed. For who only writes them down.
    package func nanosecondsLeft(at now: NIODeadline) -> Int64 { beyond == nil ? (time - now).nanoseconds : .max }

    /// When a timer is due for it: for one beyond the clock nobody waits.
    var timer: NIODeadline? { beyond == nil ? time : nil }

    public static func < (one: Deadline, other: Deadline) -> Bool {
        (one.beyond ?? .zero, one.time) < (other.beyond ?? .zero, other.time)
    }
}
