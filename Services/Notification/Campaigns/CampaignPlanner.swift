import ServiceKit
import Storage

/// What a campaign would do if it were launched now: the same rules as its expansion, and nothing written.
struct CampaignPlan: Sendable, Hashable {
    /// An account of a channel of the campaign.
    struct Part: Sendable, Hashable {
        var lane: Lane
        /// Recipients who could be reached by the channel.
        var reachable = 0
        /// Recipients with an address who have not written lately enough for a text.
        var outsideWindow = 0
        /// Recipients for whom it is the first that reaches them.
        var messages = 0
        /// What it can carry; nil: the channel is off.
        var load: PlanRules.Load?
        var cost: Int64 = 0
        var segments = 0
        /// The first recipient on this channel: what a sample is made of.
        var sample: RecipientFacts?
    }

    var treeDate: LocalDate
    var teams = 0
    var recipients = 0
    var unreachable = 0
    var reports = 0
    var reportsWithoutRecipient = 0
    var parts: [Part] = []
    var proposals: [PlanProposal] = []

    var loads: [PlanRules.Load] { parts.compactMap(\.load) }
    var days: Int { PlanRules.days(loads) }
    var cost: Int64 { parts.reduce(0) { $0 + $1.cost } }
}

/// Goes through an audience as its expansion would.
struct CampaignPlanner {
    /// Short messages that are counted one by one; the segments of more than these follow from them.
    static let countedMessages = 2_000

    private let content: CampaignContent
    private let today: LocalDate
    private let treeDate: LocalDate
    private let template: CompiledTemplate
    private let channels: Channels
    private let book: AddressBook
    private let transaction: ReadTransaction

    /// To whom a Zalo text can be sent; not read without that channel.
    private let writers: Set<TextWindow.Writer>
    private var outsideWindow: Set<TextWindow.Writer> = []

    private var plan: CampaignPlan
    private var parts: [Lane: CampaignPlan.Part] = [:]
    /// For each person the channels that reach them, one bit for each in the campaign's order.
    private var reached: [String: UInt8] = [:]
    private var carried: Set<String> = []
    private var leaders: [Lane: Set<String>] = [:]
    private var provinces: [String: Int] = [:]
    private var communes: Set<String> = []
    /// Counted messages of a lane, and what they come to.
    private var counted: [Lane: (messages: Int, segments: Int, cost: Int64)] = [:]

    private init(
        _ content: CampaignContent, _ template: CompiledTemplate, now: Instant, channels: Channels,
        _ transaction: ReadTransaction
    ) throws {
        (self.content, self.template, today) = (content, template, now.localDate)
        writers = content.channels.contains(.zaloText) ? try TextWindow.open(at: now, transaction) : []
        (self.channels, self.transaction) = (channels, transaction)
        treeDate = content.audience.treeDate(sending: today)
        book = AddressBook(routes: channels.routes)
        plan = CampaignPlan(treeDate: treeDate)
    }

    static func plan(
        _ content: CampaignContent, _ template: CompiledTemplate, now: Instant, channels: Channels,
        _ transaction: ReadTransaction
    ) throws -> CampaignPlan {
        var planner = try CampaignPlanner(content, template, now: now, channels: channels, transaction)
        let teams = try AudienceStore.teams(content.audience, treeDate: planner.treeDate, transaction)
        planner.plan.teams = teams.count
        for team in teams { try planner.add(team) }
        return planner.finished()
    }

    private mutating func add(_ team: String) throws {
        guard content.audience.groups == nil else { return try add(group: team) }
        let known = try AudienceStore.team(team, content.audience, on: today, transaction)
        let recipients = content.audience.recipients(of: known, on: today)
        plan.reports += recipients.reports
        plan.reportsWithoutRecipient += recipients.reportsWithoutRecipient
        guard !recipients.entries.isEmpty else { return }
        let path =
            content.channels.contains(where: \.dependsOnPlace)
            ? try AudienceStore.placement(ofTeam: team, on: treeDate, transaction) : []
        let leader = known.members.first { $0.role == Role.leader.rawValue }?.person
        for entry in recipients.entries { try add(entry, team, known, path, leader: leader) }
        // A hamlet's team belongs to its commune's group.
        if path.count > 1 { communes.insert(known.level == 2 ? path[1] : path[0]) }
    }

    private mutating func add(
        _ entry: TeamRecipients.Entry, _ team: String, _ known: KnownTeam, _ path: [String], leader: String?
    ) throws {
        let isNew = reached[entry.person] == nil
        var bits = reached[entry.person] ?? 0
        var first: Lane?
        for (index, channel) in content.channels.enumerated() {
            guard let lane = book.routes.lane(channel, path: path),
                try book.address(channel, person: entry.person, path: path, transaction) != nil
            else { continue }
            let writer = TextWindow.Writer(person: entry.person, account: lane.account)
            if channel == .zaloText, !writers.contains(writer) {
                // Zalo refuses the text, and the message goes on by the next channel.
                if outsideWindow.insert(writer).inserted {
                    parts[lane, default: CampaignPlan.Part(lane: lane)].outsideWindow += 1
                }
                continue
            }
            first = first ?? lane
            guard bits & 1 << UInt8(index) == 0 else { continue }
            bits |= 1 << UInt8(index)
            var part = parts[lane] ?? CampaignPlan.Part(lane: lane)
            part.reachable += 1
            if part.sample == nil { part.sample = try facts(entry, team, known).withoutName }
            parts[lane] = part
        }
        reached[entry.person] = bits
        if isNew, path.count > 1 { provinces[path[path.count - 2], default: 0] += 1 }
        // As the expansion does: the first team by which somebody can be reached decides.
        guard let lane = first, carried.insert(entry.person).inserted else { return }
        parts[lane]?.messages += 1
        if entry.person == leader { leaders[lane, default: []].insert(entry.person) }
        if lane.channel == .sms, (counted[lane]?.messages ?? 0) < Self.countedMessages {
            try count(entry, team, known, lane)
        }
    }

    private mutating func add(group id: String) throws {
        let person = GroupStore.recipient(id)
        let lane = try book.lane(for: person, path: [], among: content.channels, transaction)
        reached[person] = lane == nil ? 0 : 1
        guard let lane else { return }
        carried.insert(person)
        var part = parts[lane] ?? CampaignPlan.Part(lane: lane)
        part.reachable += 1
        part.messages += 1
        if part.sample == nil {
            part.sample = try RecipientFacts.read(
                person: person, subjects: [], KnownMatters(), content, treeDate: treeDate, transaction)
        }
        parts[lane] = part
    }

    /// Segments depend on the names in a message.
    private mutating func count(
        _ entry: TeamRecipients.Entry, _ team: String, _ known: KnownTeam, _ lane: Lane
    ) throws {
        guard let message = rendered(try facts(entry, team, known), lane.channel) else { return }
        var sum = counted[lane] ?? (0, 0, 0)
        sum.messages += 1
        sum.segments += message.sms?.segments ?? 0
        sum.cost += channels.sender(lane)?.cost(of: message) ?? 0
        counted[lane] = sum
    }

    private func rendered(_ facts: RecipientFacts, _ channel: ChannelKind) -> RenderedMessage? {
        let own = try? template.values(content.parameters, filledIn: content.filledIn, field: "").get()
        let values = (own ?? [:]).merging(facts.values) { _, fact in fact }
        return try? template.render(.init(language: content.language, channel: channel), values).get()
    }

    private func facts(_ entry: TeamRecipients.Entry, _ team: String, _ known: KnownTeam) throws -> RecipientFacts {
        var matters = KnownMatters()
        matters.obligations[entry.matter] = known.obligations.first { $0.id == entry.matter }
        matters.payments[entry.matter] = known.payments.first { $0.id == entry.matter }
        matters.trainings[entry.matter] = known.training
        return try RecipientFacts.read(
            person: entry.person, subjects: [DeliverySubject(team: team, matter: entry.matter)], matters, content,
            treeDate: treeDate, transaction)
    }

    private mutating func finished() -> CampaignPlan {
        plan.recipients = reached.count
        plan.unreachable = reached.values.count { $0 == 0 }
        for channel in content.channels {
            let lanes = parts.keys.filter { $0.channel == channel }.sorted { $0.account < $1.account }
            if lanes.isEmpty { plan.parts.append(part(of: Lane(channel: channel))) }
            plan.parts += lanes.map(part)
        }
        plan.proposals = proposals()
        return plan
    }

    private func part(of lane: Lane) -> CampaignPlan.Part {
        var part = parts[lane] ?? CampaignPlan.Part(lane: lane)
        guard let sender = channels.sender(lane) else { return part }
        part.load = load(part.messages, of: sender)
        if let sum = counted[lane], sum.messages > 0 {
            part.segments = (sum.segments * part.messages).dividedUp(by: sum.messages)
            part.cost = Int64((Int(sum.cost) * part.messages).dividedUp(by: sum.messages))
        } else if let sample = part.sample, let message = rendered(sample, lane.channel) {
            part.cost = sender.cost(of: message) * Int64(part.messages)
        }
        return part
    }

    private func load(_ messages: Int, of sender: any MessageSender) -> PlanRules.Load {
        PlanRules.Load(
            messages: messages, perDay: sender.quota?.perDay, ratePerSecond: sender.ratePerSecond,
            openSeconds: sender.quietHours?.openSeconds ?? 86_400)
    }

    /// "The plan says so, and proposes group messages or digests."
    private func proposals() -> [PlanProposal] {
        guard plan.days > 1, let slowest = plan.parts.max(by: { days($0) < days($1) }),
            let sender = channels.sender(slowest.lane)
        else { return [] }
        var proposals: [PlanProposal] = []
        let told = leaders.values.reduce(0) { $0 + $1.count }
        if told > 0, told < carried.count {
            let loads = leaders.compactMap { lane, people in channels.sender(lane).map { load(people.count, of: $0) } }
            proposals.append(PlanProposal(kind: .leadersOnly, messages: told, days: PlanRules.days(loads)))
        }
        if !communes.isEmpty, communes.count < carried.count {
            var load = load(communes.count, of: sender)
            // Group messages are outside the quota of templates, and are taken day and night.
            (load.perDay, load.openSeconds) = (nil, 86_400)
            proposals.append(
                PlanProposal(kind: .groupMessages, messages: communes.count, days: PlanRules.days(load)))
        }
        if sender.quota != nil, channels.senders(slowest.lane.channel).count == 1, provinces.count > 1 {
            let loads = provinces.values.map { load($0, of: sender) }
            proposals.append(
                PlanProposal(kind: .provincialAccounts, messages: slowest.messages, days: PlanRules.days(loads)))
        }
        return proposals
    }

    private func days(_ part: CampaignPlan.Part) -> Int { part.load.map(PlanRules.days) ?? 0 }
}

extension RecipientFacts {
    /// "The recipient's name is left out": a plan shows no personal data.
    fileprivate var withoutName: RecipientFacts {
        var facts = self
        facts.name = "…"
        facts.values["recipient_name"] = .text("…")
        return facts
    }
}
