import Testing

@testable import ServiceKit

@Suite struct DatabaseOptionTests {
    private func check(_ url: String) throws {
        _ = try ServiceHost.settings(of: SampleDefinition.self, arguments: ["--database", url], environment: [:])
    }

    @Test(arguments: [
        "postgresql:///registry?host=/run/postgresql", "postgresql:///registry?host=@postgresql",
        "postgresql://cdt@/registry?host=/run/postgresql", "postgres://u@[::1]:5432/registry",
        "postgresql://u:1%252F%40%3A@a.example:5432,b.example:5433/registry?sslmode=verify-full",
    ])
    func aURLThatPostgreSQLCanReadIsTaken(url: String) throws { try check(url) }

    /// Where a password has characters of a URL, libpq takes it apart otherwise than was meant, and its messages repeat
    /// the pieces.
    @Test(arguments: [
        "postgresql://u:geheim%zz@127.0.0.1:1/registry", "postgresql://u:1@geheim@127.0.0.1:1/registry",
        "postgresql://u:geheim/1@127.0.0.1:1/registry", "postgresql://u:1/geheim@127.0.0.1:1/registry",
        "postgresql://u:geheim@[::1/registry", "postgresql://u@127.0.0.1/registry?password=1&geheim",
        "mysql://u:geheim@127.0.0.1/registry", "geheim",
    ])
    func anyOtherIsRefusedWithoutRepeatingIt(url: String) throws {
        let error = try #require(throws: ConfigurationError.self) { try check(url) }
        #expect(error.description.contains("--database expected postgresql://"))
        #expect(!error.description.contains("geheim"))
    }
}
