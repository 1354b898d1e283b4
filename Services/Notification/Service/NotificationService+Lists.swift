import RPC
import ServiceKit
import Storage

extension NotificationService {
    /// One page of a list, and the token of the next; empty: this was the last.
    ///
    /// - Parameters:
    ///   - size: Rows when the request names none.
    ///   - read: At most so many rows after the position at which the page before ended; nil: from the beginning.
    ///   - position: What a row is sorted by.
    func page<Row: Sendable>(
        of request: some PagedRequest, _ method: MethodDescriptor, size: Int = 50, maximum: Int = 500,
        read: @escaping @Sendable (_ after: [String]?, _ limit: Int, ReadTransaction) throws -> [Row],
        position: (Row) -> [String]
    ) async throws -> (rows: [Row], next: String) {
        let page = try pageTokens.page(of: request, method, size: size, maximum: maximum)
        // One more tells whether a further page follows.
        let rows = try await database.readPooled { try read(page.position, page.size + 1, $0) }
        return try pageTokens.cut(rows, to: page, of: request, method, after: position)
    }
}
