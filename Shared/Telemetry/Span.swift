import Foundation
import RPC

/// Something that took time, as a collector of traces gets it.
///
/// Its attributes name nobody: no field of a request or reply, no subject of a token, no recipient, no message of an
/// error.
package struct Span: Sendable, Hashable {
    package enum Kind: Sendable, Hashable {
        case work, server, client, producer, consumer
    }

    package enum Value: Sendable, Hashable {
        case text(String)
        case integer(Int64)
    }

    package struct Attribute: Sendable, Hashable {
        package let key: String
        package let value: Value

        package init(_ key: String, _ text: String) { (self.key, value) = (key, .text(text)) }
        package init(_ key: String, _ number: some BinaryInteger) { (self.key, value) = (key, .integer(Int64(number))) }
    }

    /// Where it is in its trace.
    package var context: TraceContext
    /// The span it is part of; nil: its trace begins with it.
    package var parent: TraceContext?
    /// Spans that caused it without waiting for it, of other traces mostly.
    package var links: [TraceContext] = []
    /// One of a few: what differs from one to the next belongs into attributes.
    package var name: String
    package var kind: Kind
    package var start: Moment
    package var end: Moment
    package var attributes: [Attribute] = []
    package var hasFailed = false

    package init(_ name: String, _ kind: Kind, at context: TraceContext, from start: Moment, to end: Moment) {
        self.context = context
        self.name = name
        self.kind = kind
        self.start = start
        self.end = end
    }

    /// Nanoseconds since 1970.
    package struct Moment: Sendable, Hashable {
        package let nanoseconds: UInt64

        package init(nanoseconds: UInt64) { self.nanoseconds = nanoseconds }

        /// On the machine's clock.
        package static func now() -> Moment {
            var time = timespec()
            clock_gettime(CLOCK_REALTIME, &time)
            return Moment(nanoseconds: UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec))
        }

        /// So many nanoseconds before; what took time by another clock.
        package func before(_ nanoseconds: Int64) -> Moment {
            Moment(nanoseconds: self.nanoseconds &- UInt64(clamping: nanoseconds))
        }
    }
}
