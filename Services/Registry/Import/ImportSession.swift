import ServiceKit
import Shared
import Storage
import SwiftProtobuf

/// One stream of an import, from the header to the summary.
package struct ImportSession: Sendable {
    package typealias Request = Cdt_Registry_V1_ImportRowsRequest
    package typealias Response = Cdt_Registry_V1_ImportRowsResponse

    /// Bounds of an import.
    package struct Limits: Sendable {
        /// Rows in one message at most.
        package var rowsPerMessage = 2_000
        /// Rows stored in one transaction at most, and as many may wait: other writers wait that long.
        package var rowsPerChunk = 1_000

        package init() {}
    }

    private let registry: RegistryCore
    private let caller: Caller
    private let limits: Limits

    package init(_ registry: RegistryCore, caller: Caller, limits: Limits = Limits()) {
        self.registry = registry
        self.caller = caller
        self.limits = limits
    }

    /// Runs the import over messages in and messages out. Throws `ServiceError` for what ends the call.
    package func run<Requests: AsyncSequence & Sendable>(
        _ requests: Requests, send: (Response) async throws -> Void
    ) async throws where Requests.Element == Request {
        var iterator = requests.makeAsyncIterator()
        guard let first = try await iterator.next(), case .header(let message) = first.content else {
            throw Refusal(.headerMissing, "header").error
        }
        let header = try ImportHeader(message, today: registry.clock.today)
        let batch = try await open(header)
        try await send(started(header, batch))
        let scratch = header.mode == .validate ? try await scratchDatabase() : nil
        do {
            let counts = try await judgeAll(
                &iterator, header: header, batch: batch, scratch: scratch, send: send)
            if header.mode == .commit { try await complete(batch) }
            try await send(.with { $0.summary = counts.message })
        } catch {
            await scratch?.close()
            throw error
        }
        await scratch?.close()
    }

    // MARK: Rows

    private func judgeAll<Iterator: AsyncIteratorProtocol>(
        _ iterator: inout Iterator, header: ImportHeader, batch: ImportBatch, scratch: Database?,
        send: (Response) async throws -> Void
    ) async throws -> ImportCounts where Iterator.Element == Request {
        var counts = ImportCounts()
        var lastRow: Int64 = 0
        while let request = try await iterator.next(isolation: #isolation) {
            let rows = try check(request, after: &lastRow)
            for start in stride(from: 0, to: rows.count, by: limits.rowsPerChunk) {
                let part = Array(rows[start..<min(start + limits.rowsPerChunk, rows.count)])
                let result = try await process(part, header: header, batch: batch, scratch: scratch)
                counts += result.counts
                try await send(.with { $0.verdicts.verdicts = result.verdicts })
            }
        }
        return counts
    }

    private func check(_ request: Request, after last: inout Int64) throws -> [Cdt_Registry_V1_ImportRow] {
        guard case .rows(let message) = request.content else {
            if case .header = request.content { throw Refusal(.headerRepeated, "header").error }
            throw Refusal(.rowEmpty, "rows").error
        }
        guard message.rows.count <= limits.rowsPerMessage else {
            throw Refusal(
                .tooManyRows, "rows", ["value": String(message.rows.count), "limit": String(limits.rowsPerMessage)]
            ).error
        }
        for row in message.rows {
            guard row.rowNumber > last else {
                throw Refusal(
                    .rowNumberNotRising, "rows.row_number", ["value": String(row.rowNumber), "last": String(last)]
                ).error
            }
            last = row.rowNumber
        }
        return message.rows
    }

    private func process(
        _ rows: [Cdt_Registry_V1_ImportRow], header: ImportHeader, batch: ImportBatch, scratch: Database?
    ) async throws -> ImportChunk.Result {
        let now = registry.clock.now
        // For every chunk anew: a grant may have been revoked, and the units reorganised.
        let gate = try registry.gate(.importRows, of: caller)
        let ids = rows.map { _ in
            ImportJudge.NewIDs(
                first: UUIDv7.next(at: now), second: UUIDv7.next(at: now), salt: Person.newSalt())
        }
        let chunk = { @Sendable [registry] in
            ImportChunk(
                judge: ImportJudge(
                    units: registry.units, sourceSystem: header.sourceSystem, codeDate: batch.codeDate, now: now,
                    batchKey: batch.key, reach: gate?.reach), rows: rows, ids: ids)
        }
        if let scratch {
            return try await scratch.write { [database = registry.database] tx in
                try database.read { try chunk().validate(over: $0, scratch: tx) }
            }
        }
        let author = caller.author(requestID: batch.name, now: now)
        return try await registry.writeOnUnits { [registry] tx in
            try chunk().commit(
                to: batch.id, resumed: header.batch != nil, recorder: registry.recorder, by: author, in: tx)
        }
    }

    // MARK: The batch

    private func open(_ header: ImportHeader) async throws -> ImportBatch {
        let now = registry.clock.now
        let fresh = ImportBatch(
            id: UUIDv7.next(at: now), sourceSystem: header.sourceSystem, codeDate: header.codeDate, label: header.label,
            actor: caller.subject, createdAt: now, updatedAt: now)
        guard let id = header.batch else {
            if header.mode == .commit {
                try await registry.database.write { try ImportBatchStore.insert(fresh, in: $0) }
            }
            return fresh
        }
        let found = try registry.database.read { try ImportBatchStore.batch(id, in: $0) }
        if try registry.gate(.importRows, of: caller) != nil, found?.belongs(to: caller.subject) != true {
            throw AccessNeed.batch(.importRows, "importBatches/\(id)").refusal
        }
        guard let known = found else {
            throw Refusal(.batchNotFound, "header.batch", ["value": "importBatches/\(id)"]).error
        }
        let differences = [
            ("source_system", known.sourceSystem, header.sourceSystem),
            (
                "code_date", known.codeDate.description,
                header.codeDateGiven ? header.codeDate.description : known.codeDate.description
            ),
        ]
        for (field, found, given) in differences where found != given {
            throw Refusal(.batchMismatch, "header.\(field)", ["field": field, "found": found]).error
        }
        return known
    }

    private func started(_ header: ImportHeader, _ batch: ImportBatch) -> Response {
        .with {
            $0.started = .with {
                $0.batch = header.mode == .commit ? batch.name : ""
                $0.resumeAfterRow = header.mode == .commit ? batch.lastRow : 0
                $0.codeDate = batch.codeDate.description
                $0.codeDateDefaulted = !header.codeDateGiven && header.batch == nil
            }
        }
    }

    private func complete(_ batch: ImportBatch) async throws {
        let now = registry.clock.now
        try await registry.database.write { try ImportBatchStore.complete(batch.id, now: now, in: $0) }
    }

    private func scratchDatabase() async throws -> Database {
        try await Database.open(.temporary(), migrations: [RegistrySchema.migrations])
    }
}

/// The header, read.
struct ImportHeader: Sendable {
    enum Mode: Sendable { case validate, commit }

    var mode: Mode
    var sourceSystem: String
    var codeDate: LocalDate
    var codeDateGiven: Bool
    var batch: UniqueID?
    var label: String

    init(_ message: Cdt_Registry_V1_ImportHeader, today: LocalDate) throws {
        var fields = PersonFields()
        let mode: Mode?
        switch message.mode {
        case .validate: mode = .validate
        case .commit: mode = .commit
        case .unspecified, .UNRECOGNIZED:
            mode = nil
            fields.add(Problem(.invalidMode, "header.mode"))
        }
        if !Self.isSystemName(message.sourceSystem) {
            fields.add(
                Problem(.invalidSource, "header.source_system", ["value": PersonFields.shown(message.sourceSystem)]))
        }
        let date = fields.date(message.codeDate, "header.code_date")
        let label = fields.line(message.label, "header.label", limit: 200, required: false)
        var batch: UniqueID?
        if !message.batch.isEmpty {
            batch = ResourceName.uniqueID(message.batch, in: "importBatches")
            if batch == nil {
                fields.add(
                    Problem(
                        .invalidName, "header.batch",
                        ["value": PersonFields.shown(message.batch), "expected": "importBatches/{id}"]))
            }
        }
        guard fields.problems.isEmpty, let mode, let label else { throw Refusal(fields.problems).error }
        self.mode = mode
        sourceSystem = message.sourceSystem
        codeDate = date ?? today
        codeDateGiven = date != nil
        self.batch = batch
        self.label = label
    }

    /// Lower-case letters, digits, `.`, `_` and `-`; at most 64.
    static func isSystemName(_ text: String) -> Bool {
        (1...64).contains(text.utf8.count)
            && text.utf8.allSatisfy {
                switch $0 {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."),
                    UInt8(ascii: "_"), UInt8(ascii: "-"):
                    true
                default: false
                }
            }
    }
}
