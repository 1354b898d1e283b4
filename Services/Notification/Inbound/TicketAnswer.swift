import ServiceKit
import Storage

/// Sends the answer to a ticket: a campaign with one message, to who wrote.
struct TicketAnswer {
    static let template = "ticket-answer"

    let channels: Channels
    let now: Instant

    /// The message's name; nil when nobody is known to send it to, or no channel reaches them.
    func send(_ text: String, to ticket: Ticket, _ transaction: WriteTransaction) throws -> String? {
        guard !ticket.person.isEmpty, let version = try TemplateStore.newestVersion(Self.template, transaction),
            let nation = try AudienceStore.nation(transaction)
        else { return nil }
        let path =
            ticket.team.isEmpty
            ? [] : try AudienceStore.placement(ofTeam: ticket.team, on: now.localDate, transaction)
        // By the way they wrote first: Zalo takes texts within seven days after that.
        var order = [ticket.channel]
        for channel in [ChannelKind.zaloText, .sms, .email] where channel != ticket.channel { order.append(channel) }
        order.removeAll { channels.off($0) != nil }
        let book = AddressBook(routes: channels.routes)
        guard let lane = try book.lane(for: ticket.person, path: path, among: order, transaction) else { return nil }
        var content = CampaignContent(
            displayName: "tickets/\(ticket.id)", audience: Audience(unit: path.first ?? nation),
            template: Self.template, templateVersion: version,
            parameters: ["answer": text.replacing("\t", with: " ")], language: .vietnamese, channels: order)
        content.ticket = ticket.id
        var campaign = Campaign(
            id: UUIDv8.named("answer", in: "tickets/\(ticket.id)").description, content: content, state: .draft,
            revision: 1, createdAt: now, updatedAt: now)
        try CampaignStore.insert(campaign, transaction)
        // There is no audience to write down.
        (campaign.state, campaign.sendAt, campaign.sendingDay) = (.sending, now, now.localDate)
        try CampaignStore.update(campaign, active: true, transaction)
        let delivery = Delivery(
            campaign: campaign.id, id: Delivery.id(campaign: campaign.id, person: ticket.person), person: ticket.person,
            channel: lane.channel, account: lane.account, state: .queued, nextAt: now, createdAt: now, updatedAt: now)
        let subjects = ticket.team.isEmpty ? [] : [DeliverySubject(team: ticket.team, matter: "")]
        try DeliveryStore.insert(delivery, about: subjects, transaction)
        transaction.notify(CampaignSignal.work)
        return "campaigns/\(campaign.id)/deliveries/\(delivery.id)"
    }
}
