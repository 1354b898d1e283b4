/// One thing wrong with a request: the field by its path, why, and what to do.
struct Violation: Error, Sendable, Hashable {
    var field: String
    /// UPPER_SNAKE_CASE.
    var reason: String
    var message: String
    var messageVi: String
}
