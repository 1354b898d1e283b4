import ClientC
import Foundation
import TestSupport
import Testing

/// The C client (Shared/ClientC): its own tests, plainly, with AddressSanitizer and under valgrind, against the built
/// programs; and an outside program that finds it by pkg-config.
@Suite(.timeLimit(.minutes(30))) struct ClientCTests {
    @Test func `the C client that SwiftPM builds is the one that CMake builds`() throws {
        let project = try String(contentsOfFile: "\(PackageFolder.path)/Shared/ClientC/CMakeLists.txt", encoding: .utf8)
        #expect(project.contains("project(libcdt VERSION \(String(cString: cdt_version())) "))
    }

    @Test func `the C client holds against good and hostile servers`() async throws {
        let outcome = try await ChildProcess.run(
            ["tools/client-c-test", PackageFolder.products], limit: .seconds(1700))
        #expect(outcome.status == 0, "\(Self.digest(outcome.output + outcome.errors))")
    }

    /// What went wrong, in one line, as far as it can be told from what surrounds it; then everything.
    private static func digest(_ output: String) -> String {
        let telling = ["***", "not so: ", " instead of ", " without \"", "Error", "ERROR", "error:", "lost"]
        let lines = output.split(separator: "\n").filter { line in telling.contains { line.contains($0) } }
        return lines.prefix(30).joined(separator: " | ") + "\n" + output
    }
}
