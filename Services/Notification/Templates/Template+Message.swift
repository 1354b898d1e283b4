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
            $0.contents = Language.allCases.compactMap { language in
                let email = bodies[Key(language: language, channel: .email)]
                let webhook = bodies[Key(language: language, channel: .webhook)]
                guard email != nil || webhook != nil else { return nil }
                return .with {
                    $0.language = .init(rawValue: language.rawValue) ?? .unspecified
                    if let email { $0.email = .with { ($0.subject, $0.text) = (email.subject, email.text) } }
                    if let webhook { $0.webhook = .with { ($0.title, $0.text) = (webhook.subject, webhook.text) } }
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
        var bodies: [Key: Body] = [:]
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
            if content.hasEmail {
                bodies[Key(language: language, channel: .email)] = Body(
                    subject: content.email.subject.nfc, text: content.email.text.withLineFeeds.nfc)
            }
            if content.hasWebhook {
                bodies[Key(language: language, channel: .webhook)] = Body(
                    subject: content.webhook.title.nfc, text: content.webhook.text.withLineFeeds.nfc)
            }
        }
        guard found.isEmpty else { return .failure(ViolationList(violations: found)) }
        return .success(
            Template(
                id: ResourceName.id(message.name, in: "templates") ?? "", displayName: message.displayName.nfc,
                parameters: parameters, bodies: bodies))
    }
}
