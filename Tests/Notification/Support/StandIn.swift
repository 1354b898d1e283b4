import Foundation
import ServiceKit

@testable import Notification

/// A stand-in for a provider of messages, and what it has taken.
struct StandIn {
    struct Report: Decodable {
        struct Message: Decodable {
            var key: String?
            var id: String
            var to: String
            var channel: String?
        }

        var messages: [Message]
        var duplicates: Int
        var calls: Int
        var refreshes: Int?
    }

    let process: PythonPeer
    let port: Int

    var url: String { "http://127.0.0.1:\(port)" }

    init(_ script: String, _ options: [String: Any]) async throws {
        let text = String(decoding: try JSONSerialization.data(withJSONObject: options), as: UTF8.self)
        process = try PythonPeer(script, [text])
        port = try await process.port()
    }

    /// How many messages it has taken.
    func count() throws -> Int {
        guard let count = Int(String(decoding: try get("/_count"), as: UTF8.self)) else {
            throw PythonPeer.Failure(message: "no count")
        }
        return count
    }

    func report() throws -> Report { try JSONDecoder().decode(Report.self, from: Data(get("/_report"))) }

    private func get(_ path: String) throws -> [UInt8] {
        guard let transfer = CurlTransfer() else { throw PythonPeer.Failure(message: "no transfer") }
        transfer.reset()
        // 20,000 messages are some megabytes.
        let answer = HTTPCall(url: url + path, method: "GET", headers: [], body: [], timeout: .seconds(60))
            .perform(transfer, collectingAtMost: 64 << 20)
        guard answer.code == 200 else { throw PythonPeer.Failure(message: "no report: \(answer.message)") }
        return answer.body
    }

    // MARK: SMS

    static func smsOptions(_ more: [String: Any] = [:]) -> [String: Any] {
        ["api_key": "key-1", "secret_key": "secret-1", "brandname": "CDT", "silence": 90].merging(more) { _, more in
            more
        }
    }

    /// An operator's profile for the SMS stand-in: that of eSMS.
    func smsProfile(_ change: (inout SMSProfile) -> Void = { _ in }) throws -> SMSSettings {
        let file = try ExampleFiles.text("sms-esms.json")
        var profile = try JSONDecoder().decode(SMSProfile.self, from: Data(file.utf8))
        profile.url = url + "/send"
        profile.values?["brandname"] = "CDT"
        // Longer than a busy machine takes for an answer, shorter than the silence.
        profile.timeoutSeconds = 20
        profile.ratePerSecond = 1_000
        change(&profile)
        return SMSSettings(profile: profile, secrets: ["api_key": "key-1", "secret_key": "secret-1"])
    }

    // MARK: Zalo

    static func zaloOptions(_ more: [String: Any] = [:]) -> [String: Any] {
        [
            "app_id": "1234567890", "app_secret": "app-secret", "oa_secret": "oa-secret",
            "refresh_token": "first-refresh",
            "silence": 90,
        ].merging(more) { _, more in more }
    }

    func zaloAccount(_ change: (inout ZaloAccount) -> Void = { _ in }) -> ZaloAccount {
        var account = ZaloAccount(name: "", appID: "1234567890", appSecret: "app-secret", seed: "first-refresh")
        account.oaSecret = "oa-secret"
        account.hosts = .init(business: url, openAPI: url, oauth: url)
        account.timeout = .seconds(20)
        account.ratePerSecond = 1_000
        account.prices = ["4321": .init(phone: 300, user: 200)]
        change(&account)
        return account
    }
}

/// Files that come with the service as examples for operators.
enum ExampleFiles {
    static func text(_ name: String) throws -> String {
        try String(contentsOfFile: "examples/notification/\(name)", encoding: .utf8)
    }
}
