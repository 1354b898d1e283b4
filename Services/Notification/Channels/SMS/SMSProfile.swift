import Foundation
import ServiceKit

/// How to talk to the HTTP gateway of a brandname provider: there is no national standard, so what differs between them
/// is data. README.md ("SMS") describes the file.
struct SMSProfile: Sendable, Hashable, Codable {
    /// How a class of answers is treated.
    enum Meaning: String, Sendable, Hashable, Codable, CaseIterable {
        /// Taken; also "this id was sent before".
        case accepted
        case invalidRecipient, recipientRefused, contentRefused
        /// The operator must act: key, brandname, balance, address list.
        case configuration
        /// Not now.
        case temporary
        case rateLimited
        /// Nothing more today.
        case quota
        /// Not at this hour.
        case quiet
        case ambiguous
    }

    enum PhoneForm: String, Sendable, Hashable, Codable, CaseIterable {
        case national, international, plus
    }

    struct Reply: Sendable, Hashable, Codable {
        /// Where the result code stands in the JSON of an answer: `CodeResult`, `data.0.code`. Empty: the HTTP status
        /// alone decides.
        var code = ""
        var messageID = ""
        var text = ""
        /// What each code means. One that is not listed leaves it open whether the message was taken.
        var codes: [String: Meaning] = [:]
        /// What HTTP statuses mean that are not told by `code`, for example `"503": "temporary"`.
        var statuses: [String: Meaning] = [:]

        enum CodingKeys: String, CodingKey {
            case code, text, codes, statuses
            case messageID = "message_id"
        }

        init() {}

        init(from decoder: any Decoder) throws {
            let values = try decoder.container(keyedBy: CodingKeys.self)
            code = try values.decodeIfPresent(String.self, forKey: .code) ?? ""
            messageID = try values.decodeIfPresent(String.self, forKey: .messageID) ?? ""
            text = try values.decodeIfPresent(String.self, forKey: .text) ?? ""
            codes = try values.decodeIfPresent([String: Meaning].self, forKey: .codes) ?? [:]
            statuses = try values.decodeIfPresent([String: Meaning].self, forKey: .statuses) ?? [:]
        }
    }

    /// How the gateway tells what became of a message, and what people answer.
    struct Callback: Sendable, Hashable, Codable {
        enum Meaning: String, Sendable, Hashable, Codable, CaseIterable { case delivered, read, failed }

        /// The name, in `secrets`, of the key with which it signs: HMAC-SHA256 over the raw body, in hex.
        var secret: String
        /// The header with the signature.
        var header: String
        /// Where our id stands.
        var id: String
        /// Where the gateway's id stands.
        var messageID: String
        var status: String
        var statuses: [String: Meaning]
        /// Where the text of a reply and its sender stand; empty: it tells of none.
        var text = ""
        var phone = ""

        enum CodingKeys: String, CodingKey {
            case secret, header, id, status, statuses, text, phone
            case messageID = "message_id"
        }

        init(from decoder: any Decoder) throws {
            let values = try decoder.container(keyedBy: CodingKeys.self)
            secret = try values.decode(String.self, forKey: .secret)
            header = try values.decode(String.self, forKey: .header)
            id = try values.decode(String.self, forKey: .id)
            messageID = try values.decode(String.self, forKey: .messageID)
            status = try values.decode(String.self, forKey: .status)
            statuses = try values.decode([String: Meaning].self, forKey: .statuses)
            text = try values.decodeIfPresent(String.self, forKey: .text) ?? ""
            phone = try values.decodeIfPresent(String.self, forKey: .phone) ?? ""
        }
    }

    /// How the gateway is asked, with GET, what became of a message that nobody knows to have been taken.
    struct Status: Sendable, Hashable, Codable {
        enum Meaning: String, Sendable, Hashable, Codable, CaseIterable {
            case taken, delivered, failed
            /// It has never had the message, for certain: it is sent again.
            case notTaken
        }

        /// With the blank `{{id}}`.
        var url: String
        /// Where the state stands in the answer.
        var code: String
        /// What each state means. One that is not listed leaves it open.
        var codes: [String: Meaning]
    }

    struct Cost: Sendable, Hashable, Codable {
        /// Đồng for each segment.
        var gsm7: Int64
        var ucs2: Int64
    }

    var name: String
    var url: String
    var method: String?
    var headers: [String: String]?
    /// JSON whose texts hold blanks.
    var json: JSONValue?
    /// Or a form whose values hold blanks.
    var form: [String: String]?
    /// Blanks of the operator: a brandname, a sender id.
    var values: [String: String]?
    /// Blanks whose values stand in files, named from the folder of the profile.
    var secrets: [String: String]?
    var phone: PhoneForm?
    var reply: Reply
    var callback: Callback?
    var status: Status?
    var cost: Cost?
    /// The gateway refuses or forgets a message whose id it has had before.
    var deduplicates: Bool?
    var ratePerSecond: Double?
    var dailyQuota: Int?
    /// `22:00-06:00`, or `none`.
    var quietHours: String?
    var timeoutSeconds: Int?

    enum CodingKeys: String, CodingKey, CaseIterable {
        case name, url, method, headers, json, form, values, secrets, phone, reply, callback, status, cost, deduplicates
        case ratePerSecond = "rate_per_second"
        case dailyQuota = "daily_quota"
        case quietHours = "quiet_hours"
        case timeoutSeconds = "timeout_seconds"
    }

    /// Blanks that the service fills in.
    static let own: Set<String> = ["phone", "text", "id", "unicode", "segments"]

    /// What is wrong with it, by field, with the remedy; empty: nothing.
    func problems() -> [String] {
        var found: [String] = []
        if !(url.hasPrefix("https://") || url.hasPrefix("http://")) {
            found.append("url: write https://… (http:// only for a gateway on this machine or in its network)")
        }
        if (json == nil) == (form == nil) { found.append("json, form: give one of the two") }
        if let method, !["POST", "PUT"].contains(method) { found.append("method: POST or PUT") }
        if let quietHours, quietHours != "none", QuietHours(quietHours) == nil {
            found.append("quiet_hours: write HH:MM-HH:MM, for example 22:00-06:00, or none")
        }
        if let ratePerSecond, !(0.01...10_000).contains(ratePerSecond) {
            found.append("rate_per_second: 0.01 to 10000")
        }
        if let dailyQuota, dailyQuota < 1 { found.append("daily_quota: at least 1; leave it out for none") }
        if let timeoutSeconds, !(1...300).contains(timeoutSeconds) { found.append("timeout_seconds: 1 to 300") }
        if let cost, cost.gsm7 < 0 || cost.ucs2 < 0 { found.append("cost: đồng for each segment, not negative") }
        if reply.code.isEmpty, reply.statuses.isEmpty {
            found.append("reply: give `code` with `codes`, or `statuses`; nothing would ever count as accepted")
        }
        if !reply.code.isEmpty, !reply.codes.values.contains(.accepted) {
            found.append("reply.codes: name at least one code that means \"accepted\"")
        }
        if let callback, secrets?[callback.secret] == nil {
            found.append("callback.secret: name one of the secrets")
        }
        let known = SMSProfile.own.union((values ?? [:]).keys).union((secrets ?? [:]).keys)
        for (field, text) in texts {
            do throws(TemplateText.Defect) {
                for name in try TemplateText(parsing: text).parameterNames.subtracting(known).sorted() {
                    found.append("\(field): {{\(name)}} is neither in values nor in secrets")
                }
            } catch {
                found.append("\(field): {{ without a name in lower-case letters and }} after it")
            }
        }
        if let status {
            if !(status.url.hasPrefix("https://") || status.url.hasPrefix("http://")) || !status.url.contains("{{id}}")
            {
                found.append("status.url: write https://… with {{id}} for the message's id")
            }
            if status.code.isEmpty || status.codes.isEmpty {
                found.append("status: say with `code` where the state stands, and with `codes` what each means")
            }
        }
        let used = texts.filter { $0.field != "status.url" }.map(\.text).joined()
        for name in ["phone", "text"] where !used.contains("{{\(name)}}") {
            found.append("json, form: {{\(name)}} is missing")
        }
        return found
    }

    /// Every text in which blanks may stand.
    private var texts: [(field: String, text: String)] {
        var texts = [("url", url)]
        if let status { texts.append(("status.url", status.url)) }
        for (name, value) in (headers ?? [:]).sorted(by: { $0.key < $1.key }) {
            texts.append(("headers.\(name)", value))
        }
        for (name, value) in (form ?? [:]).sorted(by: { $0.key < $1.key }) { texts.append(("form.\(name)", value)) }
        _ = json?.mapTexts { text in
            texts.append(("json", text))
            return text
        }
        return texts
    }
}
