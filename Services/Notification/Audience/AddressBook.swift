import ServiceKit
import Storage

/// How people are reached, from the copies of facts and the registered endpoints.
enum AddressBook {
    /// The first of the channels by which a member of a team is reached; nil: none.
    ///
    /// - Parameter path: The team's unit and those above it, nearest first.
    static func channel(
        for person: String, path: [String], among channels: [ChannelKind], _ transaction: ReadTransaction
    ) throws -> ChannelKind? {
        for channel in channels where try address(channel, person: person, path: path, transaction) != nil {
            return channel
        }
        return nil
    }

    static func address(_ channel: ChannelKind, person: String, path: [String], _ transaction: ReadTransaction) throws
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
        }
    }
}

extension OutgoingMessage.Address {
    /// Tells which provider, and names nobody.
    var masked: String {
        switch self {
        case .mailbox(let mailbox): mailbox.masked
        case .endpoint(let target): "webhookEndpoints/\(target.endpoint)"
        }
    }
}
