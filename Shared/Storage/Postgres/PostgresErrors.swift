import CLibpq

/// What the engine itself must act on, before a caller hears of it.
enum PostgresFailure: Error, Sendable {
    /// The transaction lost against a concurrent one and may be run again (SQLSTATE 40001, 40P01).
    case serialization(String)
    /// A lock was waited for too long (55P03).
    case blocked(String)
    /// The connection is gone, and nothing of the transaction was kept.
    case lost(String)
    /// The connection was lost after COMMIT had been sent; the mark tells whether it took effect.
    case doubt(CommitMark, String)

    /// As a caller gets it who cannot run the transaction again.
    var storageError: StorageError {
        switch self {
        case .serialization(let message), .blocked(let message): .busy(message)
        case .lost(let message): .unavailable(message)
        case .doubt(_, let message): .unknownOutcome(message)
        }
    }
}

/// The fields of an error report of the server (PostgreSQL documentation, "Error and Notice Message Fields").
struct PostgresReport: Sendable {
    var state: String
    var message: String
    var detail: String?
    var table: String?
    var column: String?
    var constraint: String?

    init(_ result: OpaquePointer) {
        func text(_ field: UnsafePointer<CChar>?) -> String? { field.map { String(cString: $0) } }
        state = text(cdt_pq_error_state(result)) ?? ""
        message =
            text(cdt_pq_error_message(result))
            ?? String(cString: PQresultErrorMessage(result)).split(separator: "\n").first.map(String.init)
            ?? "no message"
        detail = text(cdt_pq_error_detail(result))
        table = text(cdt_pq_error_table(result))
        column = text(cdt_pq_error_column(result))
        constraint = text(cdt_pq_error_constraint(result))
    }

    init(
        state: String, message: String, detail: String? = nil, table: String? = nil, column: String? = nil,
        constraint: String? = nil
    ) {
        self.state = state
        self.message = message
        self.detail = detail
        self.table = table
        self.column = column
        self.constraint = constraint
    }

    /// The server is going away or not there yet, whatever it was asked (classes 08 and 57P).
    var isLoss: Bool { state.hasPrefix("08") || (state.hasPrefix("57P") && state != "57P04") || state == "25P03" }

    /// A write in a transaction, or on a server, that only reads.
    var isReadOnly: Bool { state == "25006" }

    /// As a `StorageError`, or a `PostgresFailure` where the transaction may be run again.
    func error(context: String) -> any Error {
        switch state {
        case "40001", "40P01": return PostgresFailure.serialization(message)
        case "55P03": return PostgresFailure.blocked(message)
        case "57014": return CancellationError()
        case "53100", "53400": return StorageError.full(message)
        case "53300", "53200", "55006": return StorageError.unavailable(message)
        // A role without rights: nothing the program can do.
        case "42501": return StorageError.unavailable(message)
        case "XX001", "XX002": return StorageError.corrupt(message)
        default: break
        }
        switch state.prefix(2) {
        case "23": return StorageError.constraint(violation)
        case "28", "3D", "3F": return StorageError.unavailable(message)
        case "22", "42", "26", "34", "25", "0A", "21": return StorageError.misuse("\(message), in: \(context)")
        default: return StorageError.engine(code: 0, message: "\(state): \(message)")
        }
    }

    private var violation: ConstraintViolation {
        var violation = ConstraintViolation(
            kind: .other, table: table, columns: [], name: nil, message: message)
        switch state {
        case "23502":
            violation.kind = .notNull
            violation.columns = column.map { [$0] } ?? []
        case "23505":
            // The server names a primary key without a name of its own "<table>_pkey".
            violation.kind = constraint?.hasSuffix("_pkey") == true ? .primaryKey : .unique
            violation.columns = keyColumns
            // As SQLite: an index on expressions is told by its name alone.
            if violation.columns.contains(where: { $0.contains("(") || $0.contains(" ") }) {
                violation.columns = []
                violation.table = nil
                violation.name = constraint
            }
        case "23503":
            violation.kind = .foreignKey
            violation.name = constraint
        case "23514":
            violation.kind = .check
            violation.name = constraint
        default: violation.name = constraint
        }
        return violation
    }

    /// The names in `Key (unit, level)=(…) already exists.`; the words depend on the server's language, the form does
    /// not.
    private var keyColumns: [String] {
        guard let detail, let start = detail.firstIndex(of: "("), let end = detail.firstRange(of: ")=(") else {
            return []
        }
        return detail[detail.index(after: start)..<end.lowerBound].split(separator: ",").map { part in
            String(part.drop { $0 == " " }).replacing("\"", with: "")
        }
    }
}
