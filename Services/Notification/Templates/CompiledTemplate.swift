import ServiceKit

/// A template whose bodies are parsed, for rendering many messages.
struct CompiledTemplate: Sendable {
    let template: Template
    private let parsed: [Template.Key: (subject: TemplateText, text: TemplateText)]

    /// Of a template that passed `violations()`.
    init(_ template: Template) throws(TemplateText.Defect) {
        var parsed: [Template.Key: (subject: TemplateText, text: TemplateText)] = [:]
        for (key, body) in template.bodies {
            parsed[key] = (try TemplateText(parsing: body.subject), try TemplateText(parsing: body.text))
        }
        self.template = template
        self.parsed = parsed
    }

    /// Checks a campaign's values against the declarations: every unknown, missing and malformed one is named.
    ///
    /// `filledIn` are the names that somebody else gives later (the audience); giving them here is refused, so that
    /// nobody believes that a value was used which was not.
    func values(_ canonical: [String: String], filledIn: Set<String>, field: String) -> Result<
        [String: ParameterValue], ViolationList
    > {
        var found: [Violation] = []
        var values: [String: ParameterValue] = [:]
        let declared = Set(template.parameters.map(\.name))
        for name in canonical.keys.sorted() where !declared.contains(name) {
            found.append(
                Violation(
                    field: "\(field)[\(name)]", reason: "UNKNOWN_PARAMETER",
                    description: "template `\(template.id)` has no parameter `\(name)`; it has \(declared.sorted())",
                    descriptionVi:
                        "mẫu `\(template.id)` không có tham số `\(name)`; các tham số là \(declared.sorted())"))
        }
        for parameter in template.parameters {
            let field = "\(field)[\(parameter.name)]"
            guard let text = canonical[parameter.name] else {
                if !filledIn.contains(parameter.name) {
                    found.append(
                        Violation(
                            field: field, reason: "MISSING_PARAMETER", description: "give \(parameter.type.form)",
                            descriptionVi: "hãy cho \(parameter.type.formVi)"))
                }
                continue
            }
            if filledIn.contains(parameter.name) {
                found.append(
                    Violation(
                        field: field, reason: "FILLED_IN_BY_AUDIENCE",
                        description: "`\(parameter.name)` is filled in for each recipient; leave it out",
                        descriptionVi: "`\(parameter.name)` được điền cho từng người nhận; hãy bỏ ra"))
            } else if let value = ParameterValue(text.withLineFeeds, type: parameter.type) {
                values[parameter.name] = value
            } else {
                found.append(
                    Violation(
                        field: field, reason: "MALFORMED_PARAMETER", description: "must be \(parameter.type.form)",
                        descriptionVi: "phải là \(parameter.type.formVi)"))
            }
        }
        return found.isEmpty ? .success(values) : .failure(ViolationList(violations: found))
    }

    /// The message for one recipient. Limits and control characters are checked on what is really sent.
    func render(_ key: Template.Key, _ values: [String: ParameterValue]) -> Result<RenderedMessage, ViolationList> {
        guard let body = parsed[key] else {
            return .failure(
                ViolationList(violations: [
                    Violation(
                        field: "language", reason: "NO_BODY",
                        description:
                            "template `\(template.id)` has no \(key.channel.name) body in `\(key.language.tag)`",
                        descriptionVi:
                            "mẫu `\(template.id)` không có nội dung \(key.channel.name) cho ngôn ngữ `\(key.language.tag)`"
                    )
                ]))
        }
        let missing = body.subject.parameterNames.union(body.text.parameterNames).subtracting(values.keys)
        guard missing.isEmpty else {
            return .failure(
                ViolationList(
                    violations: missing.sorted().map { name in
                        Violation(
                            field: "parameters[\(name)]", reason: "MISSING_PARAMETER",
                            description: "`\(name)` has no value", descriptionVi: "`\(name)` chưa có giá trị")
                    }))
        }
        let fill = { (text: TemplateText) in text.filled { values[$0]?.shown(in: key.language) }.nfc }
        let message = RenderedMessage(subject: fill(body.subject), text: fill(body.text))
        let (subjectField, textField) = key.channel.fields
        let found = [
            Template.textViolation(
                message.subject, field: subjectField, limit: key.channel.limits.subject, isLine: true),
            Template.textViolation(message.text, field: textField, limit: key.channel.limits.text, isLine: false),
        ].compactMap { $0 }
        return found.isEmpty ? .success(message) : .failure(ViolationList(violations: found))
    }
}

/// One thing wrong with a request.
typealias Violation = ServiceError.FieldViolation

/// Several things wrong at once: "BadRequest with all violations".
struct ViolationList: Error, Sendable, Hashable {
    var violations: [Violation]

    var summary: String { violations.map { "\($0.field): \($0.description)" }.joined(separator: "; ") }
}
