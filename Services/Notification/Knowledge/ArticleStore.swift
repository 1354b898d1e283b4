import ServiceKit
import Storage

/// Rows of articles.
enum ArticleStore {
    private static let columns =
        "id, unit, kind, title, body, url, subjects, language, revision, created_at, updated_at"

    static func insert(_ article: Article, _ transaction: WriteTransaction) throws {
        try transaction.execute(
            "INSERT INTO article (\(columns), folded_title) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                .text(article.id), .text(article.unit), SQLValue(article.kind.rawValue), .text(article.title),
                .text(article.text), .text(article.url), .text(lines(article.subjects)),
                SQLValue(article.language.rawValue), SQLValue(article.revision), SQLValue(article.createdAt),
                SQLValue(article.updatedAt), .text(TextFolding.fold(article.title)),
            ])
    }

    static func update(_ article: Article, _ transaction: WriteTransaction) throws {
        try transaction.execute(
            """
            UPDATE article SET title = ?, folded_title = ?, body = ?, url = ?, subjects = ?, language = ?, revision = ?,
                updated_at = ? WHERE id = ?
            """,
            [
                .text(article.title), .text(TextFolding.fold(article.title)), .text(article.text), .text(article.url),
                .text(lines(article.subjects)), SQLValue(article.language.rawValue), SQLValue(article.revision),
                SQLValue(article.updatedAt), .text(article.id),
            ])
    }

    static func get(_ id: String, _ transaction: ReadTransaction) throws -> Article? {
        try transaction.queryOne("SELECT \(columns) FROM article WHERE id = ?", [.text(id)], article)
    }

    /// Campaigns that publish it.
    static func campaigns(_ id: String, _ transaction: ReadTransaction) throws -> Int {
        try transaction.count("SELECT count(*) FROM campaign WHERE article = ?", [.text(id)])
    }

    struct Filter: Sendable {
        var kind: Article.Kind?
        var subject = ""
        /// Folded; matches where it begins at a word of the title.
        var query = ""
    }

    /// A page, newest first (ids rise with time).
    static func page(_ filter: Filter, before: String?, limit: Int, _ transaction: ReadTransaction) throws -> [Article]
    {
        var conditions: [String] = []
        var bindings: [SQLValue] = []
        func add(_ condition: String, _ value: SQLValue) {
            conditions.append(condition)
            bindings.append(value)
        }
        if let before { add("id < ?", .text(before)) }
        if let kind = filter.kind { add("kind = ?", SQLValue(kind.rawValue)) }
        if !filter.subject.isEmpty { add("subjects LIKE ?", .text("%\n\(filter.subject)\n%")) }
        // Folded text has letters, digits and blanks alone, and so no signs that LIKE reads.
        if !filter.query.isEmpty { add("' ' || folded_title LIKE ?", .text("% \(filter.query)%")) }
        let condition = conditions.isEmpty ? "" : "WHERE " + conditions.joined(separator: " AND ")
        return try transaction.query(
            "SELECT \(columns) FROM article \(condition) ORDER BY id DESC LIMIT ?", bindings + [SQLValue(limit)],
            article)
    }

    /// Each on a line of its own, so that one is found by itself.
    private static func lines(_ subjects: [String]) -> String {
        subjects.isEmpty ? "" : "\n" + subjects.joined(separator: "\n") + "\n"
    }

    private static func article(_ row: Row) throws -> Article {
        Article(
            id: try row.text(0), kind: Article.Kind(rawValue: try row.int(2)) ?? .guide, unit: try row.text(1),
            title: try row.text(3), text: try row.text(4), url: try row.text(5),
            subjects: try row.text(6).split(separator: "\n").map(String.init),
            language: Language(rawValue: try row.int(7)) ?? .vietnamese, revision: try row.int(8),
            createdAt: try row.instant(9), updatedAt: try row.instant(10))
    }
}
