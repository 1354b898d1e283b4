import ServiceKit
import Testing

@testable import Notification

@Suite struct TemplateTests {
    private func template(
        _ parameters: [Template.Parameter], subject: String = "Chào {{who}}", text: String = "Nội dung"
    ) -> Template {
        Template(
            id: "test", displayName: "Thử", parameters: parameters,
            bodies: [.init(language: .vietnamese, channel: .email): .init(subject: subject, text: text)])
    }

    private let who = Template.Parameter(name: "who", type: .text, description: "")

    @Test func theBuiltInTemplatesAreValid() {
        for template in BuiltInTemplates.all { #expect(template.violations() == []) }
    }

    @Test(
        arguments: [
            ("Chào {{who}", "UNCLOSED_PARAMETER"), ("Chào {{Who}}", "INVALID_NAME"), ("Chào {{}}", "INVALID_NAME"),
            ("Chào {{who}} {{whom}}", "UNKNOWN_PARAMETER"), ("Chào\r\nBcc: x {{who}}", "CONTROL_CHARACTER"),
            ("", "REQUIRED"), (String(repeating: "ế", count: 201) + "{{who}}", "TOO_LONG"),
        ])
    func aBadSubjectIsRefused(subject: String, reason: String) {
        let found = template([who], subject: subject).violations()
        #expect(found.contains { $0.reason == reason && $0.field == "template.contents[vi].email.subject" }, "\(found)")
    }

    @Test func anUnusedOrRepeatedParameterIsNamed() {
        let found = template([who, who, .init(name: "other", type: .date, description: "")]).violations()
        #expect(found.map(\.reason).sorted() == ["DUPLICATE", "UNUSED_PARAMETER"])
        #expect(found.contains { $0.field == "template.parameters[2]" && $0.description.contains("`other`") })
    }

    @Test func aParameterOfTheAudienceHasItsType() {
        let found = template([.init(name: "due_on", type: .text, description: "")], subject: "{{due_on}}").violations()
        #expect(found.map(\.reason) == ["WRONG_TYPE"])
    }

    @Test func everyUnknownMissingAndMalformedValueIsNamed() throws {
        let parameters: [Template.Parameter] = [
            who, .init(name: "day", type: .date, description: ""), .init(name: "sum", type: .dong, description: ""),
            .init(name: "team_name", type: .text, description: ""),
        ]
        let compiled = try CompiledTemplate(template(parameters, subject: "{{who}}{{day}}{{sum}}{{team_name}}"))
        let result = compiled.values(
            ["day": "31/10/2024", "sum": "600.000", "whom": "x", "team_name": "x"], filledIn: ["team_name"],
            field: "parameters")
        guard case .failure(let list) = result else {
            Issue.record("must be refused")
            return
        }
        #expect(
            list.violations.map { "\($0.field) \($0.reason)" } == [
                "parameters[whom] UNKNOWN_PARAMETER", "parameters[who] MISSING_PARAMETER",
                "parameters[day] MALFORMED_PARAMETER", "parameters[sum] MALFORMED_PARAMETER",
                "parameters[team_name] FILLED_IN_BY_AUDIENCE",
            ])
    }

    @Test(
        arguments: [
            (ParameterType.integer, "12345", "12.345", "12,345"), (.integer, "-7", "-7", "-7"),
            (.date, "2024-11-05", "05/11/2024", "5 November 2024"),
            (.month, "2024-10", "tháng 10/2024", "October 2024"),
            (.dong, "600000", "600.000 đồng", "600,000 dong"),
            (.dong, "1234567890", "1.234.567.890 đồng", "1,234,567,890 dong"),
            (.text, "Nguyễn", "Nguyễn", "Nguyễn"),
        ])
    func valuesAreShownAsReadersExpect(type: ParameterType, canonical: String, vi: String, en: String) throws {
        let value = try #require(ParameterValue(canonical, type: type))
        #expect(value.shown(in: .vietnamese) == vi)
        #expect(value.shown(in: .english) == en)
    }

    @Test(
        arguments: [
            (ParameterType.integer, "1.5"), (.integer, "+1"), (.integer, "007"), (.date, "2024-02-30"),
            (.month, "2024-13"),
            (.dong, "1,000"), (.text, "a\u{0}b"), (.text, "a\u{2028}b"),
        ])
    func malformedValuesAreRefused(type: ParameterType, text: String) {
        #expect(ParameterValue(text, type: type) == nil)
    }

    @Test func bracesInAValueMeanNothing() throws {
        let compiled = try CompiledTemplate(template([who]))
        let message = try compiled.render(
            .init(language: .vietnamese, channel: .email), ["who": .text("{{day}}")]
        ).get()
        #expect(message.subject == "Chào {{day}}")
    }

    @Test func aValueCannotBreakOutOfTheSubject() throws {
        let compiled = try CompiledTemplate(template([who]))
        let result = compiled.render(
            .init(language: .vietnamese, channel: .email), ["who": .text("A\nBcc: spy@example.vn")])
        #expect(throws: ViolationList.self) { try result.get() }
    }

    @Test func charactersAreCountedAfterComposition() {
        // "ế" as one, two and three scalars.
        for spelling in ["\u{1EBF}", "\u{EA}\u{301}", "e\u{302}\u{301}"] {
            #expect(String(repeating: spelling, count: 200).scalarCount == 200)
            #expect(
                template([who], subject: String(repeating: spelling, count: 199) + "{{who}}").violations().isEmpty
                    == false)
            #expect(template([], subject: String(repeating: spelling, count: 200)).violations() == [])
        }
    }
}
