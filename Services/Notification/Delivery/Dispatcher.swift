import Logging
import ServiceKit
import Storage
import Synchronization
import Telemetry

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

    struct State {
        var paces: ChannelPaces
        /// Teams of the campaigns that are being expanded.
        var teams: [String: [String]] = [:]
        /// How often a campaign was looked at in vain while the facts for its audience are missing.
        var waits: [String: Int] = [:]
        /// Until when a lane keeps quiet: drawn once for each night.
        var quiet: [Lane: Instant] = [:]
    }

    let database: Database
    let channels: Channels
    let clock: Clock
    let claims: Claims
    private let hasFacts: @Sendable (CampaignContent) -> Bool
    let options: Options
    let logger: Logger
    let tracer: Tracer?
    let expansion: AudienceExpansion
    let courier: Courier
    let state: Mutex<State>
    private let wake: AsyncStream<Void>
    let waker: AsyncStream<Void>.Continuation

    /// - Parameter hasFacts: Whether the feeds that a campaign's audience is made of have been read to their end once.
    ///   Until then it would leave out whom they have not told of yet, and waits.
    init(
        database: Database, channels: Channels, clock: Clock, logger: Logger, options: Options = Options(),
        machine: DeliveryMachine = DeliveryMachine(), tracer: Tracer? = nil,
        hasFacts: @escaping @Sendable (CampaignContent) -> Bool = { _ in true }
    ) {
        self.database = database
        self.channels = channels
        self.clock = clock
        self.logger = logger
        self.options = options
        self.tracer = tracer
        claims = Claims(channels: channels, machine: machine, isTraced: tracer != nil)
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
            case .sending:
                try await release(campaign, &pass)
                try await claim(campaign, &pass)
            case .cancelled: try await sweep(campaign, &pass)
            case .paused: try await rest(campaign, &pass)
            case .draft, .completed: break
            }
        }
        return pass
    }
}
