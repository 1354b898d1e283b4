import Foundation

/// What Zalo's error codes mean, from `Data/zalo-errors.json`: dictionaries that circulate contradict each other, so
/// the list is data that can be corrected, taken from Zalo's own tables.
struct ZaloErrors: Sendable, Hashable, Decodable {
    enum Meaning: String, Sendable, Hashable, CaseIterable {
        /// The access token is not taken any more; the message was not looked at.
        case refusedToken
        /// The operator must act.
        case configuration
        /// The template, or what it is filled with.
        case content
        case invalidRecipient
        /// This recipient cannot be told by this channel.
        case recipient
        /// Nothing more today.
        case quota
        case rate
        /// Not at this hour.
        case quiet
        case transient
    }

    private let template: [Int: Meaning]
    private let account: [Int: Meaning]

    enum CodingKeys: String, CodingKey { case template, account }

    init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        template = try Self.meanings(try values.decode([String: [Int]].self, forKey: .template))
        account = try Self.meanings(try values.decode([String: [Int]].self, forKey: .account))
    }

    private static func meanings(_ lists: [String: [Int]]) throws -> [Int: Meaning] {
        var meanings: [Int: Meaning] = [:]
        for (name, codes) in lists {
            guard let meaning = Meaning(rawValue: name) else {
                throw DecodingError.dataCorrupted(.init(codingPath: [], debugDescription: "no meaning \(name)"))
            }
            for code in codes {
                guard meanings.updateValue(meaning, forKey: code) == nil else {
                    throw DecodingError.dataCorrupted(
                        .init(codingPath: [], debugDescription: "\(code) is listed twice"))
                }
            }
        }
        return meanings
    }

    static func shipped() throws -> ZaloErrors {
        try JSONDecoder().decode(ZaloErrors.self, from: Data(PackageResources.zalo_errors_json))
    }

    /// Nil: a code that nobody knows, which leaves it open whether the message was taken.
    func meaning(_ code: Int, of channel: ChannelKind) -> Meaning? {
        channel == .zaloPhone ? template[code] : account[code]
    }
}
