import CLibpq
import Foundation

/// A session with the server, in libpq's pipeline mode: commands are sent without waiting, and their answers are read
/// in order.
final class PostgresLink: @unchecked Sendable {
    // Sendable: whoever holds a link has it alone; it is handed from the thread that opens it to the one that uses it.

    /// What is expected in answer to one command.
    private struct Expected {
        /// The statement, for errors.
        var context: String
        var isSync = false
        /// Gets the result; true if it keeps it.
        var take: ((OpaquePointer) -> Bool)?
        /// Called when there is an error instead, of this command or of one before.
        var failed: (() -> Void)?
    }

    private let handle: OpaquePointer
    private var queue: [Expected] = []
    private var isDead = false
    /// A server that has become a follower of another one is of no use for writing, and the address may name both.
    private let isForWriting: Bool

    /// Opens a session and sets it up.
    ///
    /// - Parameter address: A `postgresql://` URL or libpq's `key=value` words.
    init(address: String, isForWriting: Bool, setUp: String) throws {
        self.isForWriting = isForWriting
        // Later words win, and what the address says stands between ours: it overrides the first ones only.
        let words: [(String, String)] = [
            ("connect_timeout", "5"), ("keepalives_idle", "30"), ("keepalives_interval", "10"),
            ("tcp_user_timeout", "60000"), ("dbname", address), ("client_encoding", "UTF8"),
            ("fallback_application_name", "cdt"),
        ]
        let keys = words.map { strdup($0.0) }
        let values = words.map { strdup($0.1) }
        defer { for text in keys + values { free(text) } }
        let opened = (keys.map { UnsafePointer($0) } + [nil]).withUnsafeBufferPointer { keys in
            (values.map { UnsafePointer($0) } + [nil]).withUnsafeBufferPointer { values in
                PQconnectdbParams(keys.baseAddress, values.baseAddress, 1)
            }
        }
        guard let opened else { throw StorageError.unavailable("no memory for a connection to PostgreSQL") }
        handle = opened
        guard PQstatus(opened) == CONNECTION_OK else { throw PostgresFailure.lost(lastMessage) }
        // Notices would go to standard error.
        PQsetNoticeProcessor(opened, { _, _ in }, nil)
        let encoding = PQparameterStatus(opened, "server_encoding").map { String(cString: $0) } ?? "?"
        guard encoding == "UTF8" else {
            throw StorageError.unavailable(
                "the PostgreSQL database is encoded in \(encoding); create it with ENCODING 'UTF8'")
        }
        guard PQserverVersion(opened) >= 130_000 else {
            throw StorageError.unavailable(
                "PostgreSQL 13 or newer is needed; this server is \(PQserverVersion(opened))")
        }
        guard PQenterPipelineMode(opened) == 1 else { throw PostgresFailure.lost(lastMessage) }
        try run(script: setUp)
    }

    deinit { PQfinish(handle) }

    var isBroken: Bool { isDead || PQstatus(handle) == CONNECTION_BAD }
    /// Answers that have not been read.
    var unread: Int { queue.count }
    var hasUnread: Bool { !queue.isEmpty }
    var canceller: PostgresCanceller? { PQgetCancel(handle).map(PostgresCanceller.init) }
    var descriptor: Int32 { PQsocket(handle) }
    var processID: Int32 { PQbackendPID(handle) }

    private var lastMessage: String {
        let text = String(cString: PQerrorMessage(handle)).split(separator: "\n").joined(separator: "; ")
        return text.isEmpty ? "the connection to PostgreSQL was lost" : text
    }

    // MARK: Sending

    /// - Parameter failed: Called if the server does not prepare it.
    func sendPrepare(name: String, text: String, types: [UInt32], failed: @escaping () -> Void) throws {
        guard PQsendPrepare(handle, name, text, Int32(types.count), types) == 1 else { throw lost() }
        queue.append(Expected(context: text, failed: failed))
    }

    /// Runs a prepared statement, or a text that is not prepared, with values in binary format.
    func send(
        prepared name: String? = nil, text: String, values: [SQLValue] = [], take: ((OpaquePointer) -> Bool)? = nil
    ) throws {
        let sent: Int32
        if values.isEmpty {
            sent =
                name.map { PQsendQueryPrepared(handle, $0, 0, nil, nil, nil, 1) }
                ?? PQsendQueryParams(handle, text, 0, nil, nil, nil, nil, 1)
        } else {
            sent = withParameters(values) { pointers, lengths, formats in
                let count = Int32(values.count)
                return name.map { PQsendQueryPrepared(handle, $0, count, pointers, lengths, formats, 1) }
                    ?? PQsendQueryParams(
                        handle, text, count, values.map(PostgresValue.type), pointers, lengths, formats, 1)
            }
        }
        guard sent == 1 else { throw lost() }
        queue.append(Expected(context: text, take: take))
    }

    private func withParameters<T>(
        _ values: [SQLValue],
        _ body: (UnsafePointer<UnsafePointer<CChar>?>, UnsafePointer<Int32>, UnsafePointer<Int32>) -> T
    ) -> T {
        // All values in one piece of memory; libpq copies them into its buffer.
        var memory: [UInt8] = []
        var places: [Int?] = []
        var lengths: [Int32] = []
        for value in values {
            if let bytes = PostgresValue.encoded(value) {
                places.append(memory.count)
                lengths.append(Int32(bytes.count))
                memory += bytes
            } else {
                places.append(nil)
                lengths.append(0)
            }
        }
        // An empty value must still have an address, or it would be NULL.
        memory.append(0)
        let formats = [Int32](repeating: 1, count: values.count)
        return memory.withUnsafeBytes { bytes in
            let start = bytes.bindMemory(to: CChar.self).baseAddress
            let pointers = places.map { place in place.flatMap { start?.advanced(by: $0) } }
            return pointers.withUnsafeBufferPointer { pointers in
                lengths.withUnsafeBufferPointer { lengths in
                    formats.withUnsafeBufferPointer { formats in
                        guard let pointers = pointers.baseAddress, let lengths = lengths.baseAddress,
                            let formats = formats.baseAddress
                        else { preconditionFailure("there is at least one value") }
                        return body(pointers, lengths, formats)
                    }
                }
            }
        }
    }

    /// Ends a batch: the server answers everything up to here, and after an error skips the rest up to here.
    func sync() throws {
        guard PQpipelineSync(handle) == 1 else { throw lost() }
        queue.append(Expected(context: "", isSync: true))
    }

    /// Ends the batch, if something has been sent since the last.
    func endBatch() throws { if queue.last?.isSync == false { try sync() } }

    // MARK: Reading

    /// Reads the answers to everything that was sent; blocks. Throws the first error.
    func settle() throws {
        try endBatch()
        var failure: (any Error)?
        var index = 0
        while index < queue.count {
            let expected = queue[index]
            index += 1
            guard let result = PQgetResult(handle) else { throw failure ?? lost() }
            if expected.isSync {
                let status = PQresultStatus(result)
                PQclear(result)
                guard status == PGRES_PIPELINE_SYNC else { throw failure ?? lost() }
                continue
            }
            if let error = take(result, for: expected) {
                failure = failure ?? error
                if isBroken { throw lost(failure ?? error) }
            }
            // Each command's answer ends with a nil.
            if let more = PQgetResult(handle) {
                PQclear(more)
                throw lost()
            }
        }
        queue.removeAll(keepingCapacity: true)
        if let failure { throw failure }
    }

    /// The error, if the result is one.
    private func take(_ result: OpaquePointer, for expected: Expected) -> (any Error)? {
        switch PQresultStatus(result) {
        case PGRES_COMMAND_OK, PGRES_TUPLES_OK:
            if expected.take?(result) != true { PQclear(result) }
            return nil
        case PGRES_PIPELINE_ABORTED:
            PQclear(result)
            expected.failed?()
            return nil
        default:
            defer { PQclear(result) }
            expected.failed?()
            let report = PostgresReport(result)
            if report.isLoss || (isForWriting && report.isReadOnly) {
                isDead = true
                return PostgresFailure.lost(report.message)
            }
            if report.state.isEmpty, isBroken { return PostgresFailure.lost(lastMessage) }
            return report.error(context: expected.context)
        }
    }

    private func lost(_ error: (any Error)? = nil) -> any Error {
        isDead = true
        queue.removeAll()
        if let failure = error as? PostgresFailure, case .lost = failure { return failure }
        // The server's own words say more than that the connection is gone.
        return PostgresFailure.lost(lastMessage)
    }

    /// Runs several statements that return nothing of interest; nothing may be unread.
    func run(script: String) throws {
        guard queue.isEmpty, PQexitPipelineMode(handle) == 1 else {
            throw StorageError.misuse("a script cannot run while answers are awaited")
        }
        let result = PQexec(handle, script)
        defer { PQclear(result) }
        guard let result else { throw lost() }
        switch PQresultStatus(result) {
        case PGRES_COMMAND_OK, PGRES_TUPLES_OK, PGRES_EMPTY_QUERY: break
        default:
            let report = PostgresReport(result)
            if report.isLoss || isBroken { throw lost() }
            _ = PQenterPipelineMode(handle)
            throw report.error(context: script)
        }
        guard PQenterPipelineMode(handle) == 1 else { throw lost() }
    }

    // MARK: Notifications

    /// Reads what has arrived; the payloads of notifications sent by other sessions.
    func notifications() throws -> [String] {
        guard PQconsumeInput(handle) == 1 else { throw lost() }
        var payloads: [String] = []
        while let notification = PQnotifies(handle) {
            if notification.pointee.be_pid != processID { payloads.append(String(cString: notification.pointee.extra)) }
            PQfreemem(notification)
        }
        return payloads
    }
}

/// Asks the server to stop what a session does; may be used while another thread waits for that session.
final class PostgresCanceller: @unchecked Sendable {
    // Sendable: libpq allows PQcancel from any thread, and the object itself never changes.
    private let handle: OpaquePointer

    init(_ handle: OpaquePointer) { self.handle = handle }
    deinit { PQfreeCancel(handle) }

    /// Blocks for the time of a short connection.
    func cancel() {
        var message = [CChar](repeating: 0, count: 256)
        // When it fails, the statement goes on to its end, which is no worse than without.
        _ = PQcancel(handle, &message, Int32(message.count))
    }
}
