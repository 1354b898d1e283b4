/// The open streams of a session. nghttp2 finds a stream by its id; here streams are kept, counted and walked.
package struct StreamTable: Sequence {
    private var streams: [HTTP2Stream] = []

    package var isEmpty: Bool { streams.isEmpty }
    package var count: Int { streams.count }
    package func makeIterator() -> IndexingIterator<[HTTP2Stream]> { streams.makeIterator() }

    mutating func insert(_ stream: HTTP2Stream) {
        stream.position = streams.count
        streams.append(stream)
    }

    /// Removes a stream that is in the table; the last takes its place.
    mutating func remove(_ stream: HTTP2Stream) {
        let last = streams.removeLast()
        guard last !== stream else { return }
        last.position = stream.position
        streams[stream.position] = last
    }
}
