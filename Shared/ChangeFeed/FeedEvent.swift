import Foundation
import Shared
import SwiftProtobuf

/// One change of one aggregate.
package struct FeedEvent: Sendable, Hashable {
    /// Position in the topic, rising.
    package var sequence: Int64
    /// What changed, as a resource name, for example `teams/0190…`.
    package var aggregate: String
    /// Version of the aggregate; the newest one replaces those before.
    package var version: Int64
    /// When it was recorded, in microseconds since 1970.
    package var recordedAt: Int64
    /// W3C trace context of the call that caused it; may be empty.
    package var traceparent: String
    /// Full name of the payload's message, for example `cdt.registry.v1.TeamFact`; empty for a tombstone.
    package var type: String
    /// The payload, serialized.
    package var payload: [UInt8]
    /// True when the aggregate is gone, or has left the reader's sight.
    package var isTombstone: Bool

    package init(
        sequence: Int64, aggregate: String, version: Int64, recordedAt: Int64, traceparent: String = "", type: String,
        payload: [UInt8], isTombstone: Bool = false
    ) {
        self.sequence = sequence
        self.aggregate = aggregate
        self.version = version
        self.recordedAt = recordedAt
        self.traceparent = traceparent
        self.type = type
        self.payload = payload
        self.isTombstone = isTombstone
    }

    /// The payload if it is a message of this type; nil for another type and for a tombstone.
    package func payload<Payload: Message>(as message: Payload.Type = Payload.self) throws -> Payload? {
        guard !isTombstone, type == Payload.protoMessageName else { return nil }
        return try Payload(serializedBytes: payload)
    }

    /// What a source would say that knew that the aggregate is gone.
    static func tombstone(of aggregate: String, at recordedAt: Int64) -> FeedEvent {
        FeedEvent(
            sequence: 0, aggregate: aggregate, version: 0, recordedAt: recordedAt, type: "", payload: [],
            isTombstone: true)
    }

    /// The event as one who may no longer see the aggregate gets it.
    package var asTombstone: FeedEvent {
        var event = self
        event.type = ""
        event.payload = []
        event.isTombstone = true
        return event
    }
}

extension FeedEvent {
    private static let typePrefix = "type.googleapis.com/"

    /// Reads an event off the wire.
    package init(_ message: Cdt_Feed_V1_Event) {
        let url = message.payload.typeURL
        self.init(
            sequence: message.sequence, aggregate: message.aggregate, version: message.version,
            recordedAt: message.recordedAt.microseconds, traceparent: message.traceparent,
            type: url.lastIndex(of: "/").map { String(url[url.index(after: $0)...]) } ?? url,
            payload: Array(message.payload.value), isTombstone: message.tombstone)
    }

    package var message: Cdt_Feed_V1_Event {
        .with {
            $0.sequence = sequence
            $0.aggregate = aggregate
            $0.version = version
            $0.recordedAt = Google_Protobuf_Timestamp(microseconds: recordedAt)
            $0.traceparent = traceparent
            $0.tombstone = isTombstone
            guard !isTombstone else { return }
            $0.payload.typeURL = Self.typePrefix + type
            $0.payload.value = .init(payload)
        }
    }
}

extension Google_Protobuf_Timestamp {
    init(microseconds: Int64) {
        let (seconds, rest) = microseconds.quotientAndRemainder(dividingBy: 1_000_000)
        // Before 1970 the remainder is negative, and `nanos` must not be.
        let borrow: Int64 = rest < 0 ? 1 : 0
        self.init(seconds: seconds - borrow, nanos: Int32((rest + borrow * 1_000_000) * 1_000))
    }

    var microseconds: Int64 { seconds * 1_000_000 + Int64(nanos) / 1_000 }
}
