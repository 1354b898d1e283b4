import Logging
import ServiceKit
import Storage

/// Looks at the rules when their time comes, and writes down the campaigns that follow from them. A campaign's id follows
/// from rule, period and day, and the look is noted in the same transaction: of several replicas one makes it, once.
final class RuleEngine: Sendable {
    /// The longest time between two looks.
    private static let longestWait: Duration = .seconds(300)

    private let database: Database
    private let clock: Clock
    private let logger: Logger
    private let hasFacts: @Sendable () -> Bool

    /// - Parameter hasFacts: Whether the feeds have been read to their end once: before, a rule would overlook what it has
    ///   not been told of yet.
    init(database: Database, clock: Clock, logger: Logger, hasFacts: @escaping @Sendable () -> Bool = { true }) {
        (self.database, self.clock, self.logger, self.hasFacts) = (database, clock, logger, hasFacts)
    }

    /// Until the task is cancelled.
    func run() async {
        while !Task.isCancelled {
            var next = clock.now.adding(.seconds(10))
            do {
                if hasFacts() { next = try await pass() ?? clock.now.adding(Self.longestWait) }
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
            if !days.isEmpty { try await look(rule, days, now: now) }
            let due = RuleClock.next(rule, now: now)
            next = min(next ?? due, due)
        }
        return next
    }

    private func look(_ rule: Rule, _ days: [LocalDate], now: Instant) async throws {
        let until = RuleClock.lookedAt(rule, now: now)
        // What changed is told once, however many mornings have passed.
        let days = rule.kind.isOfChanges ? days.suffix(1) : days[...]
        let made = try await database.write { transaction -> Int in
            guard let template = try TemplateStore.newestVersion(rule.template, transaction),
                try RuleStore.advance(rule, to: until, transaction)
            else { return 0 }
            var made = 0
            for day in days {
                for content in try Self.contents(rule, template, day: day, until: until, transaction) {
                    made += 1
                    try Self.launch(content.content, id: content.id, day: day, now: now, transaction)
                }
            }
            if made > 0 { transaction.notify(CampaignSignal.work) }
            return made
        }
        if made > 0 {
            logger.info("a rule has made campaigns", metadata: ["rule": "rules/\(rule.id)", "campaigns": "\(made)"])
        }
    }

    private static func launch(
        _ content: CampaignContent, id: String, day: LocalDate, now: Instant, _ transaction: WriteTransaction
    ) throws {
        guard try CampaignStore.get(id, transaction) == nil else { return }
        var campaign = Campaign(id: id, content: content, state: .draft, revision: 1, createdAt: now, updatedAt: now)
        try CampaignStore.insert(campaign, transaction)
        campaign.state = .expanding
        campaign.sendAt = now
        // Overdue and the like are judged by today, also when a day is made up for.
        campaign.sendingDay = now.localDate
        try CampaignStore.update(campaign, active: true, transaction)
    }

    /// The campaigns of a rule for one day.
    static func contents(
        _ rule: Rule, _ template: Int, day: LocalDate, until: Instant, _ transaction: ReadTransaction
    ) throws -> [(id: String, content: CampaignContent)] {
        func content(_ audience: Audience, _ about: String) -> (id: String, content: CampaignContent) {
            let name = "rules/\(rule.id) \(about) \(day)"
            return (
                UUIDv8.named("\(about)/\(day)", in: "rules/\(rule.id)").description,
                CampaignContent(
                    displayName: name.trimmed, audience: audience, template: rule.template, templateVersion: template,
                    parameters: rule.parameters, language: rule.language, channels: rule.channels, topic: rule.topic,
                    isStatutory: rule.isStatutory, rule: rule.id)
            )
        }
        guard let condition = rule.kind.condition else {
            // Once a week: on Mondays.
            guard day.weekday == 1 else { return [] }
            return [content(Audience(unit: rule.unit, told: rule.kind.told, isWithoutLeader: true), "")]
        }
        return try RuleStore.concerns(rule, day: day, until: until, transaction).map { period, dueOn in
            var filter = Audience.ReportFilter(period: period, condition: condition)
            if rule.kind.isOfChanges {
                (filter.changedSince, filter.changedUntil) = (rule.lookedAt, until)
            } else {
                filter.dueOn = dueOn
            }
            let about = rule.kind.isOfChanges ? "\(period)" : "\(period) \(dueOn)"
            return content(Audience(unit: rule.unit, report: filter, told: rule.kind.told), about)
        }
    }
}

extension String {
    /// Without two blanks in a row.
    fileprivate var trimmed: String { split(separator: " ").joined(separator: " ") }
}
