/// Follows page tokens to the end, or until `limit` items are there; 0: no limit.
func allPages<Item>(
    limit: Int = 0, _ page: (_ token: String, _ size: Int32) async throws -> (items: [Item], next: String)
) async throws -> [Item] {
    var items: [Item] = []
    var token = ""
    repeat {
        let size = limit > 0 ? min(1000, limit - items.count) : 1000
        let answer = try await page(token, Int32(size))
        items += answer.items
        token = answer.next
    } while !token.isEmpty && (limit == 0 || items.count < limit)
    return items
}
