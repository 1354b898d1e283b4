import RPC
import ServiceKit

extension Refusal {
    /// The refusal as callers see it: the first problem decides code and reason; a wrong request names all its fields.
    package var error: ServiceError {
        guard let first = problems.first(where: { !$0.reason.isWarning }) ?? problems.first else {
            return ServiceError(.unknown, reason: "REFUSED", "refused", vi: "bị từ chối")
        }
        if first.reason.code == .invalidArgument {
            var error = ServiceError.invalid(
                problems.filter { $0.reason.code == .invalidArgument }.map { problem in
                    .init(
                        field: problem.field, reason: problem.reason.rawValue, description: problem.description,
                        descriptionVi: problem.descriptionVietnamese)
                })
            if problems.count == 1 { error.metadata.merge(first.values.compactMapValues(\.self)) { kept, _ in kept } }
            return error
        }
        let place = first.field.isEmpty ? "" : "\(first.field): "
        var error = ServiceError(
            first.reason.code, reason: first.reason.rawValue, place + first.description,
            vi: place + first.descriptionVietnamese, metadata: first.values.compactMapValues(\.self))
        if !first.field.isEmpty { error.metadata["field"] = first.field }
        if first.reason.code == .failedPrecondition {
            error.preconditions = problems.filter { $0.reason.code == .failedPrecondition }.map {
                .init(type: $0.reason.rawValue, subject: $0.field, description: $0.description)
            }
        }
        if first.reason.code == .notFound, let name = first.values["value"] ?? nil {
            error.resource = .init(type: first.reason.resourceType, name: name)
        }
        return error
    }
}

extension Reason {
    /// The kind of what was not found.
    fileprivate var resourceType: String {
        switch self {
        case .teamNotFound: "cdt.registry.v1.Team"
        case .personNotFound: "cdt.registry.v1.Person"
        case .membershipNotFound: "cdt.registry.v1.Membership"
        case .reorganisationNotFound: "cdt.registry.v1.Reorganisation"
        case .duplicateNotFound: "cdt.registry.v1.Duplicate"
        case .mergeNotFound: "cdt.registry.v1.PersonMerge"
        case .grantNotFound: "cdt.registry.v1.Grant"
        case .agencyNotFound: "cdt.registry.v1.Agency"
        case .batchNotFound: "cdt.registry.v1.ImportBatch"
        default: "cdt.registry.v1.Unit"
        }
    }
}
