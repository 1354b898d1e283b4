import Foundation
import RPC
import ServiceKit
import Shared
import Storage
import SwiftProtobuf
import TestSupport
import Testing

@testable import Registry

/// "Contact data travel only on a separate feed topic that Notification may read."
@Suite(.onBothEngines) struct ContactsTests {
    private static let token = String(repeating: "k7", count: 16)

    /// What the first answer to one who follows a topic is: OK, or why not.
    private static func answer(
        _ registry: RunningRegistry, topic: String, _ metadata: Metadata = [:]
    ) async throws -> (code: StatusCode, reason: String) {
        do {
            let call = try await registry.feed.follow(.with { $0.topic = topic }, options: .init(metadata: metadata))
            defer { call.cancel() }
            for try await _ in call.responses { break }
            return (.ok, "")
        } catch let error as RPCError {
            return (error.code, error.reason ?? "")
        }
    }

    /// A Registry of its own, stopped at the end.
    private static func with(_ arguments: [String], _ body: (RunningRegistry, String) async throws -> Void) async throws
    {
        let folder = FileManager.default.temporaryDirectory.appending(path: "contacts-\(UUID())").path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try (token + "\n").write(toFile: "\(folder)/token", atomically: true, encoding: .utf8)
        let registry = try await RunningRegistry.start(
            ["--data", folder] + (try TestDatabase.serviceArguments())
                + arguments.map { $0.replacing("FOLDER", with: folder) })
        do {
            try await body(registry, folder)
        } catch {
            await registry.service.stop()
            throw error
        }
        await registry.service.stop()
    }

    private static func auditedReads(_ registry: RunningRegistry) throws -> Int {
        try registry.service.context.database.read {
            try $0.count("SELECT count(*) FROM audit WHERE resource = 'feeds/registry.contacts' AND action = 'Follow'")
        }
    }

    @Test func `without a token, callers of this machine read contacts, and the read is audited before`() async throws {
        try await Self.with([]) { registry, _ in
            var reads = [try Self.auditedReads(registry)]
            let contacts = try await Self.answer(registry, topic: "registry.contacts")
            reads.append(try Self.auditedReads(registry))
            let facts = try await Self.answer(registry, topic: "registry.facts")
            reads.append(try Self.auditedReads(registry))
            #expect(contacts.code == .ok)
            #expect(facts.code == .ok)
            #expect(reads == [0, 1, 1])
        }
    }

    @Test func `without a token, a Registry that other machines reach serves contacts to nobody`() async throws {
        try await Self.with(["--listen", "0.0.0.0:0", "--insecure-listen"]) { registry, _ in
            let contacts = try await Self.answer(registry, topic: "registry.contacts")
            let facts = try await Self.answer(registry, topic: "registry.facts")
            let reads = try Self.auditedReads(registry)
            #expect(contacts.code == .permissionDenied)
            #expect(contacts.reason == "CONTACTS_NOT_ALLOWED")
            #expect(facts.code == .ok)
            #expect(reads == 0)
        }
    }

    @Test(arguments: [["--listen", "127.0.0.1:0"], ["--listen", "0.0.0.0:0", "--insecure-listen"]])
    func `with a token, only who shows it reads contacts`(listen: [String]) async throws {
        try await Self.with(listen + ["--contacts-token-file", "FOLDER/token"]) { registry, folder in
            for shown in [[:], ["cdt-contacts-token": "wrong"], ["cdt-contacts-token": "\(Self.token)x"]] as [Metadata]
            {
                let refused = try await Self.answer(registry, topic: "registry.contacts", shown)
                #expect(refused.code == .permissionDenied, "\(shown)")
                #expect(refused.reason == "CONTACTS_NOT_ALLOWED")
            }
            let option = ContactsToken.option(help: "")
            let settings = try Settings(
                arguments: ["--contacts-token-file", "\(folder)/token"], environment: [:], options: [option])
            let token = try #require(try ContactsToken(option, in: settings))
            let contacts = try await Self.answer(registry, topic: "registry.contacts", token.metadata)
            let reads = try Self.auditedReads(registry)
            #expect(contacts.code == .ok)
            #expect(reads == 1)
        }
    }

    @Test(arguments: [
        ("", "at least 32"), ("short", "at least 32"), (String(repeating: "a b", count: 16), "blanks"),
        (String(repeating: "đ", count: 32), "ASCII"),
    ])
    func `a token that cannot protect or travel is refused with the remedy`(text: String, part: String) throws {
        let file = FileManager.default.temporaryDirectory.appending(path: "token-\(UUID())").path
        defer { try? FileManager.default.removeItem(atPath: file) }
        try text.write(toFile: file, atomically: true, encoding: .utf8)
        let option = ContactsToken.option(help: "")
        let settings = try Settings(
            arguments: ["--contacts-token-file", file], environment: [:], options: [option])
        let error = #expect(throws: ConfigurationError.self) { _ = try ContactsToken(option, in: settings) }
        #expect(error?.description.contains("--contacts-token-file") == true)
        #expect(error?.description.contains(part) == true, "\(error?.description ?? "")")
    }

    @Test func `the help says who reads contacts`() {
        let help = RegistryServer.options.first { $0.name == "contacts-token-file" }?.help ?? ""
        #expect(help.contains("registry.contacts"))
        #expect(help.contains("loopback"))
    }
}
