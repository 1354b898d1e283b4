import RPC
import Shared
import SwiftProtobuf

/// `grpc.health.v1.Health`.
package struct HealthService: Grpc_Health_V1_Health.ServiceProtocol {
    /// "List fails with RESOURCE_EXHAUSTED when there are more than 100 services" (gRFC A90).
    static let maximumListed = 100

    let statuses: HealthStatuses

    package init(statuses: HealthStatuses) { self.statuses = statuses }

    package func check(
        _ request: Grpc_Health_V1_HealthCheckRequest, context: ServerContext
    ) async throws -> Grpc_Health_V1_HealthCheckResponse {
        guard let status = statuses.status(of: request.service) else {
            throw ServiceError.notFound(
                type: "grpc.health.v1.Service", name: request.service, reason: "UNKNOWN_SERVICE")
        }
        return .with { $0.status = status }
    }

    package func watch(
        _ request: Grpc_Health_V1_HealthCheckRequest, response: ResponseWriter<Grpc_Health_V1_HealthCheckResponse>,
        context: ServerContext
    ) async throws {
        for await status in statuses.updates(of: request.service) {
            try await response.write(.with { $0.status = status })
        }
    }

    package func list(
        _ request: Grpc_Health_V1_HealthListRequest, context: ServerContext
    ) async throws -> Grpc_Health_V1_HealthListResponse {
        let all = statuses.all
        guard all.count <= HealthService.maximumListed else {
            throw ServiceError.exhausted(
                reason: "TOO_MANY_SERVICES", subject: "services",
                "there are more than 100 services; check them by name",
                vi: "có hơn 100 dịch vụ; hãy kiểm tra theo tên")
        }
        return .with { $0.statuses = all.mapValues { status in .with { $0.status = status } } }
    }
}
