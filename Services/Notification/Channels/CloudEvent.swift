import Foundation
import ServiceKit

/// A message as a CloudEvent 1.0 in structured JSON. Its bytes are the same for every try.
struct CloudEvent: Sendable, Hashable, Encodable {
    struct Payload: Sendable, Hashable, Encodable {
        var campaign: String
        var recipient: String
        var recipientName: String
        var language: String
        var title: String
        var text: String
        var subjects: [OutgoingMessage.Subject]

        enum CodingKeys: String, CodingKey {
            case campaign, recipient, language, title, text, subjects
            case recipientName = "recipient_name"
        }
    }

    static let contentType = "application/cloudevents+json; charset=utf-8"

    var specversion = "1.0"
    var id: String
    var source = "urn:cdt:notification"
    var type = "vn.cdt.notification.message.v1"
    var subject: String
    var time: String
    var datacontenttype = "application/json"
    var data: Payload

    init(_ message: OutgoingMessage) {
        id = message.deliveryID.description
        subject = message.recipient
        time = message.createdAt.description
        data = Payload(
            campaign: message.campaign, recipient: message.recipient, recipientName: message.recipientName,
            language: message.language.tag, title: message.message.subject, text: message.message.text,
            subjects: message.subjects)
    }

    func bytes() throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return Array(try encoder.encode(self))
    }
}
