import RPC

/// Why a service refuses or fails a call, with everything a program or a person needs to go on.
///
/// Domain code throws or returns it; the error-masking interceptor turns it into `RPCError`, adding the service's
/// domain. It is sent to the caller whole, so it holds nothing the caller may not know.
package struct ServiceError: Error, Sendable, Hashable {
    /// Never `.ok`.
    package var code: StatusCode
    /// Machine-readable, `UPPER_SNAKE_CASE`, at most 63 characters: `CAPACITY_EXCEEDED`.
    package var reason: String
    /// What was wrong and what to do, in English.
    package var message: String
    /// The same in Vietnamese.
    package var messageVi: String
    /// The parts of the message that vary, by lowerCamelCase key (AIP-193).
    package var metadata: [String: String] = [:]
    /// Whose reason it is; nil: the service that answers, for example `registry.cdt.vn`.
    package var domain: String?
    /// Every field that is wrong.
    package var violations: [FieldViolation] = []
    /// What must hold first.
    package var preconditions: [Precondition] = []
    /// What is used up.
    package var quotas: [Quota] = []
    /// What the call was about and could not be reached.
    package var resource: Resource?
    /// When trying again makes sense.
    package var retryAfter: Duration?

    package init(
        _ code: StatusCode, reason: String, _ message: String, vi messageVi: String, metadata: [String: String] = [:]
    ) {
        self.code = code
        self.reason = reason
        self.message = message
        self.messageVi = messageVi
        self.metadata = metadata
    }

    /// A field of the request that is wrong.
    package struct FieldViolation: Sendable, Hashable {
        /// Path in the request, for example `team.unit` or `rows[3].month`.
        package var field: String
        package var reason: String
        package var description: String
        package var descriptionVi: String

        package init(field: String, reason: String, description: String, descriptionVi: String) {
            self.field = field
            self.reason = reason
            self.description = description
            self.descriptionVi = descriptionVi
        }
    }

    /// A condition outside the request that does not hold.
    package struct Precondition: Sendable, Hashable {
        package var type: String
        package var subject: String
        package var description: String

        package init(type: String, subject: String, description: String) {
            self.type = type
            self.subject = subject
            self.description = description
        }
    }

    /// A limit that is used up.
    package struct Quota: Sendable, Hashable {
        package var subject: String
        package var description: String

        package init(subject: String, description: String) {
            self.subject = subject
            self.description = description
        }
    }

    package struct Resource: Sendable, Hashable {
        /// `cdt.registry.v1.Team`.
        package var type: String
        /// `teams/{id}`.
        package var name: String

        package init(type: String, name: String) {
            self.type = type
            self.name = name
        }
    }
}

extension ServiceError: CustomStringConvertible {
    package var description: String { "\(code) \(reason): \(message)" }
}

/// The usual refusals.
extension ServiceError {
    /// The request itself is wrong, whatever the state of the service.
    package static func invalid(_ violations: [FieldViolation]) -> ServiceError {
        let fields = violations.map(\.field)
        let list = violations.map { "\($0.field): \($0.description)" }.joined(separator: "; ")
        let listVi = violations.map { "\($0.field): \($0.descriptionVi)" }.joined(separator: "; ")
        var error = ServiceError(
            .invalidArgument, reason: violations.count == 1 ? violations[0].reason : "INVALID_FIELDS", list, vi: listVi,
            metadata: ["fields": fields.joined(separator: ",")])
        error.violations = violations
        return error
    }

    package static func invalid(
        _ field: String, reason: String = "INVALID_FIELD", _ description: String, vi: String
    ) -> ServiceError {
        invalid([FieldViolation(field: field, reason: reason, description: description, descriptionVi: vi)])
    }

    /// There is no such resource. `type` is the message's full name, `name` what was asked for.
    ///
    /// - Parameter remedy: what to do then, in English and Vietnamese, as the end of the sentence.
    package static func notFound(
        type: String, name: String, reason: String = "NOT_FOUND", remedy: (String, vi: String)? = nil
    ) -> ServiceError {
        var error = ServiceError(
            .notFound, reason: reason, "there is no \"\(name)\"" + (remedy.map { "; \($0.0)" } ?? ""),
            vi: "không tìm thấy \"\(name)\"" + (remedy.map { "; \($0.vi)" } ?? ""), metadata: ["resourceName": name])
        error.resource = Resource(type: type, name: name)
        return error
    }

    package static func alreadyExists(
        type: String, name: String, reason: String = "ALREADY_EXISTS", _ message: String, vi: String
    ) -> ServiceError {
        var error = ServiceError(.alreadyExists, reason: reason, message, vi: vi, metadata: ["resourceName": name])
        error.resource = Resource(type: type, name: name)
        return error
    }

    /// The request is well formed, but the state of the service does not allow it.
    package static func failedPrecondition(
        reason: String, subject: String, _ message: String, vi: String, metadata: [String: String] = [:]
    ) -> ServiceError {
        var error = ServiceError(.failedPrecondition, reason: reason, message, vi: vi, metadata: metadata)
        error.preconditions = [Precondition(type: reason, subject: subject, description: message)]
        return error
    }

    /// Not allowed, "or it might not exist" (AIP-211): the answer does not tell which.
    package static func permissionDenied(_ name: String) -> ServiceError {
        ServiceError(
            .permissionDenied, reason: "PERMISSION_DENIED",
            "permission denied for \"\(name)\" (or it might not exist)",
            vi: "không có quyền với \"\(name)\" (hoặc đối tượng không tồn tại)", metadata: ["resourceName": name])
    }

    package static func unauthenticated(_ message: String, vi: String) -> ServiceError {
        ServiceError(.unauthenticated, reason: "UNAUTHENTICATED", message, vi: vi)
    }

    /// Something the service needs is not there now.
    package static func unavailable(
        reason: String, _ message: String, vi: String, retryAfter: Duration = .seconds(1)
    ) -> ServiceError {
        var error = ServiceError(.unavailable, reason: reason, message, vi: vi)
        error.retryAfter = retryAfter
        return error
    }

    /// A limit of the service is reached.
    package static func exhausted(
        reason: String, subject: String, _ message: String, vi: String, retryAfter: Duration? = nil
    ) -> ServiceError {
        var error = ServiceError(.resourceExhausted, reason: reason, message, vi: vi)
        error.quotas = [Quota(subject: subject, description: message)]
        error.retryAfter = retryAfter
        return error
    }
}
