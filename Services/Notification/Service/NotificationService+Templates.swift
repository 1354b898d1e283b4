import RPC
import ServiceKit
import Shared
import Storage
import SwiftProtobuf

extension NotificationService {
    func createTemplate(_ request: Cdt_Notification_V1_CreateTemplateRequest, context: ServerContext) async throws
        -> Cdt_Notification_V1_CreateTemplateResponse
    {
        try admitInNation(.administer, context)
        var template = try Self.checked(request.template)
        template.version = 1
        let (created, now) = (template, clock.now)
        return try await once(request.requestID, of: request, context, now: now) { transaction in
            guard try TemplateStore.newestVersion(created.id, transaction) == nil else {
                return .failure(
                    .alreadyExists(
                        type: Names.template, name: "templates/\(created.id)", reason: "TEMPLATE_EXISTS",
                        "templates/\(created.id) exists; take another name, or record a new version with UpdateTemplate",
                        vi:
                            "templates/\(created.id) đã có; hãy chọn tên khác, hoặc ghi phiên bản mới bằng UpdateTemplate"
                    ))
            }
            try TemplateStore.insert(created, now: now, transaction)
            return .success(.with { $0.template = TemplateStore.Stored(template: created, createdAt: now).message })
        }
    }

    func updateTemplate(_ request: Cdt_Notification_V1_UpdateTemplateRequest, context: ServerContext) async throws
        -> Cdt_Notification_V1_UpdateTemplateResponse
    {
        try admitInNation(.administer, context)
        let template = try Self.checked(request.template)
        let (etag, now) = (request.template.etag, clock.now)
        return try await once(request.requestID, of: request, context, now: now) { transaction in
            let name = "templates/\(template.id)"
            guard let newest = try TemplateStore.newestVersion(template.id, transaction) else {
                return .failure(
                    .notFound(type: Names.template, name: name, reason: "TEMPLATE_NOT_FOUND", listedBy: "ListTemplates")
                )
            }
            if let refusal = Etag.refusal(etag, version: Int64(newest), name: name) { return .failure(refusal) }
            var updated = template
            updated.version = newest + 1
            try TemplateStore.insert(updated, now: now, transaction)
            let stored = TemplateStore.Stored(template: updated, createdAt: now)
            return .success(.with { $0.template = stored.message })
        }
    }

    func getTemplate(_ request: Cdt_Notification_V1_GetTemplateRequest, context: ServerContext) async throws
        -> Cdt_Notification_V1_GetTemplateResponse
    {
        try admitSomewhere(.read, context)
        let stored = try template(request.name, version: Int(request.version))
        return .with { $0.template = stored.message }
    }

    func listTemplates(_ request: Cdt_Notification_V1_ListTemplatesRequest, context: ServerContext) async throws
        -> Cdt_Notification_V1_ListTemplatesResponse
    {
        try admitSomewhere(.read, context)
        let page = try await page(
            of: request, Method.listTemplates, read: { try TemplateStore.page(after: $0?.first ?? "", limit: $1, $2) },
            position: { [$0.template.id] })
        return .with { ($0.templates, $0.nextPageToken) = (page.rows.map(\.message), page.next) }
    }

    func renderTemplate(_ request: Cdt_Notification_V1_RenderTemplateRequest, context: ServerContext) async throws
        -> Cdt_Notification_V1_RenderTemplateResponse
    {
        try admitSomewhere(.read, context)
        let language =
            request.language == .unspecified ? Language.vietnamese : Language(rawValue: request.language.rawValue)
        guard let language else {
            throw ServiceError.invalid(
                ViolationList(violations: [.unknownValue("language")]), reason: "INVALID_LANGUAGE")
        }
        let compiled = try CompiledTemplate(template(request.name, version: Int(request.version)).template)
        let values = try refusing("INVALID_PARAMETERS") {
            compiled.values(request.parameters, filledIn: [], field: "parameters")
        }
        let kinds = ChannelKind.allCases.filter { kind in
            compiled.template.bodies[.init(language: language, channel: kind)] != nil
        }
        guard !kinds.isEmpty else {
            let known = Set(compiled.template.bodies.keys.map(\.language.tag)).sorted().joined(separator: ", ")
            throw ServiceError.invalid(
                "language", reason: "NO_BODY", "the template has bodies in \(known) only",
                vi: "mẫu chỉ có nội dung: \(known)")
        }
        let messages = try kinds.map { kind in
            try refusing("INVALID_PARAMETERS") {
                compiled.render(.init(language: language, channel: kind), values)
            }.message(kind, language)
        }
        return .with { $0.messages = messages }
    }

    /// Version 0: the newest.
    func template(_ name: String, version: Int) throws -> TemplateStore.Stored {
        guard let id = ResourceName.id(name, in: "templates") else {
            throw ServiceError.invalid("name", "write it as `templates/{id}`", vi: "hãy viết dạng `templates/{id}`")
        }
        guard let stored = try database.read({ try TemplateStore.get(id, version: version, $0) }) else {
            let shown = version == 0 ? name : "\(name), version \(version)"
            throw ServiceError.notFound(
                type: Names.template, name: shown, reason: "TEMPLATE_NOT_FOUND", listedBy: "ListTemplates")
        }
        return stored
    }

    /// Throws a failure as INVALID_ARGUMENT with a reason.
    func refusing<Value>(_ reason: String, _ body: () -> Result<Value, ViolationList>) throws -> Value {
        try body().mapError { ServiceError.invalid($0, reason: reason) }.get()
    }

    private static func checked(_ message: Cdt_Notification_V1_Template) throws -> Template {
        let template = try Template.reading(message).mapError { ServiceError.invalid($0, reason: "INVALID_TEMPLATE") }
            .get()
        let violations = template.violations()
        guard violations.isEmpty else {
            throw ServiceError.invalid(ViolationList(violations: violations), reason: "INVALID_TEMPLATE")
        }
        return template
    }
}
