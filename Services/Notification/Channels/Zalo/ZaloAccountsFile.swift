import Foundation
import ServiceKit

/// The operator's list of Official Accounts: JSON, `{"accounts": [ … ]}`. Secrets stand in files that it names, from
/// its own folder. README.md ("Zalo") describes it.
struct ZaloAccountsFile: Decodable {
    struct Entry: Decodable {
        var name: String?
        var appID: String
        var appSecretFile: String
        var refreshTokenFile: String
        var oaID: String?
        var oaSecretFile: String?
        var unit: String?
        var channels: [String]?
        var dailyQuota: Int?
        var ratePerSecond: Double?
        var prices: [String: ZaloAccount.Price]?
        var quietHours: String?
        var deduplicates: Bool?
        var businessURL: String?
        var openAPIURL: String?
        var oauthURL: String?
        var caFile: String?

        enum CodingKeys: String, CodingKey {
            case name, unit, channels, prices, deduplicates
            case appID = "app_id"
            case appSecretFile = "app_secret_file"
            case refreshTokenFile = "refresh_token_file"
            case oaID = "oa_id"
            case oaSecretFile = "oa_secret_file"
            case dailyQuota = "daily_quota"
            case ratePerSecond = "rate_per_second"
            case quietHours = "quiet_hours"
            case businessURL = "business_url"
            case openAPIURL = "openapi_url"
            case oauthURL = "oauth_url"
            case caFile = "ca_file"
        }
    }

    var accounts: [Entry]

    /// Throws what is wrong with it, naming account and field.
    static func read(_ path: String, of option: any AnyOption) throws -> [ZaloAccount] {
        let file = try ProfileFile.read(ZaloAccountsFile.self, path, of: option)
        let folder = ProfileFile.folder(path)
        var names: Set<String> = []
        var places: Set<String> = []
        guard !file.accounts.isEmpty else { throw ConfigurationError("--\(option.name): \(path) names no account") }
        return try file.accounts.enumerated().map { index, entry in
            let wrong = { (field: String, remedy: String) in
                ConfigurationError("--\(option.name): \(path): accounts[\(index)].\(field): \(remedy)")
            }
            let name = entry.name ?? ""
            guard name.isEmpty || Template.isID(name), names.insert(name).inserted else {
                throw wrong("name", "give each account another name of lower-case letters, digits and hyphens")
            }
            let unit = try entry.unit.map { text in
                guard let id = ResourceName.id(text, in: "units") else { throw wrong("unit", "write units/{id}") }
                return id
            }
            guard places.insert(unit ?? "").inserted else {
                throw wrong("unit", "another account serves the same unit; give each a unit of its own")
            }
            func secret(_ field: String, _ file: String) throws -> String {
                do {
                    return try SecretFile.read(ProfileFile.path(file, in: folder), of: option)
                } catch let error as ConfigurationError {
                    throw wrong(field, error.description)
                }
            }
            var account = ZaloAccount(
                name: name, appID: entry.appID, appSecret: try secret("app_secret_file", entry.appSecretFile),
                oaSecret: try entry.oaSecretFile.map { try secret("oa_secret_file", $0) } ?? "",
                oaID: entry.oaID ?? "", unit: unit,
                seed: try secret("refresh_token_file", entry.refreshTokenFile))
            if let channels = entry.channels {
                account.kinds = try channels.map { text in
                    guard let kind = ZaloAccount.kinds.first(where: { $0.name == text }) else {
                        throw wrong(
                            "channels", "name some of \(ZaloAccount.kinds.map(\.name).joined(separator: ", "))")
                    }
                    return kind
                }
            }
            if let quota = entry.dailyQuota {
                guard quota > 0 else { throw wrong("daily_quota", "give at least 1") }
                account.dailyQuota = quota
            }
            if let rate = entry.ratePerSecond {
                guard (0.01...1_000).contains(rate) else { throw wrong("rate_per_second", "give 0.01 to 1000") }
                account.ratePerSecond = rate
            }
            if let text = entry.quietHours {
                account.quietHours = QuietHours(text, spread: 10)
                guard account.quietHours != nil || text == "none" else {
                    throw wrong("quiet_hours", "write HH:MM-HH:MM, for example 22:00-06:05, or none")
                }
            }
            account.prices = entry.prices ?? [:]
            account.deduplicates = entry.deduplicates ?? false
            if let url = entry.businessURL { account.hosts.business = url }
            if let url = entry.openAPIURL { account.hosts.openAPI = url }
            if let url = entry.oauthURL { account.hosts.oauth = url }
            for url in [account.hosts.business, account.hosts.openAPI, account.hosts.oauth]
            where !(url.hasPrefix("https://") || url.hasPrefix("http://")) || url.hasSuffix("/") {
                throw wrong("business_url, openapi_url, oauth_url", "write https://host without a slash at the end")
            }
            account.certificateAuthorities = entry.caFile
            return account
        }
    }
}

/// JSON files of the operator.
enum ProfileFile {
    static func read<Value: Decodable>(_ type: Value.Type, _ path: String, of option: any AnyOption) throws -> Value {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw ConfigurationError("--\(option.name): \(path) cannot be read")
        }
        do {
            return try JSONDecoder().decode(Value.self, from: data)
        } catch let error as DecodingError {
            throw ConfigurationError("--\(option.name): \(path): \(explain(error))")
        }
    }

    static func folder(_ path: String) -> String { (path as NSString).deletingLastPathComponent }

    /// A path as a file in a folder names it.
    static func path(_ name: String, in folder: String) -> String {
        name.hasPrefix("/") || folder.isEmpty ? name : folder + "/" + name
    }

    private static func explain(_ error: DecodingError) -> String {
        func place(_ path: [any CodingKey], _ key: String? = nil) -> String {
            let names = path.map { $0.intValue.map { "[\($0)]" } ?? $0.stringValue } + (key.map { [$0] } ?? [])
            return names.isEmpty ? "the file" : names.joined(separator: ".")
        }
        switch error {
        case .keyNotFound(let key, let context): return "\(place(context.codingPath, key.stringValue)) is missing"
        case .typeMismatch(_, let context), .valueNotFound(_, let context):
            return "\(place(context.codingPath)) has a value of another kind than is expected"
        case .dataCorrupted(let context): return "\(place(context.codingPath)): \(context.debugDescription)"
        @unknown default: return "cannot be read"
        }
    }
}
