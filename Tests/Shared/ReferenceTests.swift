import TestSupport
import Testing

@Suite struct ReferenceTests {
    /// Pages, error catalogue and Vietnamese lines are those of the contract and the code; links lead somewhere.
    @Test func `The API reference is what its generator makes`() async throws {
        let check = try await ChildProcess.run(["tools/reference", "--check"], limit: .seconds(120))
        #expect(check.status == 0, "\(check.output)\(check.errors)")
    }
}
