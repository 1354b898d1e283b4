import Testing

/// Waits until a condition holds that something else makes true. It ends as soon as it holds, so the limit may be long:
/// it only says when to give up, on the slowest machine that runs the tests.
///
/// - Returns: whether it came to hold.
@discardableResult
package func eventually(
    _ what: Comment = "the condition did not become true", within limit: Duration = .seconds(60),
    sourceLocation: SourceLocation = #_sourceLocation, _ condition: () async throws -> Bool
) async throws -> Bool {
    let end = ContinuousClock.now + limit
    while true {
        if try await condition() { return true }
        if ContinuousClock.now > end {
            Issue.record(what, sourceLocation: sourceLocation)
            return false
        }
        try await Task.sleep(for: .milliseconds(5))
    }
}
