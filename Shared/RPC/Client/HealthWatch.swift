import HTTP2
import NIOCore

/// Watches the health of the server at the other end of one connection (gRFC A17): `grpc.health.v1.Health/Watch`, whose
/// two messages are small enough to be read and written by hand, so that this module needs no generated code.
///
/// Unchecked Sendable: the constants are immutable; all else is confined to the client's event loop.
final class HealthWatch: StreamDelegate, @unchecked Sendable {
    private let service: String
    private let connection: HTTP2Connection
    private let headers: HeaderBlock
    private let backoff: Backoff
    private let changed: (Bool) -> Void
    private var stream: HTTP2Stream?
    private var response = ResponseState(maximumMessage: 1024)
    private var failures = 0
    private var isStopped = false

    /// `headers`: those of the request. `changed` hears whether the server serves, each time it says so.
    init(
        service: String, connection: HTTP2Connection, headers: HeaderBlock, backoff: Backoff,
        changed: @escaping (Bool) -> Void
    ) {
        self.service = service
        self.connection = connection
        self.headers = headers
        self.backoff = backoff
        self.changed = changed
    }

    /// Where a Health service is asked.
    static let path = "/grpc.health.v1.Health/Watch"

    func start() {
        guard !isStopped else { return }
        response = ResponseState(maximumMessage: 1024)
        guard let stream = try? connection.session.open(headers: headers, endStream: false, delegate: self) else {
            return again()
        }
        self.stream = stream
        let request = Self.request(service: service)
        stream.send(
            head: MessageDeframer.prefix(isCompressed: false, length: request.count), headCount: 5, body: request)
        stream.finishSending()
    }

    /// The connection is gone or leaving.
    func stop() {
        isStopped = true
        stream?.reset(.cancel)
        stream = nil
    }

    private func ended(_ error: RPCError?) {
        guard stream != nil else { return }
        stream = nil
        guard !isStopped else { return }
        // "If the server does not implement the health service, the client assumes that it is healthy."
        if error?.code == .unimplemented { return changed(true) }
        changed(false)
        again()
    }

    private func again() {
        failures += 1
        let wait = TimeAmount(backoff.wait(attempt: failures)) ?? .seconds(20)
        connection.eventLoop.scheduleTask(in: wait) { self.start() }
    }

    /// HealthCheckRequest { string service = 1; }
    static func request(service: String) -> [UInt8] {
        let name = Array(service.utf8.prefix(127))
        return name.isEmpty ? [] : [0x0a, UInt8(name.count)] + name
    }

    /// HealthCheckResponse { ServingStatus status = 1; }, of which 1 is SERVING; absent is UNKNOWN.
    static func isServing(_ response: [UInt8]) -> Bool { response == [0x08, 1] }

    // MARK: From the stream

    func received(headers: HeaderBlock, oversized: Bool) { response.received(headers: headers) }

    func received(data: UnsafeBufferPointer<UInt8>) {
        stream?.consume(data.count)
        var credit = 0
        do {
            try response.received(data, credit: &credit)
            while let frame = try response.take() {
                failures = 0
                changed(Self.isServing(frame.bytes))
            }
        } catch {
            stream?.reset(.cancel)
        }
    }

    func received(trailers: HeaderBlock) { response.received(trailers: trailers) }
    func receivedEnd() { ended(response.outcome()) }
    func outboundDrained() {}
    func deadlineExceeded() {}
    func closed(_ end: StreamEnd) { ended(RPCError(code: .unavailable, message: "The watch was cut off.")) }
}
