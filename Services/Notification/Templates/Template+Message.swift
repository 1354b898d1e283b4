import ServiceKit
import Shared
import SwiftProtobuf

extension Template {
    /// The contract's message, without what storage adds.
    var message: Cdt_Notification_V1_Template {
        .with {
            $0.name = "templates/\(id)"
            $0.version = Int32(version)
            $0.displayName = displayName
            $0.builtIn = isBuiltIn
            $0.parameters = parameters.map { parameter in
                .with {
                    $0.name = parameter.name
                    $0.type = .init(rawValue: parameter.type.rawValue) ?? .unspecified
                    $0.description_p = parameter.description
                    $0.fromAudience = Template.audienceParameters[parameter.name] != nil
                }
            }
            $0.contents = Language.allCases.compactMap(content)
        }
    }

    private func content(_ language: Language) -> Cdt_Notification_V1_TemplateContent? {
        guard bodies.keys.contains(where: { $0.language == language }) else { return nil }
        return .with {
            $0.language = .init(rawValue: language.rawValue) ?? .unspecified
            for (key, body) in bodies where key.language == language {
                switch key.kind {
                case .email: $0.email = .with { ($0.subject, $0.text) = (body.subject, body.text) }
                case .webhook: $0.webhook = .with { ($0.title, $0.text) = (body.subject, body.text) }
                case .sms: $0.sms = .with { ($0.text, $0.accented) = (body.text, body.isAccented) }
                case .zaloText: $0.zaloText = .with { $0.text = body.text }
                case .zaloGroup: $0.zaloGroup = .with { $0.text = body.text }
                case .zaloTemplate:
                    $0.zaloTemplate = .with {
                        $0.providerTemplate = body.providerTemplate
                        $0.parameters = body.values.map { value in
                            .with { ($0.name, $0.text, $0.maxLength) = (value.name, value.text, Int32(value.limit)) }
                        }
                    }
                }
            }
        }
    }

    /// Reads a request. Only what cannot be held at all is refused here; `violations()` checks the rest.
    static func reading(_ message: Cdt_Notification_V1_Template) -> Result<Template, ViolationList> {
        var found: [Violation] = []
        var parameters: [Parameter] = []
        for (index, parameter) in message.parameters.enumerated() {
            guard let type = ParameterType(rawValue: parameter.type.rawValue) else {
                found.append(.unknownValue("template.parameters[\(index)].type"))
                continue
            }
            parameters.append(
                Parameter(name: parameter.name, type: type, description: parameter.description_p.nfc))
        }
        var bodies: [Key: TemplateBody] = [:]
        var languages: Set<Language> = []
        for (index, content) in message.contents.enumerated() {
            guard let language = Language(rawValue: content.language.rawValue) else {
                found.append(.unknownValue("template.contents[\(index)].language"))
                continue
            }
            guard languages.insert(language).inserted else {
                found.append(
                    Violation(
                        field: "template.contents[\(index)].language", reason: "DUPLICATE",
                        description: "`\(language.tag)` is given twice; join both entries",
                        descriptionVi: "ngôn ngữ `\(language.tag)` có hai lần; hãy gộp lại"))
                continue
            }
            for (kind, body) in TemplateBody.reading(content) {
                bodies[Key(language: language, kind: kind)] = body
            }
        }
        guard found.isEmpty else { return .failure(ViolationList(violations: found)) }
        return .success(
            Template(
                id: ResourceName.id(message.name, in: "templates") ?? "", displayName: message.displayName.nfc,
                parameters: parameters, bodies: bodies))
    }
}

extension TemplateBody {
    /// The bodies that a message of the contract has.
    static func reading(_ content: Cdt_Notification_V1_TemplateContent) -> [BodyKind: TemplateBody] {
        var bodies: [BodyKind: TemplateBody] = [:]
        if content.hasEmail {
            bodies[.email] = TemplateBody(
                subject: content.email.subject.nfc, text: content.email.text.withLineFeeds.nfc)
        }
        if content.hasWebhook {
            bodies[.webhook] = TemplateBody(
                subject: content.webhook.title.nfc, text: content.webhook.text.withLineFeeds.nfc)
        }
        if content.hasSms {
            bodies[.sms] = TemplateBody(
                subject: "", text: content.sms.text.withLineFeeds.nfc, isAccented: content.sms.accented)
        }
        if content.hasZaloText {
            bodies[.zaloText] = TemplateBody(subject: "", text: content.zaloText.text.withLineFeeds.nfc)
        }
        if content.hasZaloGroup {
            bodies[.zaloGroup] = TemplateBody(subject: "", text: content.zaloGroup.text.withLineFeeds.nfc)
        }
        if content.hasZaloTemplate {
            bodies[.zaloTemplate] = TemplateBody(
                subject: "", text: "", providerTemplate: content.zaloTemplate.providerTemplate,
                values: content.zaloTemplate.parameters.map { value in
                    Value(
                        name: value.name, text: value.text.nfc,
                        limit: value.maxLength == 0 ? longestValue : Int(value.maxLength))
                })
        }
        return bodies
    }
}
