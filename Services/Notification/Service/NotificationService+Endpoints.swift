import RPC
import ServiceKit
import Shared
import Storage
import SwiftProtobuf

extension NotificationService {
    func createWebhookEndpoint(
        _ request: Cdt_Notification_V1_CreateWebhookEndpointRequest, context: ServerContext
    ) async throws -> Cdt_Notification_V1_CreateWebhookEndpointResponse {
        try admit(.administer, atName: request.endpoint.unit, context)
        guard let settings = channels.webhookSettings else {
            let off = channels.off(.webhook) ?? Channels.Off(reason: "", reasonVi: "")
            throw ServiceError.channelOff(.webhook, off)
        }
        var found: [Violation] = []
        let unitID = ResourceName.id(request.endpoint.unit, in: "units")
        if unitID == nil { found.append(.invalidName("endpoint.unit", form: "units/{id}")) }
        let url = WebhookURL(request.endpoint.url, allowPrivate: settings.allowPrivate)
        if url == nil {
            found.append(
                Violation(
                    field: "endpoint.url", reason: "INVALID_URL",
                    description: "write `https://host[:port]/path`, without user name and fragment",
                    descriptionVi: "hãy viết `https://máy-chủ[:cổng]/đường-dẫn`, không có tên người dùng và fragment"))
        }
        if request.endpoint.displayName.scalarCount > 200
            || request.endpoint.displayName.unicodeScalars.contains(where: \.isControl)
        {
            found.append(
                Violation(
                    field: "endpoint.display_name", reason: "INVALID_TEXT",
                    description: "at most 200 characters on one line", descriptionVi: "tối đa 200 ký tự trên một dòng"))
        }
        guard found.isEmpty, let unitID, let url else {
            throw ServiceError.invalid(ViolationList(violations: found), reason: "INVALID_ENDPOINT")
        }
        _ = try unit(unitID)
        let now = clock.now
        let endpoint = WebhookEndpoint(
            id: UUIDv7.next(at: now).description, unit: unitID, url: url.text,
            displayName: request.endpoint.displayName.nfc, createdAt: now)
        var response: Cdt_Notification_V1_CreateWebhookEndpointResponse = try await once(
            request.requestID, of: request, context, now: now
        ) { transaction in
            if let other = try EndpointStore.ofUnit(unitID, transaction) {
                return .failure(
                    .alreadyExists(
                        type: Names.endpoint, name: "webhookEndpoints/\(other.id)", reason: "ENDPOINT_EXISTS",
                        "units/\(unitID) has webhookEndpoints/\(other.id); delete it first",
                        vi: "units/\(unitID) đã có webhookEndpoints/\(other.id); hãy xóa trước"))
            }
            try EndpointStore.insert(endpoint, transaction)
            return .success(.with { $0.endpoint = endpoint.message })
        }
        // Added on the way out, so that it is stored nowhere, with no kept answer either.
        response.signingSecret = settings.signer.shownSecret(endpoint: ResourceName.lastID(response.endpoint.name))
        return response
    }

    func listWebhookEndpoints(
        _ request: Cdt_Notification_V1_ListWebhookEndpointsRequest, context: ServerContext
    ) async throws -> Cdt_Notification_V1_ListWebhookEndpointsResponse {
        try admitSomewhere(.read, context)
        let page = try await page(
            of: request, Method.listWebhookEndpoints,
            read: { try EndpointStore.page(after: $0?.first ?? "", limit: $1, $2) }, position: { [$0.id] })
        let endpoints = try await visible(page.rows, context) { $0.unit }.map(\.message)
        return .with { ($0.endpoints, $0.nextPageToken) = (endpoints, page.next) }
    }

    func deleteWebhookEndpoint(
        _ request: Cdt_Notification_V1_DeleteWebhookEndpointRequest, context: ServerContext
    ) async throws -> Cdt_Notification_V1_DeleteWebhookEndpointResponse {
        guard let id = Names.uuid(request.name, in: "webhookEndpoints") else {
            throw ServiceError.invalid(
                "name", "write it as `webhookEndpoints/{id}`", vi: "hãy viết dạng `webhookEndpoints/{id}`")
        }
        try admit(.administer, atUnitOfKept: database.read { try EndpointStore.get(id, $0)?.unit }, context)
        let name = request.name
        return try await once(request.requestID, of: request, context, now: clock.now) { transaction in
            guard try EndpointStore.delete(id, transaction) else {
                return .failure(
                    .notFound(
                        type: Names.endpoint, name: name, reason: "ENDPOINT_NOT_FOUND", listedBy: "ListWebhookEndpoints"
                    )
                )
            }
            return .success(.init())
        }
    }
}
