import TestSupport
import Testing

/// What the guides show is what comes out.
@Suite(.serialized, .timeLimit(.minutes(10))) struct GuideTests {
    @Test func `The commands of the guides do what the guides say`() async throws {
        let tried = try await ChildProcess.run(
            ["tools/try-guides", "--bin", PackageFolder.products], limit: .seconds(400))
        #expect(tried.status == 0, "\(tried.output)\(tried.errors)")
    }
}
