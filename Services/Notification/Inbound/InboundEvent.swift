import Crypto
import Foundation
import ServiceKit

/// What a provider calls us with, once its signature has been verified.
struct InboundEvent: Sendable, Hashable {
    enum Kind: Sendable, Hashable {
        /// About a message of ours, by our id or by the provider's.
        case receipt(DeliveryMachine.Receipt, delivery: String, providerID: String)
        /// Somebody has written.
        case reply(user: String, text: String)
        /// Nothing that is acted on.
        case other
    }

    /// Whose events the id belongs to: events of a provider are told apart by it.
    var source: String
    var id: String
    var channel: ChannelKind
    var account: String
    var kind: Kind

    /// Whether it says something of the message as it is now: that it did not arrive by one provider is no word about
    /// the channel it is on since.
    func concerns(_ delivery: Delivery) -> Bool {
        guard case .receipt(.failed, _, _) = kind else { return true }
        return delivery.channel?.provider == channel.provider
    }
}

/// A call at the callback port.
struct CallbackRequest: Sendable, Hashable {
    var path: String
    /// Names in lower case.
    var headers: [String: String]
    /// As it came: signatures are over these bytes.
    var body: [UInt8]
}

/// Whether a call is what it says, and what it tells.
enum CallbackVerdict: Sendable, Hashable {
    case accepted(InboundEvent)
    /// The signature is wrong, or there is none.
    case refused
    /// Signed, and nothing that can be read.
    case malformed
    /// No such path.
    case unknown
}

/// Compares without telling by its time how much was right.
func equalInConstantTime(_ a: some Collection<UInt8>, _ b: some Collection<UInt8>) -> Bool {
    guard a.count == b.count else { return false }
    return zip(a, b).reduce(UInt8(0)) { $0 | ($1.0 ^ $1.1) } == 0
}

/// Events of a Zalo Official Account.
struct ZaloCallbacks: Sendable {
    let account: ZaloAccount

    /// `X-ZEvent-Signature: mac=<hex>` is the SHA-256 of application id, raw body, timestamp and the account's secret.
    /// The timestamp stands in the body, for some in a header; some sign with the account's id in place of the
    /// application's.
    func isSigned(_ request: CallbackRequest, _ json: JSONValue) -> Bool {
        guard !account.oaSecret.isEmpty, let header = request.headers["x-zevent-signature"] else { return false }
        let mac = Array((header.hasPrefix("mac=") ? String(header.dropFirst(4)) : header).lowercased().utf8)
        let timestamps = [json["timestamp"]?.shown, request.headers["x-zevent-timestamp"]].compactMap { $0 }
        let ids = [account.appID, account.oaID].filter { !$0.isEmpty }
        var isRight = false
        for timestamp in timestamps {
            for id in ids {
                var hash = SHA256()
                hash.update(data: Data(id.utf8))
                hash.update(data: request.body)
                hash.update(data: Data((timestamp + account.oaSecret).utf8))
                if equalInConstantTime(Array(hash.finalize().hexadecimal.utf8), mac) { isRight = true }
            }
        }
        return isRight
    }

    func read(_ request: CallbackRequest) -> CallbackVerdict {
        // What is no JSON cannot be signed: the timestamp is missing.
        guard let json = JSONValue(request.body), isSigned(request, json) else { return .refused }
        guard let name = json["event_name"]?.shown else { return .malformed }
        let message = json["message"]
        let messageID = message?["msg_id"]?.shown ?? message?.at("msg_ids.0")?.shown ?? ""
        var event = InboundEvent(
            source: "zalo/\(account.name)",
            // "Dedupe on msg_id"; an event without one is known by its bytes.
            id: messageID.isEmpty
                ? SHA256.hash(data: Data(request.body)).hexadecimal : "\(name)/\(messageID)",
            channel: .zaloText, account: account.name, kind: .other)
        switch name {
        case "user_received_message":
            event.kind = .receipt(
                .delivered, delivery: message?["tracking_id"]?.shown ?? "", providerID: messageID)
        case "user_seen_message":
            event.kind = .receipt(.read, delivery: message?["tracking_id"]?.shown ?? "", providerID: messageID)
        case "user_send_text":
            guard let user = json.at("sender.id")?.shown, let text = message?["text"]?.shown else { return .malformed }
            event.kind = .reply(user: user, text: text)
        default: break
        }
        return .accepted(event)
    }
}

/// Receipts and replies of an SMS gateway, as its profile describes them.
struct SMSCallbacks: Sendable {
    let settings: SMSSettings

    func read(_ request: CallbackRequest) -> CallbackVerdict {
        guard let callback = settings.profile.callback, let secret = settings.secrets[callback.secret],
            let given = request.headers[callback.header.lowercased()]
        else { return .refused }
        let mac = HMAC<SHA256>.authenticationCode(
            for: Data(request.body), using: SymmetricKey(data: Data(secret.utf8))
        ).hexadecimal
        let shown = given.hasPrefix("sha256=") ? String(given.dropFirst(7)) : given
        guard equalInConstantTime(Array(mac.utf8), Array(shown.lowercased().utf8)) else { return .refused }
        guard let json = JSONValue(request.body) else { return .malformed }
        let providerID = json.at(callback.messageID)?.shown ?? ""
        let status = json.at(callback.status)?.shown ?? ""
        var event = InboundEvent(
            source: "sms",
            id: providerID.isEmpty ? SHA256.hash(data: Data(request.body)).hexadecimal : "\(providerID)/\(status)",
            channel: .sms, account: "", kind: .other)
        if let text = json.at(callback.text)?.shown, let phone = json.at(callback.phone)?.shown {
            event.kind = .reply(user: phone, text: text)
            event.id = SHA256.hash(data: Data(request.body)).hexadecimal
        } else if let meaning = callback.statuses[status] {
            let receipt: DeliveryMachine.Receipt =
                switch meaning {
                case .delivered: .delivered
                case .read: .read
                case .failed: .failed(.recipientRefused, detail: "not delivered: \(status)".shortened)
                }
            event.kind = .receipt(receipt, delivery: json.at(callback.id)?.shown ?? "", providerID: providerID)
        }
        return .accepted(event)
    }
}

/// All that may call.
struct Callbacks: Sendable {
    private let zalo: [String: ZaloCallbacks]
    private let sms: SMSCallbacks?

    init(zalo: [ZaloAccount], sms: SMSSettings?) {
        self.zalo = Dictionary(zalo.map { ($0.name, ZaloCallbacks(account: $0)) }) { first, _ in first }
        self.sms = sms.map(SMSCallbacks.init)
    }

    /// Paths: `/callbacks/zalo`, `/callbacks/zalo/{account}`, `/callbacks/sms`.
    func read(_ request: CallbackRequest) -> CallbackVerdict {
        let parts = request.path.prefix { $0 != "?" }.split(separator: "/").map(String.init)
        guard parts.first == "callbacks", (2...3).contains(parts.count) else { return .unknown }
        if parts[1] == "zalo", let callbacks = zalo[parts.count == 3 ? parts[2] : ""] { return callbacks.read(request) }
        if parts[1] == "sms", parts.count == 2, let sms { return sms.read(request) }
        return .unknown
    }
}
