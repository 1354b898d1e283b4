import RPC

/// The spans that caused something, of those of their traces that are recorded.
package struct Causes: Sendable, Hashable {
    /// A span links to so many at most: a batch may come from thousands of calls.
    package static let limit = 32

    package private(set) var contexts: [TraceContext] = []
    /// The last text that was added: events of one call come one after the other.
    private var last = ""

    package init() {}

    /// Adds the span of a `traceparent` as it was stored; what is empty, unreadable or not recorded says nothing.
    package mutating func add(_ traceparent: String) {
        guard !traceparent.isEmpty, traceparent != last, contexts.count < Self.limit else { return }
        last = traceparent
        guard let context = TraceContext(traceparent: traceparent), context.sampled, !contexts.contains(context) else {
            return
        }
        contexts.append(context)
    }
}

extension Tracer {
    /// Where a span stands that something else caused, in a trace of its own; nil: it is not recorded. It is where one
    /// of its causes is, and else where its trace is drawn.
    package func context(causedBy causes: Causes) -> TraceContext? {
        let context = TraceContext.beginning(sampling: causes.contexts.isEmpty ? sampling : .always)
        return context.sampled ? context : nil
    }
}

extension Causes {
    /// A `traceparent` as far as it is worth keeping: empty where its trace is not recorded, which is the usual case.
    package static func kept(_ traceparent: String) -> String {
        // The lowest bit of the flags, at the end.
        guard let last = traceparent.utf8.last, let flags = UInt8(String(UnicodeScalar(last)), radix: 16) else {
            return ""
        }
        return flags & 1 == 1 ? traceparent : ""
    }
}
