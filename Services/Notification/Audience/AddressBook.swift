import ServiceKit
import Storage

/// How people are reached, from the copies of facts and the registered endpoints.
struct AddressBook: Sendable {
    let routes: Routes

    /// The first of the channels by which a member of a team is reached, and its account; nil: none.
    ///
    /// - Parameter path: The team's unit and those above it, nearest first.
    func lane(
        for person: String, path: [String], among channels: some Sequence<ChannelKind>, _ transaction: ReadTransaction
    ) throws -> Lane? {
        for channel in channels {
            guard let lane = try lane(channel, person: person, path: path, transaction),
                try address(channel, person: person, path: path, transaction) != nil
            else { continue }
            return lane
        }
        return nil
    }

    /// A group is told by the account that manages it, a person by that of the place.
    private func lane(
        _ channel: ChannelKind, person: String, path: [String], _ transaction: ReadTransaction
    ) throws -> Lane? {
        guard channel == .zaloGroup else { return routes.lane(channel, path: path) }
        guard let id = GroupStore.id(of: person), let group = try GroupStore.get(id, transaction) else { return nil }
        return Lane(channel: channel, account: group.account)
    }

    func address(_ channel: ChannelKind, person: String, path: [String], _ transaction: ReadTransaction) throws
        -> OutgoingMessage.Address?
    {
        switch channel {
        case .email:
            guard let contact = try AudienceStore.contact(person, transaction) else { return nil }
            let name = contact.fullName.unicodeScalars.contains(where: \.isControl) ? "" : contact.fullName
            return Mailbox(displayName: name, address: contact.email).map(OutgoingMessage.Address.mailbox)
        case .webhook:
            return try EndpointStore.nearest(path, transaction).map {
                .endpoint(WebhookTarget(endpoint: $0.id, url: $0.url))
            }
        case .sms, .zaloPhone:
            // The first that can be a mobile phone: people keep landlines among their numbers.
            return try AudienceStore.contact(person, transaction)?.phones.lazy.compactMap { PhoneNumber($0) }.first
                .map(OutgoingMessage.Address.phone)
        case .zaloUser, .zaloText:
            return try AudienceStore.contact(person, transaction)?.zaloUserIDs.first { ZaloID.isID($0) }
                .map(OutgoingMessage.Address.zaloUser)
        case .zaloGroup:
            // Groups are recipients of their own; no person is reached by one.
            guard let id = GroupStore.id(of: person), let group = try GroupStore.get(id, transaction) else {
                return nil
            }
            return .zaloGroup(group.zaloID)
        }
    }
}

/// Ids that Zalo gives to users, groups and messages: digits, more than fit a 64-bit number.
enum ZaloID {
    static func isID(_ text: String) -> Bool {
        (1...40).contains(text.utf8.count)
            && text.unicodeScalars.allSatisfy { $0.isASCII && ($0.properties.isAlphabetic || ("0"..."9").contains($0)) }
    }
}

extension OutgoingMessage.Address {
    /// Tells which provider, and names nobody.
    var masked: String {
        switch self {
        case .mailbox(let mailbox): mailbox.masked
        case .endpoint(let target): "webhookEndpoints/\(target.endpoint)"
        case .phone(let phone): phone.masked
        case .zaloUser(let id): "…\(id.suffix(3))"
        case .zaloGroup(let id): "…\(id.suffix(3))"
        }
    }
}
