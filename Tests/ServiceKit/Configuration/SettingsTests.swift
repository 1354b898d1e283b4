import Foundation
import Testing

@testable import ServiceKit

@Suite struct SettingsTests {
    static let listen = Option<Endpoint>.endpoint(
        "listen", default: Endpoint(host: "127.0.0.1", port: 50051), help: "Where.")
    static let level = Option<String>.choice("log-level", of: ["debug", "info"], default: "info", help: "What.")
    static let grace = Option<Int>.integer("grace", in: 0...60, default: 20, help: "How long.")
    static let insecure = Option<Bool>.flag("insecure-listen", help: "Whether.")
    static let password = Option<String?>.text("smtp-password", help: "The password.", isSecret: true)
    static let peers = Option<[String: [Endpoint]]>.peers(
        "peer", known: ["registry": Endpoint(host: "127.0.0.1", port: 1)], help: "Who.")
    static let all: [any AnyOption] = [listen, level, grace, insecure, password, peers]

    func settings(_ arguments: [String] = [], _ environment: [String: String] = [:], file: String? = nil) throws
        -> Settings
    {
        guard let file else { return try Settings(arguments: arguments, environment: environment, options: Self.all) }
        let path = FileManager.default.temporaryDirectory.appending(path: "\(UUIDv7.next()).json").path
        try Data(file.utf8).write(to: URL(fileURLWithPath: path))
        defer { try? FileManager.default.removeItem(atPath: path) }
        return try Settings(arguments: arguments + ["--config", path], environment: environment, options: Self.all)
    }

    func problems(_ arguments: [String] = [], _ environment: [String: String] = [:], file: String? = nil) -> [String] {
        let error = #expect(throws: ConfigurationError.self) { try settings(arguments, environment, file: file) }
        return error?.problems ?? []
    }

    @Test func defaultsHoldWhereNobodySaidAnything() throws {
        let settings = try settings()
        #expect(try settings[Self.listen] == Endpoint(host: "127.0.0.1", port: 50051))
        #expect(try settings[Self.level] == "info")
        #expect(try settings[Self.insecure] == false)
        #expect(try settings[Self.password] == nil)
        #expect(try settings[Self.peers] == ["registry": [Endpoint(host: "127.0.0.1", port: 1)]])
        #expect(!settings.isSet(Self.level))
    }

    @Test func flagsGoBeforeEnvironmentBeforeFile() throws {
        let file = #"{"log-level": "debug", "grace": 7, "insecure-listen": true, "listen": "[::1]:9"}"#
        let environment = ["CDT_GRACE": "8", "CDT_LISTEN": "127.0.0.1:10", "HOME": "/x"]
        let settings = try settings(["--listen=127.0.0.1:11"], environment, file: file)
        #expect(try settings[Self.listen].port == 11)
        #expect(try settings[Self.grace] == 8)
        #expect(try settings[Self.level] == "debug")
        #expect(try settings[Self.insecure])
        #expect(settings.isSet(Self.level))
    }

    @Test func listsComeRepeatedOrSeparated() throws {
        let flags = try settings(["--peer", "registry=a:1", "--peer=registry=b:2"])
        #expect(try flags[Self.peers] == ["registry": [Endpoint(host: "a", port: 1), Endpoint(host: "b", port: 2)]])
        let environment = try settings([], ["CDT_PEER": "registry=a:1,registry=b:2"])
        #expect(try environment[Self.peers]["registry"]?.count == 2)
        let file = try settings(file: #"{"peer": ["registry=c:3"]}"#)
        #expect(try file[Self.peers]["registry"]?.first?.host == "c")
    }

    @Test(arguments: [
        (["--lisen", "x:1"], "unknown option --lisen; did you mean --listen?"),
        (["--wholly-different"], "unknown option --wholly-different; see --help"),
        (["serve"], "unexpected argument \"serve\": every option begins with --, see --help"),
        (["--listen"], "--listen needs a value: --listen HOST:PORT"),
        (["--listen", "--grace", "3"], "--listen needs a value: --listen HOST:PORT"),
        (["--grace", "1", "--grace", "2"], "--grace is given 2 times; give it once"),
        (["--grace", "61"], "--grace is \"61\", expected a whole number from 0 to 60"),
        (["--grace", "abc"], "--grace is \"abc\", expected a whole number from 0 to 60"),
        (["--log-level", "loud"], "--log-level is \"loud\", expected one of debug, info"),
        (["--listen", "50051"], "--listen is \"50051\", expected \(Endpoint.expectation)"),
        (["--insecure-listen=maybe"], "--insecure-listen is \"maybe\", expected true or false"),
        (["--config", "/nowhere/x.json"], "the configuration file /nowhere/x.json cannot be read; check --config"),
    ])
    func mistakesAreNamedWithTheirRemedy(arguments: [String], problem: String) {
        #expect(problems(arguments).first == problem)
    }

    @Test func mistakesOfEnvironmentAndFileNameTheirPlace() {
        #expect(
            problems([], ["CDT_GRACE": "x"]) == [
                "environment variable CDT_GRACE is \"x\", expected a whole number from 0 to 60"
            ])
        #expect(problems(file: #"{"gracee": 3}"#).first?.hasSuffix("did you mean grace?") == true)
        #expect(problems(file: "[1]").first?.contains("is not a JSON object") == true)
        #expect(problems(file: #"{"grace": [1, 2]}"#).first?.contains("\"grace\" in ") == true)
        let nested = problems(file: #"{"smtp-password": {"file": "geheim"}, "peer": {"registry": "a:1"}}"#)
        #expect(nested.count == 2)
        #expect(nested.first?.hasPrefix("\"smtp-password\" in ") == true)
        #expect(nested.first?.hasSuffix(": expected one value") == true)
        #expect(nested.last?.hasSuffix(": expected a list") == true)
        #expect(problems(file: #"{"config": "x"}"#).first?.contains("unknown option \"config\"") == true)
        #expect(problems(["--grace", "x", "--log-level", "y"]).count == 2, "all at once")
        #expect(problems([], ["CDT_PEER": "nobody=a:1"]).first?.contains("NAME is one of registry") == true)
    }

    @Test func secretsAreNotRepeated() {
        let text = problems([], ["CDT_SMTP_PASSWORD": ""]).joined()
        #expect(text.contains("CDT_SMTP_PASSWORD"))
        #expect(!problems(["--smtp-password", ""]).joined().contains("\"\""))
    }

    @Test func helpShowsEveryOptionWithVariableAndDefault() {
        let help = HelpText.text(
            program: "registry", summary: "The Registry.", options: Self.all, actions: [("--help", "Show.")])
        for option in Self.all {
            #expect(help.contains("--\(option.name)"))
            #expect(help.contains("environment: \(option.environmentName)"))
        }
        #expect(help.contains("default: 127.0.0.1:50051"))
        #expect(help.contains("CDT_ADMIN_LISTEN") == false)
        #expect(help.split(separator: "\n").allSatisfy { $0.count <= 110 })
    }

    @Test(arguments: [
        ("127.0.0.1:0", true), ("localhost:1", true), ("[::1]:1", true), ("0.0.0.0:1", false), ("[::]:1", false),
        ("127.0.0.1.evil.example:1", false), ("10.0.0.1:1", false), ("registry:50051", false),
    ])
    func loopbackIsRecognised(text: String, isLoopback: Bool) throws {
        #expect(try #require(Endpoint(text)).isLoopback == isLoopback)
        #expect(Endpoint(text)?.description == text)
    }

    @Test(arguments: ["", ":1", "a", "a:", "a:65536", "a:-1", "::1:5", "[::1:5", "a b:1"])
    func endpointsAreReadStrictly(text: String) { #expect(Endpoint(text) == nil) }
}
