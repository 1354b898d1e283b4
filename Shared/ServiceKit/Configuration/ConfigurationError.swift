/// Why a program cannot start as it was told to: what was wrong, where it was said, and what to do.
package struct ConfigurationError: Error, Sendable, Hashable, CustomStringConvertible {
    package let problems: [String]

    package init(_ problems: [String]) { self.problems = problems }
    package init(_ problem: String) { problems = [problem] }

    package var description: String { problems.joined(separator: "\n") }
}

/// Why the text of one option cannot be used; the configuration adds where the text came from.
package struct OptionProblem: Error, Sendable, Hashable {
    let expected: String
    package init(_ expected: String) { self.expected = expected }
}
