import Foundation
import TestSupport
import Testing

@testable import ServiceKit

/// A service as a process of its own, as an operator meets it.
@Suite(.serialized, .ownThread, .timeLimit(.minutes(10))) struct ProcessTests {
    struct Ended {
        let status: Int32
        let output: String
        let errors: String
    }

    final class Running {
        let process = Process()
        let output = Pipe()
        let errors = Pipe()
        private let folder = FileManager.default.temporaryDirectory.appending(path: "\(UUIDv7.next())")

        init(_ arguments: [String], environment: [String: String] = [:]) throws {
            let products = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()
            process.executableURL = products.appending(path: "activity-reporting")
            process.arguments = arguments
            process.environment = environment.merging(["CDT_DATA": folder.path]) { given, _ in given }
            process.standardOutput = output
            process.standardError = errors
            try process.run()
        }

        /// The line a service says once it is ready, and the port in it.
        func port() throws -> Int {
            var text = ""
            while !text.contains("\n") {
                let new = output.fileHandleForReading.availableData
                if new.isEmpty { break }
                text += String(decoding: new, as: UTF8.self)
            }
            let words = text.split(separator: " ")
            let word = words.first { $0.hasPrefix("127.0.0.1:") }
            return try #require(word.flatMap { Endpoint(String($0)) }?.port, "\(text)")
        }

        func end() -> Ended {
            process.waitUntilExit()
            try? FileManager.default.removeItem(at: folder)
            return Ended(
                status: process.terminationStatus,
                output: String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self),
                errors: String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self))
        }
    }

    let anywhere = ["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"]

    @Test(arguments: [SIGTERM, SIGINT]) func aSignalStopsInOrder(signal: Int32) throws {
        let service = try Running(anywhere)
        let port = try service.port()
        #expect(port > 0)
        let probe = try Running(["--health-probe", "--listen", "127.0.0.1:\(port)"]).end()
        #expect(probe.status == 0, "\(probe.errors)")
        kill(service.process.processIdentifier, signal)
        let ended = service.end()
        #expect(service.process.terminationReason == .exit)
        #expect(ended.status == 0)
        #expect(ended.errors.contains("\"message\":\"stopped\""), "the log is flushed: \(ended.errors)")
        #expect(try Running(["--health-probe", "--listen", "127.0.0.1:\(port)"]).end().status == 1)
    }

    @Test func wrongOptionsEndWithTheRemedy() throws {
        let ended = try Running(["--lisen", "x"], environment: ["CDT_GRACE": "soon"]).end()
        #expect(ended.status == 2)
        #expect(ended.errors.contains("did you mean --listen?"))
        let wrong = try Running(anywhere, environment: ["CDT_GRACE": "soon"]).end()
        #expect(wrong.status == 2)
        #expect(wrong.errors.contains("environment variable CDT_GRACE is \"soon\", expected a whole number"))
    }

    @Test func helpAndVersionAnswerAtOnce() throws {
        let help = try Running(["--help"]).end()
        #expect(help.status == 0)
        #expect(help.output.contains("Usage: activity-reporting [options]"))
        #expect(try Running(["--version"]).end().output == "activity \(ServiceHost.version)\n")
    }

    @Test func aLogReaderThatGoesAwayDoesNotTakeTheServiceWithIt() throws {
        let service = try Running(anywhere)
        let port = try service.port()
        try service.errors.fileHandleForReading.close()
        try service.output.fileHandleForReading.close()
        for _ in 0..<3 {
            let probe = try Running(["--health-probe", "--listen", "127.0.0.1:\(port)"]).end()
            #expect(probe.status == 0)
        }
        kill(service.process.processIdentifier, SIGTERM)
        service.process.waitUntilExit()
        #expect(service.process.terminationReason == .exit)
        #expect(service.process.terminationStatus == 0)
    }
}
