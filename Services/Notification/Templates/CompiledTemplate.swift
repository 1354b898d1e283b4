import ServiceKit

/// A template whose bodies are parsed, for rendering many messages.
struct CompiledTemplate: Sendable {
    let template: Template
    private let parsed: [Template.Key: [TemplateText]]

    /// Of a template that passed `violations()`.
    init(_ template: Template) throws(TemplateText.Defect) {
        var parsed: [Template.Key: [TemplateText]] = [:]
        for (key, body) in template.bodies {
            var texts: [TemplateText] = []
            for field in body.fields(key.kind) { texts.append(try TemplateText(parsing: field.text)) }
            parsed[key] = texts
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
        guard let texts = parsed[key], let body = template.bodies[key] else {
            return .failure(
                ViolationList(violations: [
                    Violation(
                        field: "language", reason: "NO_BODY",
                        description: "template `\(template.id)` has no \(key.kind.name) body in `\(key.language.tag)`",
                        descriptionVi:
                            "mẫu `\(template.id)` không có nội dung \(key.kind.name) cho ngôn ngữ `\(key.language.tag)`"
                    )
                ]))
        }
        let missing = texts.reduce(into: Set<String>()) { $0.formUnion($1.parameterNames) }.subtracting(values.keys)
        guard missing.isEmpty else {
            return .failure(
                ViolationList(
                    violations: missing.sorted().map { name in
                        Violation(
                            field: "parameters[\(name)]", reason: "MISSING_PARAMETER",
                            description: "`\(name)` has no value", descriptionVi: "`\(name)` chưa có giá trị")
                    }))
        }
        let filled = texts.map { text in
            text.filled { name in
                let shown = values[name]?.shown(in: key.language)
                return key.kind == .zaloGroup ? shown?.withoutMentions : shown
            }.nfc
        }
        let message = body.rendered(key.kind, filled)
        var found = zip(body.fields(key.kind), filled).compactMap { field, text in
            Template.textViolation(text, field: field.path, limit: field.limit, isLine: field.isLine)
        }
        if let sms = message.sms, let violation = Template.segmentViolation(sms, field: "text") {
            found.append(violation)
        }
        return found.isEmpty ? .success(message) : .failure(ViolationList(violations: found))
    }
}

extension String {
    /// Zalo reads `[@…]` in a group's text as a call to a member; what a value brings in is no such call.
    var withoutMentions: String { replacing("[@", with: "[") }
}

/// One thing wrong with a request.
typealias Violation = ServiceError.FieldViolation

/// Several things wrong at once: "BadRequest with all violations".
struct ViolationList: Error, Sendable, Hashable {
    var violations: [Violation]

    var summary: String { violations.map { "\($0.field): \($0.description)" }.joined(separator: "; ") }
}
