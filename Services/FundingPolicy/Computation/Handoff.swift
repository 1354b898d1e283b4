import Dispatch
import Synchronization

/// Hands values from a reader thread, which may wait, to an async consumer, at most a few at a time: the whole of a
/// long read is never in memory, and it stays one consistent view of the database.
package final class Handoff<Element: Sendable>: Sendable {
    /// The consumer has given up.
    package struct Abandoned: Error {}

    package let elements: AsyncStream<Element>
    private let continuation: AsyncStream<Element>.Continuation
    private let slots: DispatchSemaphore
    private let abandoned = Atomic<Bool>(false)

    package init(capacity: Int = 4) {
        (elements, continuation) = AsyncStream.makeStream(of: Element.self)
        slots = DispatchSemaphore(value: capacity)
    }

    /// On the reader's thread: waits for a free slot. Throws once the consumer has given up.
    package func push(_ element: Element) throws {
        slots.wait()
        guard !abandoned.load(ordering: .acquiring) else {
            // The slot is passed on, so that every further push ends as well.
            slots.signal()
            throw Abandoned()
        }
        continuation.yield(element)
    }

    /// The consumer has dealt with an element.
    package func done() { slots.signal() }

    /// Nothing more comes.
    package func finish() { continuation.finish() }

    /// The consumer takes no more.
    package func abandon() {
        abandoned.store(true, ordering: .releasing)
        slots.signal()
    }
}
