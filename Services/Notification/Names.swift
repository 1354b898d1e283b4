import ServiceKit

/// Names of the things this service knows. Ids are stored without their collection.
enum Names {
    /// The UUID of `campaigns/{id}` and the like, in lower case; nil when it is none.
    static func uuid(_ name: String, in collection: String) -> String? {
        ResourceName.uniqueID(name, in: collection)?.description
    }

    /// `campaigns/{id}/deliveries/{id}`.
    static func delivery(_ name: String) -> (campaign: String, delivery: String)? {
        guard let ids = ResourceName.ids(name, in: "campaigns", "deliveries"), let campaign = UniqueID(ids.outer),
            let delivery = UniqueID(ids.inner)
        else { return nil }
        return (campaign.description, delivery.description)
    }

    static let campaign = "cdt.notification.v1.Campaign"
    static let deliveryType = "cdt.notification.v1.Delivery"
    static let template = "cdt.notification.v1.Template"
    static let endpoint = "cdt.notification.v1.WebhookEndpoint"
    static let rule = "cdt.notification.v1.Rule"
    static let focalPoint = "cdt.notification.v1.FocalPoint"
    static let group = "cdt.notification.v1.Group"
    static let ticket = "cdt.notification.v1.Ticket"
    static let article = "cdt.notification.v1.Article"
}
