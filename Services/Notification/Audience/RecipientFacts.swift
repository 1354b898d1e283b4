import ServiceKit
import Storage

/// What is known of the matters that a message is about, by their ids.
struct KnownMatters: Sendable, Hashable {
    var obligations: [String: KnownObligation] = [:]
    var payments: [String: KnownPayment] = [:]
    var trainings: [String: KnownTraining] = [:]
}

/// What one message says about its recipient: the values that the audience fills in, and the subjects for machines.
struct RecipientFacts: Sendable, Hashable {
    var name: String
    var subjects: [OutgoingMessage.Subject]
    var values: [String: ParameterValue]
    /// Of the first team: its unit and those above it.
    var path: [String]

    /// Of the subjects for which the campaign's condition still holds.
    static func read(
        person: String, subjects: [DeliverySubject], _ matters: KnownMatters, _ content: CampaignContent,
        treeDate: LocalDate, _ transaction: ReadTransaction
    ) throws -> RecipientFacts {
        if let group = GroupStore.id(of: person) {
            return try RecipientFacts.read(group: group, treeDate: treeDate, transaction)
        }
        let audience = content.audience
        let name = try AudienceStore.contact(person, transaction)?.fullName ?? ""
        var teams: [String] = []
        var places: [String] = []
        var path: [String] = []
        var told: [OutgoingMessage.Subject] = []
        for subject in subjects {
            let teamName = try AudienceStore.teamName(subject.team, transaction)
            told.append(
                .init(
                    team: "teams/\(subject.team)", teamDisplayName: teamName,
                    obligation: subject.obligation(in: audience), payment: subject.payment(in: audience),
                    session: subject.session(in: audience)))
            let teamPath = try AudienceStore.placement(ofTeam: subject.team, on: treeDate, transaction)
            if path.isEmpty { path = teamPath }
            let place = try AudienceStore.placeName(teamPath, transaction)
            if !teams.contains(teamName) { teams.append(teamName) }
            if !places.contains(place) { places.append(place) }
        }
        var values: [String: ParameterValue] = [
            "recipient_name": .text(name), "team_name": .text(listed(teams)),
            "team_count": .integer(Int64(Set(subjects.map(\.team)).count)),
            "unit_name": .text(listed(places)),
        ]
        if let report = audience.report {
            let known = subjects.compactMap { matters.obligations[$0.matter] }
            values["report_count"] = .integer(Int64(Set(known.map(\.id)).count))
            values["period"] = .month(report.period)
            values["due_on"] = known.compactMap { LocalDate($0.dueOn) }.min().map(ParameterValue.date)
            values["grace_until"] = known.compactMap { LocalDate($0.graceUntil) }.min().map(ParameterValue.date)
        }
        if audience.payment != nil {
            let known = Set(subjects.compactMap { matters.payments[$0.matter] })
            let titles = Set(known.map { content.language == .english ? $0.policyTitle : $0.policyTitleVi })
            values["payment_count"] = .integer(Int64(known.count))
            values["payment_amount"] = .dong(known.reduce(0) { $0 + $1.amount })
            values["policy_title"] = .text(listed(titles.sorted()))
            values["payment_year"] = .text(listed(Set(known.map(\.year)).sorted().map(String.init)))
        }
        if let training = subjects.lazy.compactMap({ matters.trainings[$0.matter] }).first {
            values.merge(training.values(in: content.language)) { _, value in value }
        }
        return RecipientFacts(name: name, subjects: told, values: values, path: path)
    }

    private static func read(group id: String, treeDate: LocalDate, _ transaction: ReadTransaction) throws
        -> RecipientFacts
    {
        let group = try GroupStore.get(id, transaction)
        let path = try group.map { try AudienceStore.path(ofUnit: $0.unit, on: treeDate, transaction) } ?? []
        let values: [String: ParameterValue] = [
            "recipient_name": .text(group?.displayName ?? ""), "team_name": .text(""), "team_count": .integer(0),
            "unit_name": .text(try AudienceStore.placeName(path, transaction)),
        ]
        return RecipientFacts(name: group?.displayName ?? "", subjects: [], values: values, path: path)
    }

    /// "Of more than ten the first ten are named, and how many more there are": a province's digest stays a message.
    static func listed(_ names: [String]) -> String {
        let shown = names.prefix(10).joined(separator: "; ")
        return names.count > 10 ? "\(shown); … (+\(names.count - 10))" : shown
    }
}
