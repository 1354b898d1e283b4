import Crypto
import Foundation
import RPC
import Storage
import SwiftProtobuf

/// A list request: the contract gives every one of them these two fields.
package protocol PagedRequest: Message {
    var pageSize: Int32 { get set }
    var pageToken: String { get set }
}

/// "Page tokens opaque and bound to their query."
///
/// A token is the position after which the next page begins, encrypted and authenticated (ChaCha20-Poly1305) together
/// with the method and the request without its paging fields. It tells nothing, cannot be made up, fits no other query,
/// and grants no rights: every page is authorised anew. The key belongs to the database, so that tokens outlive
/// restarts and mean nothing to another installation.
package struct PageTokens: Sendable {
    package static let migrations = MigrationSet(
        "page_tokens",
        [
            Migration(
                version: 1, name: "key of the page tokens",
                sql: "CREATE TABLE page_token_key (id INTEGER PRIMARY KEY, secret BLOB NOT NULL)")
        ])

    /// One page to read.
    package struct Page: Sendable, Hashable {
        /// How many rows; read one more to learn whether a further page follows.
        package let size: Int
        /// Sort values of the last row of the page before, as `token(after:)` was given them; nil: the first page.
        package let position: [String]?
    }

    private let key: SymmetricKey

    package init(key: SymmetricKey) { self.key = key }

    /// The database's key, made on first use.
    package static func load(from database: Database) async throws -> PageTokens {
        let fresh = SymmetricKey(size: .bits256).withUnsafeBytes { Array($0) }
        let secret = try await database.write { transaction in
            try transaction.execute(
                "INSERT INTO page_token_key (id, secret) VALUES (1, ?) ON CONFLICT (id) DO NOTHING", [.blob(fresh)])
            return try transaction.queryOne("SELECT secret FROM page_token_key WHERE id = 1") { try $0.blob(0) }
        }
        return PageTokens(key: SymmetricKey(data: secret ?? fresh))
    }

    /// The page a request asks for. Size 0 means `size`, more than `maximum` is cut to it, below 0 is refused
    /// (AIP-158).
    package func page(
        of request: some PagedRequest, _ method: MethodDescriptor, size: Int = 50, maximum: Int = 1000
    ) throws -> Page {
        var check = Violations()
        check.require(
            request.pageSize >= 0, "page_size", "must not be negative; 0 means \(size)",
            vi: "không được âm; 0 nghĩa là \(size)")
        var position: [String]?
        if !request.pageToken.isEmpty {
            position = self.position(request.pageToken, query: try PageTokens.query(request, method))
            check.require(
                position != nil, "page_token", reason: "INVALID_PAGE_TOKEN",
                "is not a token of this query: repeat the request that gave it, changing nothing but page_token and "
                    + "page_size, or begin without a token",
                vi: "không phải mã trang của truy vấn này: hãy lặp lại đúng yêu cầu đã cấp mã, chỉ đổi page_token và "
                    + "page_size, hoặc bắt đầu lại không có mã")
        }
        try check.refuse()
        return Page(size: request.pageSize == 0 ? size : min(Int(request.pageSize), maximum), position: position)
    }

    /// The token of the page after a row with these sort values.
    package func token(
        after position: [String], of request: some PagedRequest, _ method: MethodDescriptor
    ) throws -> String {
        var plain: [UInt8] = []
        for value in position {
            let bytes = Array(value.utf8)
            plain.append(contentsOf: [UInt8(bytes.count >> 8 & 0xFF), UInt8(bytes.count & 0xFF)])
            plain.append(contentsOf: bytes.prefix(0xFFFF))
        }
        let sealed = try ChaChaPoly.seal(
            plain, using: key, authenticating: try PageTokens.query(request, method))
        return sealed.combined.base64EncodedString()
            .replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
    }

    /// What is shown of the rows read for a page, one more than its size, and the token of the next; empty: the end.
    package func cut<Row>(
        _ rows: [Row], to page: Page, of request: some PagedRequest, _ method: MethodDescriptor,
        after position: (Row) -> [String]
    ) throws -> (rows: [Row], next: String) {
        guard rows.count > page.size, let last = rows.prefix(page.size).last else { return (rows, "") }
        return (Array(rows.prefix(page.size)), try token(after: position(last), of: request, method))
    }

    private func position(_ token: String, query: [UInt8]) -> [String]? {
        guard token.utf8.count <= 8192 else { return nil }
        let padded =
            token.replacing("-", with: "+").replacing("_", with: "/")
            + String(repeating: "=", count: (4 - token.utf8.count % 4) % 4)
        guard let data = Data(base64Encoded: padded), let box = try? ChaChaPoly.SealedBox(combined: data),
            let plain = try? ChaChaPoly.open(box, using: key, authenticating: query)
        else { return nil }
        var values: [String] = []
        var rest = Array(plain)[...]
        while rest.count >= 2, let high = rest.popFirst(), let low = rest.popFirst() {
            let count = Int(high) << 8 | Int(low)
            guard rest.count >= count else { return nil }
            values.append(String(decoding: rest.prefix(count), as: UTF8.self))
            rest = rest.dropFirst(count)
        }
        return rest.isEmpty ? values : nil
    }

    /// What a token is bound to.
    private static func query(_ request: some PagedRequest, _ method: MethodDescriptor) throws -> [UInt8] {
        var request = request
        request.pageSize = 0
        request.pageToken = ""
        var options = BinaryEncodingOptions()
        options.useDeterministicOrdering = true
        let bytes: [UInt8] = try request.serializedBytes(options: options)
        return Array(SHA256.hash(data: Array(method.path.utf8) + [0] + bytes))
    }
}
