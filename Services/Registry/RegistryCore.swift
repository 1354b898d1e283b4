import ChangeFeed
import RPC
import ServiceKit
import Shared
import Storage
import SwiftProtobuf

/// What the Registry's calls stand on.
package struct RegistryCore: Sendable {
    package let database: Database
    package let units: UnitIndex
    package let outbox: Outbox
    package let tokens: PageTokens
    package let clock: Clock

    var recorder: Recorder { Recorder(outbox: outbox, units: units) }

    /// Loads the units into a new database, and reads them into memory.
    package static func open(
        database: Database, tokens: PageTokens, unitData: String? = nil, clock: Clock = .system
    ) async throws -> RegistryCore {
        let outbox = try await Outbox.open([Recorder.facts, Recorder.contacts], in: database)
        if try database.read({ try UnitStore.isEmpty(in: $0) }) {
            let data = try UnitFiles(directory: try UnitDataDirectory.find(unitData)).load()
            let recorder = Recorder(outbox: outbox, units: UnitIndex(data))
            let author = Author(actor: "registry", action: "LoadUnits", now: clock.now)
            try await database.write { tx in
                // Another process may have been faster.
                guard try UnitStore.isEmpty(in: tx) else { return }
                try UnitStore.insert(data, in: tx)
                try recorder.tellUnits(by: author, in: tx)
            }
        }
        let data = try await database.readPooled { try UnitStore.load(from: $0) }
        return RegistryCore(
            database: database, units: UnitIndex(data), outbox: outbox,
            tokens: tokens, clock: clock)
    }
}

/// Who calls, as far as the domain cares.
package struct Caller: Sendable {
    package var subject: String
    package var method: MethodDescriptor
    package var traceparent: String

    package init(subject: String = "", method: MethodDescriptor, traceparent: String = "") {
        self.subject = subject
        self.method = method
        self.traceparent = traceparent
    }

    init(_ context: ServerContext) {
        self.init(
            subject: context.identity?.subject ?? "", method: context.method,
            traceparent: context.trace?.traceparent ?? "")
    }

    func author(requestID: String = "", now: Instant) -> Author {
        Author(
            actor: subject.isEmpty ? "anonymous" : subject, action: method.method, requestID: requestID,
            traceparent: traceparent, now: now)
    }

    /// The key under which the answer of a write is kept.
    func key(_ requestID: String, of request: some Message) throws -> RequestIDs.Key? {
        var check = Violations()
        let id = check.uuid(requestID, "request_id")
        try check.refuse()
        return try id.map { try RequestIDs.Key(caller: subject, method: method.path, requestID: $0, payload: request) }
    }
}
