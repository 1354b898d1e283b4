import Shared
import SwiftProtobuf

/// One thing wrong, or worth a look, in a request or a row.
package struct Problem: Sendable, Hashable {
    package var reason: Reason
    /// Path of the field in the request or row, for example `team.unit`.
    package var field: String
    /// Values for the text's placeholders; nil: open or not known. Errors carry the others as metadata.
    package var values: [String: String?]

    package init(_ reason: Reason, _ field: String, _ values: [String: String?] = [:]) {
        self.reason = reason
        self.field = field
        self.values = values
    }

    package var description: String { fill(reason.texts.english) }
    package var descriptionVietnamese: String { fill(reason.texts.vietnamese) }

    private func fill(_ text: String) -> String {
        var result = ""
        var rest = text[...]
        while let open = rest.firstIndex(of: "{"), let close = rest[open...].firstIndex(of: "}") {
            result += rest[..<open]
            // A placeholder that nobody gave a value is a mistake of ours, which a test looks for.
            result += (values[String(rest[rest.index(after: open)..<close])] ?? "?") ?? "-"
            rest = rest[rest.index(after: close)...]
        }
        return result + rest
    }

    package var message: Cdt_Common_V1_Problem {
        .with {
            $0.reason = reason.rawValue
            $0.field = field
            $0.description_p = description
            $0.descriptionVi = descriptionVietnamese
        }
    }
}

/// A refusal by the rules: every problem that applies. Not thrown inside a write, where it is a value.
package struct Refusal: Error, Sendable, Hashable {
    package var problems: [Problem]

    package init(_ problems: [Problem]) { self.problems = problems }
    package init(_ reason: Reason, _ field: String, _ values: [String: String?] = [:]) {
        problems = [Problem(reason, field, values)]
    }
}
