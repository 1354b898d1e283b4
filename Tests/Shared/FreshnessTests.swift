import TestSupport
import Testing

@Suite struct FreshnessTests {
    /// The plugins are built with the tests, so this compares what the generator makes now with what is committed.
    @Test func `Generated code is what the generator makes from the contract`() async throws {
        let scratch = try ScratchFolder()
        defer { scratch.remove() }
        let check = try await ChildProcess.run(
            ["tools/generate", "--bin", PackageFolder.products, "--check", scratch.path], limit: .seconds(120))
        #expect(check.status == 0, "\(check.output)\(check.errors)")
    }
}
