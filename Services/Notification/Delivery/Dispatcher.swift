import Logging
import ServiceKit
import Storage
import Synchronization

/// Takes messages out of the outbox and has them sent: claims with leases, and records what came of each try. All that
/// must survive is in the database; what is here is only this process's pace.
final class Dispatcher: Sendable {
    struct Options: Sendable {
        /// Threads, and so messages under way at once, for each channel.
        var sendersPerChannel = 8
        /// A lease outlasts the longest try by so much.
        var leaseMargin: Duration = .seconds(30)
        /// The longest time between two looks at the outbox.
        var longestWait: Duration = .seconds(30)
        /// Messages cancelled in one transaction.
        var cancelsPerStep = 2_000
        /// Messages whose lease is looked after in one transaction.
        var leasesPerStep = 500
    }

    /// What one look at the outbox gave.
    struct Pass: Sendable {
        var claimed: [ClaimedMessage] = []
        /// Messages to ask their providers about.
        var doubtful: [Delivery] = []
        /// When to look again at the latest; nil: when somebody calls.
        var next: Instant?

        mutating func lookAgain(at instant: Instant?) {
            guard let instant else { return }
            next = min(next ?? instant, instant)
        }
    }

    private struct State {
        var paces: ChannelPaces
        /// Teams of the campaigns that are being expanded.
        var teams: [String: [String]] = [:]
        /// How often a campaign was looked at in vain while the facts for its audience are missing.
        var waits: [String: Int] = [:]
        /// Until when a lane keeps quiet: drawn once for each night.
        var quiet: [Lane: Instant] = [:]
    }

    private let database: Database
    private let channels: Channels
    private let clock: Clock
    private let claims: Claims
    private let hasFacts: @Sendable (CampaignContent) -> Bool
    private let options: Options
    private let logger: Logger
    private let expansion: AudienceExpansion
    private let courier: Courier
    private let state: Mutex<State>
    private let wake: AsyncStream<Void>
    private let waker: AsyncStream<Void>.Continuation

    /// - Parameter hasFacts: Whether the feeds that a campaign's audience is made of have been read to their end once. Until
    ///   then it would leave out whom they have not told of yet, and waits.
    init(
        database: Database, channels: Channels, clock: Clock, logger: Logger, options: Options = Options(),
        machine: DeliveryMachine = DeliveryMachine(),
        hasFacts: @escaping @Sendable (CampaignContent) -> Bool = { _ in true }
    ) {
        self.database = database
        self.channels = channels
        self.clock = clock
        self.logger = logger
        self.options = options
        claims = Claims(channels: channels, machine: machine)
        self.hasFacts = hasFacts
        expansion = AudienceExpansion(database: database, book: claims.book)
        courier = Courier(
            database: database, channels: channels, clock: clock, threadsPerChannel: options.sendersPerChannel)
        state = Mutex(State(paces: ChannelPaces(channels.on, sendersPerChannel: options.sendersPerChannel)))
        (wake, waker) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// Since when and why a provider is left alone.
    func pause(of lane: Lane) -> (until: Instant, reason: String)? {
        state.withLock { $0.paces.pause(of: lane, now: clock.now) }
    }

    // MARK: The loop

    /// Sends until the task is cancelled; then begins nothing more and returns when nothing is under way.
    func run() async {
        let forwarding = Task { [database, waker, options] in
            for await _ in database.commits(on: CampaignSignal.work, every: options.longestWait) { waker.yield() }
        }
        await withDiscardingTaskGroup { group in
            var woken = wake.makeAsyncIterator()
            while !Task.isCancelled {
                var next: Instant? = clock.now.adding(options.longestWait)
                do {
                    let pass = try await pass()
                    for message in pass.claimed {
                        // Not a child that is cancelled with us: what was sent must be recorded.
                        let sending = Task { await self.send(message) }
                        group.addTask { await sending.value }
                    }
                    for delivery in pass.doubtful { group.addTask { await self.ask(delivery) } }
                    next = pass.next.map { min($0, next ?? $0) } ?? next
                } catch is CancellationError {
                    break
                } catch {
                    logger.error("the outbox could not be read", metadata: ["error": "\(error)"])
                    next = clock.now.adding(seconds: 5)
                }
                await wait(until: next ?? clock.now, &woken)
            }
        }
        forwarding.cancel()
    }

    private func wait(until instant: Instant, _ woken: inout AsyncStream<Void>.Iterator) async {
        let pause = clock.now.duration(to: instant)
        guard pause > .zero else { return await Task.yield() }
        let timer = Task { [waker] in
            // Cancelled when something else was first.
            guard (try? await Task.sleep(for: pause)) != nil else { return }
            waker.yield()
        }
        await woken.next(isolation: #isolation)
        timer.cancel()
    }

    /// One look at every campaign that has something to do.
    func pass() async throws -> Pass {
        var pass = Pass()
        for campaign in try await database.readPooled({ try CampaignStore.active($0) }) {
            switch campaign.state {
            case .scheduled: try await begin(campaign, &pass)
            case .expanding where !hasFacts(campaign.content): pass.lookAgain(at: waitForFacts(campaign))
            case .expanding: try await expand(campaign, &pass)
            case .sending: try await claim(campaign, &pass)
            case .cancelled: try await sweep(campaign, &pass)
            case .paused: try await rest(campaign, &pass)
            case .draft, .completed: break
            }
        }
        return pass
    }

    private func begin(_ campaign: Campaign, _ pass: inout Pass) async throws {
        let now = clock.now
        guard CampaignRules.begin(campaign, now: now) != nil else {
            pass.lookAgain(at: campaign.sendAt)
            return
        }
        try await database.write { transaction in
            guard let current = try CampaignStore.get(campaign.id, transaction),
                let begun = CampaignRules.begin(current, now: now)
            else { return }
            try CampaignStore.update(begun, active: true, transaction)
        }
        pass.lookAgain(at: now)
    }

    private func expand(_ campaign: Campaign, _ pass: inout Pass) async throws {
        let sendingDay = campaign.sendingDay ?? clock.today
        var teams = state.withLock { $0.teams[campaign.id] }
        if teams == nil {
            let read = try await expansion.teams(of: campaign, sendingDay: sendingDay)
            state.withLock { $0.teams[campaign.id] = read }
            teams = read
        }
        let now = clock.now
        let stepped = try await expansion.step(campaign, sendingDay: sendingDay, teams: teams ?? [], now: now)
        if stepped?.state != .expanding {
            forget(campaign)
            logger.info(
                "audience written down",
                metadata: ["campaign": "campaigns/\(campaign.id)", "teams": "\(teams?.count ?? 0)"])
        }
        pass.lookAgain(at: now)
    }

    /// Looks again after a second, and then less and less often: the feeds may be away for hours.
    private func waitForFacts(_ campaign: Campaign) -> Instant {
        let waits = state.withLock { state in
            defer { state.waits[campaign.id, default: 0] += 1 }
            return state.waits[campaign.id] ?? 0
        }
        return clock.now.adding(min(.seconds(1 << min(waits, 10)), options.longestWait))
    }

    private func sweep(_ campaign: Campaign, _ pass: inout Pass) async throws {
        let now = clock.now
        let limit = options.cancelsPerStep
        let leases = options.leasesPerStep
        let random = Double.random(in: 0..<1)
        forget(campaign)
        let next: Instant? = try await database.write { [claims] transaction in
            // Messages under way are awaited: what came of them is stored like any other's.
            try claims.expire(campaign: campaign.id, limit: leases, now: now, random: random, transaction)
            let cancelled = try DeliveryStore.cancelWaiting(
                campaign: campaign.id, reason: "the campaign was cancelled", now: now, limit: limit, transaction)
            if cancelled == limit { return now }
            if let end = try DeliveryStore.nextLeaseEnd(campaign: campaign.id, transaction) { return end }
            try CampaignStore.update(campaign, active: false, transaction)
            return nil
        }
        pass.lookAgain(at: next)
    }

    /// A paused campaign begins nothing; messages of killed senders are looked after.
    private func rest(_ campaign: Campaign, _ pass: inout Pass) async throws {
        let now = clock.now
        forget(campaign)
        let due = try await database.readPooled { try DeliveryStore.nextLeaseEnd(campaign: campaign.id, $0) }
        guard let due, due <= now else { return pass.lookAgain(at: due) }
        let leases = options.leasesPerStep
        let random = Double.random(in: 0..<1)
        try await database.write { [claims] transaction in
            try claims.expire(campaign: campaign.id, limit: leases, now: now, random: random, transaction)
        }
        pass.lookAgain(at: now)
    }

    private func forget(_ campaign: Campaign) {
        state.withLock {
            $0.teams[campaign.id] = nil
            $0.waits[campaign.id] = nil
        }
    }

    /// Until when a lane is held; nil: it may send. The night is known here, quotas and what providers said are in the
    /// database, where all senders see them.
    private func hold(of sender: any MessageSender, now: Instant) async throws -> Instant? {
        let lane = sender.lane
        if let quietHours = sender.quietHours {
            let known = state.withLock { $0.quiet[lane] }
            // Those who begin again in the morning do so within some minutes, each lane at a moment of its own.
            if let known, known > now { return known }
            if let end = quietHours.end(at: now, random: .random(in: 0..<1)) {
                state.withLock { $0.quiet[lane] = end }
                try await database.write { try LaneStore.hold(.init(lane: lane, until: end, reason: .quietHours), $0) }
                return end
            }
        }
        return try await database.readPooled { try LaneStore.hold(of: lane, at: now, $0)?.until }
    }

    private func claim(_ campaign: Campaign, _ pass: inout Pass) async throws {
        var isDone = true
        for sender in channels.on where campaign.content.channels.contains(sender.kind) {
            let lane = sender.lane
            let now = clock.now
            let due = try await database.readPooled { transaction in
                try DeliveryStore.nextDue(campaign: campaign.id, lane: lane, transaction)
            }
            guard let due else { continue }
            isDone = false
            guard due <= now else {
                pass.lookAgain(at: due)
                continue
            }
            if let until = try await hold(of: sender, now: now) {
                // A lease that ended is looked after in the night, too.
                try await expire(campaign, now: now)
                pass.lookAgain(at: until)
                continue
            }
            let granted = state.withLock { $0.paces.take(lane, now: now) }
            guard granted > 0 else {
                pass.lookAgain(at: state.withLock { $0.paces.next(lane, now: now) })
                continue
            }
            let turn = Claims.Turn(
                lane: lane, limit: granted, leaseUntil: now.adding(sender.timeout + options.leaseMargin), now: now,
                random: (0..<granted).map { _ in Double.random(in: 0..<1) })
            let result = try await database.write { [claims] transaction in
                try claims.take(campaign: campaign.id, turn, transaction)
            }
            let begun = result.claimed.count + result.doubtful.count
            state.withLock { $0.paces.begin(begun, giveBack: granted - begun, lane) }
            pass.claimed += result.claimed
            pass.doubtful += result.doubtful
            pass.lookAgain(at: result.heldUntil ?? now)
        }
        if isDone { try await complete(campaign) }
    }

    private func expire(_ campaign: Campaign, now: Instant) async throws {
        let leases = options.leasesPerStep
        let random = Double.random(in: 0..<1)
        let due = try await database.readPooled { try DeliveryStore.nextLeaseEnd(campaign: campaign.id, $0) }
        guard let due, due <= now else { return }
        try await database.write { [claims] transaction in
            try claims.expire(campaign: campaign.id, limit: leases, now: now, random: random, transaction)
        }
    }

    private func complete(_ campaign: Campaign) async throws {
        let now = clock.now
        let isCompleted = try await database.write { transaction in
            guard var current = try CampaignStore.get(campaign.id, transaction), current.state == .sending,
                // Messages of a channel that is off now wait until it is on again.
                try !DeliveryStore.isMoving(campaign: campaign.id, transaction)
            else { return false }
            current.state = .completed
            try CampaignStore.update(current.changed(now), active: false, transaction)
            return true
        }
        if isCompleted { logger.info("campaign completed", metadata: ["campaign": "campaigns/\(campaign.id)"]) }
    }

    // MARK: One message

    /// Sends one claimed message and records what came of it.
    func send(_ claimed: ClaimedMessage) async {
        let outcome = await courier.attempt(claimed)
        let now = clock.now
        let paused = state.withLock { $0.paces.finish(claimed.lane, outcome, now: now) }
        if let paused {
            logger.warning(
                "a provider is left alone",
                metadata: [
                    "channel": "\(claimed.lane.name)", "until": "\(paused)", "reason": "\(outcome.detail)",
                ])
        }
        let random = Double.random(in: 0..<1)
        // The message is out: its state must not be lost to a moment's trouble with the disk. If it is for good, the
        // lease runs out, and the message is AMBIGUOUS rather than sent again.
        for pause in [0, 1, 5, 20] {
            do {
                if pause > 0 { try await Task.sleep(for: .seconds(pause)) }
                try await database.write { [claims] transaction in
                    try claims.record(
                        outcome, campaign: claimed.campaign.id, delivery: claimed.delivery.id,
                        attempt: claimed.attempt, lane: claimed.lane, now: now, random: random, transaction)
                }
                break
            } catch {
                logger.error(
                    "the outcome of a message could not be recorded",
                    metadata: ["delivery": "\(claimed.delivery.id)", "error": "\(error)"])
            }
        }
        waker.yield()
    }

    /// Asks the provider what became of a message, and records what it says.
    func ask(_ delivery: Delivery) async {
        let word = await courier.status(of: delivery)
        let (now, random) = (clock.now, Double.random(in: 0..<1))
        if let lane = delivery.lane {
            state.withLock { _ = $0.paces.finish(lane, SendOutcome(kind: .ambiguous), now: now) }
        }
        do {
            try await database.write { [claims] transaction in
                try claims.settle(delivery, word, now: now, random: random, transaction)
            }
        } catch {
            logger.error(
                "what a provider says of a message could not be recorded",
                metadata: ["delivery": "\(delivery.id)", "error": "\(error)"])
        }
        waker.yield()
    }
}
