import ServiceKit

extension Template {
    /// Everything wrong with a template, by the field paths of the contract; empty: it can be recorded.
    func violations() -> [Violation] {
        var found: [Violation] = []
        if !Template.isID(id) {
            found.append(
                Violation(
                    field: "template.name", reason: "INVALID_NAME",
                    description: "write `templates/{id}` with 1 to 60 lower-case letters, digits and hyphens",
                    descriptionVi: "hãy viết `templates/{id}` gồm 1 đến 60 chữ thường không dấu, chữ số và gạch nối"))
        }
        found += Violation.displayName(displayName, field: "template.display_name")
        found += parameterViolations()
        if bodies.isEmpty {
            found.append(
                Violation(
                    field: "template.contents", reason: "REQUIRED", description: "give at least one body",
                    descriptionVi: "hãy cho ít nhất một nội dung"))
        }
        found += bodyViolations()
        return found
    }

    static func isID(_ id: String) -> Bool {
        (1...60).contains(id.utf8.count)
            && id.utf8.allSatisfy { byte in
                (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) || byte == UInt8(ascii: "-")
                    || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
            }
    }

    private func parameterViolations() -> [Violation] {
        var found: [Violation] = []
        var seen: Set<String> = []
        for (index, parameter) in parameters.enumerated() {
            let field = "template.parameters[\(index)]"
            if !TemplateText.isParameterName(parameter.name) {
                found.append(
                    Violation(
                        field: field + ".name", reason: "INVALID_NAME",
                        description:
                            "write lower-case letters, digits and underscores, beginning with a letter, at most 40",
                        descriptionVi: "hãy dùng chữ thường không dấu, chữ số và gạch dưới, bắt đầu bằng chữ, tối đa 40"
                    ))
            } else if !seen.insert(parameter.name).inserted {
                found.append(
                    Violation(
                        field: field + ".name", reason: "DUPLICATE",
                        description: "`\(parameter.name)` is declared twice; remove one",
                        descriptionVi: "`\(parameter.name)` được khai báo hai lần; hãy bỏ bớt một"))
            }
            if let type = Template.audienceParameters[parameter.name], type != parameter.type {
                found.append(
                    Violation(
                        field: field + ".type", reason: "WRONG_TYPE",
                        description:
                            "`\(parameter.name)` is filled in by the audience as \(type.form); declare that type",
                        descriptionVi:
                            "`\(parameter.name)` do danh sách nhận điền, kiểu \(type.formVi); hãy khai báo kiểu đó"))
            }
        }
        return found
    }

    private func bodyViolations() -> [Violation] {
        let declared = Set(parameters.map(\.name))
        var found: [Violation] = []
        var used: Set<String> = []
        for (key, body) in bodies.sorted(by: {
            ($0.key.language.rawValue, $0.key.kind.rawValue) < ($1.key.language.rawValue, $1.key.kind.rawValue)
        }) {
            let path = "template.contents[\(key.language.tag)].\(key.kind.name)"
            if key.kind == .zaloTemplate { found += Template.registrationViolations(body, path: path) }
            for field in body.fields(key.kind) {
                let (text, limit, isLine) = (field.text, field.limit, field.isLine)
                let field = "\(path).\(field.path)"
                if let violation = Template.textViolation(text, field: field, limit: limit, isLine: isLine) {
                    found.append(violation)
                }
                do throws(TemplateText.Defect) {
                    let names = try TemplateText(parsing: text).parameterNames
                    used.formUnion(names)
                    for name in names.subtracting(declared).sorted() {
                        found.append(
                            Violation(
                                field: field, reason: "UNKNOWN_PARAMETER",
                                description:
                                    "`\(name)` is not declared; declare it in `parameters` or correct the name",
                                descriptionVi:
                                    "`\(name)` chưa được khai báo; hãy khai báo trong `parameters` hoặc sửa tên")
                        )
                    }
                    if names.isEmpty, key.kind == .sms,
                        let violation = Template.segmentViolation(
                            SMSText(text, accented: body.isAccented), field: field)
                    {
                        found.append(violation)
                    }
                } catch {
                    found.append(error.violation(field: field))
                }
            }
        }
        for (index, parameter) in parameters.enumerated() where !used.contains(parameter.name) {
            found.append(
                Violation(
                    field: "template.parameters[\(index)]", reason: "UNUSED_PARAMETER",
                    description: "no body uses `\(parameter.name)`; use it or remove it",
                    descriptionVi: "không nội dung nào dùng `\(parameter.name)`; hãy dùng hoặc bỏ đi"))
        }
        return found
    }

    /// What Zalo knows a template and its values by.
    private static func registrationViolations(_ body: TemplateBody, path: String) -> [Violation] {
        var found: [Violation] = []
        if !(1...20).contains(body.providerTemplate.utf8.count)
            || !body.providerTemplate.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) })
        {
            found.append(
                Violation(
                    field: "\(path).provider_template", reason: "INVALID_NAME",
                    description: "give the id of the template registered with Zalo: 1 to 20 digits",
                    descriptionVi: "hãy cho mã mẫu đã đăng ký với Zalo: 1 đến 20 chữ số"))
        }
        var seen: Set<String> = []
        for (index, value) in body.values.enumerated() {
            let isName =
                (1...60).contains(value.name.utf8.count)
                && value.name.unicodeScalars.allSatisfy {
                    $0.isASCII && ($0.properties.isAlphabetic || ("0"..."9").contains($0) || $0 == "_")
                }
            if !isName {
                found.append(
                    Violation(
                        field: "\(path).parameters[\(index)].name", reason: "INVALID_NAME",
                        description: "write the name registered with Zalo: letters, digits and underscores, at most 60",
                        descriptionVi: "hãy viết tên đã đăng ký với Zalo: chữ không dấu, chữ số, gạch dưới, tối đa 60"))
            } else if !seen.insert(value.name).inserted {
                found.append(
                    Violation(
                        field: "\(path).parameters[\(index)].name", reason: "DUPLICATE",
                        description: "`\(value.name)` is given twice; remove one",
                        descriptionVi: "`\(value.name)` có hai lần; hãy bỏ bớt một"))
            }
            if !(1...TemplateBody.longestValue).contains(value.limit) {
                found.append(
                    Violation(
                        field: "\(path).parameters[\(index)].max_length", reason: "OUT_OF_RANGE",
                        description: "give 1 to \(TemplateBody.longestValue) characters, or 0 for that many",
                        descriptionVi: "hãy cho 1 đến \(TemplateBody.longestValue) ký tự, hoặc 0 để lấy mức tối đa"))
            }
        }
        return found
    }

    /// "At most 5 segments": gateways refuse longer ones, and each costs.
    static func segmentViolation(_ sms: SMSText, field: String) -> Violation? {
        guard sms.segments > TemplateBody.mostSegments else { return nil }
        return Violation(
            field: field, reason: "TOO_LONG",
            description:
                "takes \(sms.segments) segments (\(sms.encoding)); at most \(TemplateBody.mostSegments) are possible: "
                + "shorten it, or leave `accented` out",
            descriptionVi:
                "dài \(sms.segments) phần tin (\(sms.encoding)); tối đa \(TemplateBody.mostSegments): hãy rút ngắn, "
                + "hoặc bỏ `accented`")
    }

    /// The check that holds for a body with its blanks and once more with them filled.
    static func textViolation(_ text: String, field: String, limit: Int, isLine: Bool) -> Violation? {
        if text.isEmpty {
            return Violation(
                field: field, reason: "REQUIRED", description: "must not be empty", descriptionVi: "không được để trống"
            )
        }
        // A line end in a subject would begin a new header of the mail (RFC 5322, section 2.2).
        if text.unicodeScalars.contains(where: { $0.isControl && (isLine || ($0 != "\n" && $0 != "\t")) }) {
            return Violation(
                field: field, reason: "CONTROL_CHARACTER",
                description: isLine
                    ? "must be one line without control characters" : "holds control characters; remove them",
                descriptionVi: isLine ? "phải là một dòng, không có ký tự điều khiển" : "có ký tự điều khiển; hãy bỏ đi"
            )
        }
        let count = text.scalarCount
        if count > limit {
            return Violation(
                field: field, reason: "TOO_LONG", description: "has \(count) characters; at most \(limit) are possible",
                descriptionVi: "dài \(count) ký tự; tối đa \(limit)")
        }
        return nil
    }
}

extension TemplateText.Defect {
    func violation(field: String) -> Violation {
        switch self {
        case .unclosed(let text):
            Violation(
                field: field, reason: "UNCLOSED_PARAMETER", description: "`{{` without `}}` at: \(text)",
                descriptionVi: "có `{{` mà thiếu `}}` tại: \(text)")
        case .badName(let name):
            Violation(
                field: field, reason: "INVALID_NAME",
                description: "`{{\(name)}}` is no parameter name: lower-case letters, digits and underscores",
                descriptionVi:
                    "`{{\(name)}}` không phải tên tham số: chỉ dùng chữ thường không dấu, chữ số và gạch dưới")
        }
    }
}
