import Logging
import ServiceKit
import Storage

/// Looks at the rules when their time comes, and writes down the campaigns that follow from them. A campaign's id
/// follows from the rule, what it is about, and the day or, of changes, the moment since which they are told; and the
/// look is noted in the same transaction: of several replicas one makes it, once.
final class RuleEngine: Sendable {
    /// The longest time between two looks.
    private static let longestWait: Duration = .seconds(300)

    private let database: Database
    private let clock: Clock
    private let logger: Logger
    private let hasFacts: @Sendable (Rule) -> Bool

    /// - Parameter hasFacts: Whether the feeds that a rule looks at have been read to their end once: before, it would
    ///   overlook what it has not been told of yet.
    init(
        database: Database, clock: Clock, logger: Logger,
        hasFacts: @escaping @Sendable (Rule) -> Bool = { _ in true }
    ) {
        (self.database, self.clock, self.logger, self.hasFacts) = (database, clock, logger, hasFacts)
    }

    /// Until the task is cancelled.
    func run() async {
        while !Task.isCancelled {
            var next = clock.now.adding(.seconds(10))
            do {
                next = try await pass() ?? clock.now.adding(Self.longestWait)
            } catch is CancellationError {
                return
            } catch {
                logger.error("the rules could not be looked at", metadata: ["error": "\(error)"])
            }
            // A clock that is set, or a rule that is new, is noticed within the minute.
            let pause = min(max(clock.now.duration(to: next), .seconds(1)), .seconds(60))
            try? await Task.sleep(for: pause)
        }
    }

    /// One look at all rules; the moment of the next, nil without any.
    @discardableResult
    func pass() async throws -> Instant? {
        var next: Instant?
        for rule in try await database.readPooled({ try RuleStore.enabled($0) }) {
            let now = clock.now
            let days = RuleClock.days(rule, now: now)
            let mayLook = hasFacts(rule)
            if mayLook, !days.isEmpty { try await look(rule, days, now: now) }
            let due = mayLook ? RuleClock.next(rule, now: now) : now.adding(.seconds(10))
            next = min(next ?? due, due)
        }
        return next
    }

    private func look(_ rule: Rule, _ days: [LocalDate], now: Instant) async throws {
        let until = RuleClock.lookedAt(rule, now: now)
        // What changed is told once, however many mornings have passed.
        let days = rule.kind.isOfChanges ? days.suffix(1) : days[...]
        // Before the transaction that writes: the whole country may have to be gone through.
        let found = try await database.readPooled { transaction -> [Found]? in
            guard let template = try TemplateStore.newestVersion(rule.template, transaction) else { return nil }
            return try days.flatMap { day in
                try Self.campaigns(of: rule, template, day: day, today: now.localDate, until: until, transaction)
            }
        }
        guard let found else { return }
        let isMine = try await database.write { transaction in
            guard try RuleStore.advance(rule, to: until, transaction) else { return false }
            for campaign in found { try Self.launch(campaign, now: now, transaction) }
            if !found.isEmpty { transaction.notify(CampaignSignal.work) }
            return true
        }
        if isMine, !found.isEmpty {
            logger.info(
                "a rule has made campaigns", metadata: ["rule": "rules/\(rule.id)", "campaigns": "\(found.count)"])
        }
    }

    /// A campaign that a rule makes.
    private struct Found: Sendable {
        var id: String
        var content: CampaignContent
    }

    private static func launch(_ found: Found, now: Instant, _ transaction: WriteTransaction) throws {
        guard try CampaignStore.get(found.id, transaction) == nil else { return }
        var campaign = Campaign(
            id: found.id, content: found.content, state: .draft, revision: 1, createdAt: now, updatedAt: now)
        try CampaignStore.insert(campaign, transaction)
        campaign.state = .expanding
        campaign.sendAt = now
        // Overdue and the like are judged by today, also when a day is made up for.
        campaign.sendingDay = now.localDate
        try CampaignStore.update(campaign, active: true, transaction)
        try TrainingCopy.noteTold(campaign.content.audience, transaction)
    }

    /// The campaigns of a rule for one day.
    private static func campaigns(
        of rule: Rule, _ template: Int, day: LocalDate, today: LocalDate, until: Instant, _ transaction: ReadTransaction
    ) throws -> [Found] {
        // Changes may be looked at once more on a day: the newest were left to a look within the minute.
        let look = rule.kind.isOfChanges ? "\(rule.lookedAt)" : "\(day)"
        func campaign(_ audience: Audience, _ about: String = "") -> Found {
            let name = "rules/\(rule.id) \(about) \(day)"
            return Found(
                id: UUIDv8.named("\(about)/\(look)", in: "rules/\(rule.id)").description,
                content: CampaignContent(
                    displayName: name.trimmed, audience: audience, template: rule.template, templateVersion: template,
                    parameters: rule.parameters, language: rule.language, channels: rule.channels, topic: rule.topic,
                    isStatutory: rule.isStatutory, rule: rule.id))
        }
        if let condition = rule.kind.payment {
            let filter = Audience.PaymentFilter(
                condition: condition, changedSince: rule.lookedAt, changedUntil: until)
            guard try RuleConcerns.hasPayments(rule, condition, today: today, until: until, transaction) else {
                return []
            }
            return [campaign(Audience(unit: rule.unit, payment: filter, told: rule.kind.told))]
        }
        if let condition = rule.kind.training {
            return try RuleConcerns.trainings(rule, condition, today: today, until: until, transaction).map {
                session, unit in
                let filter = Audience.TrainingFilter(
                    session: session, condition: condition, changedSince: rule.lookedAt, changedUntil: until)
                return campaign(
                    Audience(unit: unit, training: filter, told: rule.kind.told), "trainingSessions/\(session)")
            }
        }
        guard let condition = rule.kind.condition else {
            // Once a week: on Mondays.
            guard day.weekday == 1, try RuleConcerns.hasTeamWithoutLeader(rule, today: today, transaction) else {
                return []
            }
            return [campaign(Audience(unit: rule.unit, told: rule.kind.told, isWithoutLeader: true))]
        }
        return try RuleConcerns.reports(rule, day: day, until: until, transaction).map { period, dueOn in
            var filter = Audience.ReportFilter(period: period, condition: condition)
            if rule.kind.isOfChanges {
                (filter.changedSince, filter.changedUntil) = (rule.lookedAt, until)
            } else {
                filter.dueOn = dueOn
            }
            let about = rule.kind.isOfChanges ? "\(period)" : "\(period) \(dueOn)"
            return campaign(Audience(unit: rule.unit, report: filter, told: rule.kind.told), about)
        }
    }
}

extension String {
    /// Without two blanks in a row.
    fileprivate var trimmed: String { split(separator: " ").joined(separator: " ") }
}
