import Foundation
import TestSupport

#if canImport(Glibc)
    import Glibc
#endif

/// A Python program on the other side of a connection: it says things by lines of JSON, and ends with its value.
final class PythonPeer: Sendable {
    struct Failure: Error { var message: String }

    private let process: BackgroundProcess

    init(_ script: String, _ arguments: [String]) throws {
        let python = PackageFolder.path + "/.local/venv/bin/python"
        guard FileManager.default.isExecutableFile(atPath: python) else {
            throw Failure(message: "there is no .local/venv; run tools/python-env")
        }
        process = try BackgroundProcess([python, "Tests/Notification/Peers/\(script)"] + arguments)
    }

    deinit {
        process.signal(SIGTERM)
        Task { [process] in await process.stop() }
    }

    private var said: [String] {
        // The last line may not be complete yet.
        process.printed.split(separator: "\n", omittingEmptySubsequences: false).dropLast().filter { $0.hasPrefix("{") }
            .map(String.init)
    }

    /// The lines so far, once there are at least so many.
    func lines(_ count: Int, within limit: Duration = .seconds(60)) async throws -> [[String: Any]] {
        let end = ContinuousClock.now + limit
        while said.count < count {
            guard ContinuousClock.now < end else {
                throw Failure(message: "\(count) lines were expected, there are only: \(process.printed)")
            }
            try await Task.sleep(for: .milliseconds(20))
        }
        return try said.compactMap { try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any] }
    }

    var lineCount: Int { said.count }

    /// The port, which is the first thing it says.
    func port() async throws -> Int {
        guard let port = try await lines(1)[0]["port"] as? Int else { throw Failure(message: "no port") }
        return port
    }
}

/// A self-signed certificate for 127.0.0.1, made by openssl in a temporary folder.
struct TestCertificate {
    private let folder: ScratchFolder
    var certificate: String { folder.path("certificate.pem") }
    var key: String { folder.path("key.pem") }

    init() async throws {
        folder = try ScratchFolder()
        let made = try await ChildProcess.run([
            "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
            "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost", "-keyout",
            folder.path("key.pem"), "-out", folder.path("certificate.pem"),
        ])
        guard made.status == 0 else { throw PythonPeer.Failure(message: made.errors) }
    }
}
