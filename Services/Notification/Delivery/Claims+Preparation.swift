import ServiceKit
import Storage

/// Whether a message is still needed when its turn comes, and what it then says.
extension Claims {
    enum Preparation {
        case unneeded(String)
        case unreachable
        case ready(OutgoingMessage.Address, RecipientFacts)
    }

    func prepare(
        _ delivery: Delivery, of campaign: Campaign, lane: Lane, now: Instant, _ transaction: ReadTransaction
    ) throws -> Preparation {
        let audience = campaign.content.audience
        let content = campaign.content
        if !content.topic.isEmpty, !content.isStatutory,
            try OptOutStore.exists(person: delivery.person, topic: content.topic, transaction)
        {
            return .unneeded("the recipient does not want to be told about \(content.topic)")
        }
        var subjects = try DeliveryStore.subjects(delivery.id, transaction)
        if audience.isWithoutLeader {
            subjects = try subjects.filter {
                try AudienceStore.isWithoutLeader($0.team, on: now.localDate, transaction)
            }
            guard !subjects.isEmpty else { return .unneeded("the team has a leader") }
        }
        var matters = KnownMatters()
        if let report = audience.report {
            for subject in subjects {
                matters.obligations[subject.matter] = try AudienceStore.obligation(subject.matter, transaction)
            }
            subjects = subjects.filter { subject in
                matters.obligations[subject.matter]?.fulfils(report, on: now.localDate) ?? false
            }
            guard !subjects.isEmpty else {
                return .unneeded(Self.reason(report.condition, matters.obligations.values))
            }
        }
        if let payment = audience.payment {
            for subject in subjects {
                matters.payments[subject.matter] = try PaymentCopy.get(subject.matter, transaction)
            }
            subjects = subjects.filter { matters.payments[$0.matter]?.fulfils(payment) ?? false }
            guard !subjects.isEmpty else {
                return .unneeded(Self.reason(payment.condition, matters.payments.values))
            }
        }
        if let training = audience.training {
            for subject in subjects {
                matters.trainings[subject.matter] = try TrainingCopy.get(subject.matter, transaction)
            }
            subjects = subjects.filter { matters.trainings[$0.matter]?.fulfils(training, on: now.localDate) ?? false }
            guard !subjects.isEmpty else {
                let known = matters.trainings.values.first
                return .unneeded(KnownTraining.reason(known, training, on: now.localDate))
            }
        }
        let treeDate = audience.treeDate(sending: campaign.sendingDay ?? now.localDate)
        let facts = try RecipientFacts.read(
            person: delivery.person, subjects: subjects, matters, content, treeDate: treeDate, transaction)
        let address = try book.address(lane.channel, person: delivery.person, path: facts.path, transaction)
        return address.map { .ready($0, facts) } ?? .unreachable
    }

    private static func reason(_ condition: ReportCondition, _ obligations: some Collection<KnownObligation>) -> String
    {
        switch condition {
        case .owes, .overdue:
            obligations.contains(where: \.isReceived) ? "the report has come in" : "the report is no longer owed"
        case .returned: "the report has come in again"
        case .received: "the report is no longer there"
        case .approved: "the report is no longer approved"
        }
    }

    private static func reason(_ condition: PaymentCondition, _ payments: some Collection<KnownPayment>) -> String {
        switch condition {
        case .approved: payments.isEmpty ? "the payment was given up" : "the payment has been made"
        case .paid: "the payment came back"
        case .returned: "the payment is owed again"
        }
    }
}
