import ServiceKit
import Shared
import SwiftProtobuf

/// Something worth knowing: "guides, training documents and good practices", and answers to questions that came back.
struct Article: Sendable, Hashable {
    /// Raw values are those of the contract's `ArticleKind`.
    enum Kind: Int, Sendable, Hashable, CaseIterable {
        case guide = 1
        case trainingDocument = 2
        case goodPractice = 3
        case answer = 4
    }

    /// Where it comes of a text that is sent: with title and link it must fit one Zalo text of 2,000 characters.
    static let longestText = 1_500

    var id: String
    var kind: Kind
    var unit: String
    var title: String
    var text: String
    /// Empty: there is nothing but the text.
    var url: String
    var subjects: [String]
    var language: Language
    var revision = 1
    var createdAt: Instant
    var updatedAt: Instant

    /// As a ticket is answered with it.
    var answer: String { url.isEmpty ? text : "\(text)\n\(url)" }

    var message: Cdt_Notification_V1_Article {
        .with {
            $0.name = "articles/\(id)"
            $0.kind = .init(rawValue: kind.rawValue) ?? .unspecified
            $0.unit = "units/\(unit)"
            $0.title = title
            $0.text = text
            $0.url = url
            $0.subjects = subjects
            $0.language = .init(rawValue: language.rawValue) ?? .unspecified
            $0.etag = Etag.of(version: Int64(revision))
            $0.createTime = createdAt.timestamp
            $0.updateTime = updatedAt.timestamp
        }
    }

    /// Reads a request; every violation is named.
    static func reading(_ message: Cdt_Notification_V1_Article, id: String, now: Instant) -> Result<
        Article, ViolationList
    > {
        var found: [Violation] = []
        let kind = Kind(rawValue: message.kind.rawValue)
        if kind == nil { found.append(.unknownValue("article.kind")) }
        let unit = ResourceName.id(message.unit, in: "units")
        if unit == nil { found.append(.invalidName("article.unit", form: "units/{id}")) }
        found += Violation.displayName(message.title, field: "article.title")
        let text = message.text.withLineFeeds.nfc
        if let violation = Template.textViolation(text, field: "article.text", limit: longestText, isLine: false) {
            found.append(violation)
        }
        if !message.url.isEmpty, !isLink(message.url) {
            found.append(
                Violation(
                    field: "article.url", reason: "INVALID_URL",
                    description: "write `https://…` without blanks, at most 200 characters",
                    descriptionVi: "hãy viết `https://…` không có khoảng trắng, tối đa 200 ký tự"))
        }
        if message.subjects.count > 10 || Set(message.subjects).count != message.subjects.count
            || !message.subjects.allSatisfy(Template.isID)
        {
            found.append(
                Violation(
                    field: "article.subjects", reason: "INVALID_NAME",
                    description: "give at most 10, each once: 1 to 60 lower-case letters, digits and hyphens",
                    descriptionVi:
                        "hãy cho tối đa 10, mỗi chủ đề một lần: 1 đến 60 chữ thường không dấu, chữ số, gạch nối"))
        }
        let language = message.language == .unspecified ? .vietnamese : Language(rawValue: message.language.rawValue)
        if language == nil { found.append(.unknownValue("article.language")) }
        guard found.isEmpty, let kind, let unit, let language else {
            return .failure(ViolationList(violations: found))
        }
        return .success(
            Article(
                id: id, kind: kind, unit: unit, title: message.title.nfc,
                // A tab is no character of a message's parameters.
                text: text.replacing("\t", with: " "), url: message.url, subjects: message.subjects, language: language,
                createdAt: now, updatedAt: now))
    }

    private static func isLink(_ text: String) -> Bool {
        text.hasPrefix("https://") && (9...200).contains(text.utf8.count)
            && text.utf8.allSatisfy {
                (0x21...0x7E).contains($0) && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "<")
            }
    }
}
