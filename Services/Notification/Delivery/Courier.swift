import NIOPosix
import ServiceKit
import Storage
import Synchronization

/// Makes a claimed message what its recipient gets, and hands it to the channel, on threads of the channel's own.
final class Courier: Sendable {
    private let database: Database
    private let channels: Channels
    private let clock: Clock
    private let threads: [Lane: NIOThreadPool]
    private let templates = Mutex<[String: CompiledTemplate]>([:])

    init(database: Database, channels: Channels, clock: Clock, threadsPerChannel: Int) {
        self.database = database
        self.channels = channels
        self.clock = clock
        threads = Dictionary(
            channels.on.map { ($0.lane, NIOThreadPool(numberOfThreads: threadsPerChannel)) }
        ) { first, _ in first }
        for pool in threads.values { pool.start() }
    }

    deinit {
        for pool in threads.values { pool.shutdownGracefully { _ in } }
    }

    /// One try.
    func attempt(_ claimed: ClaimedMessage) async -> SendOutcome {
        guard let sender = channels.sender(claimed.lane), let threads = threads[claimed.lane] else {
            return SendOutcome(kind: .transient, failure: .configuration, detail: "the channel is off")
        }
        let template: CompiledTemplate?
        do {
            template = try await self.template(of: claimed.campaign.content)
        } catch {
            // Says nothing of the message: it is as good as before.
            return SendOutcome(kind: .transient, failure: .temporary, detail: "the template could not be read")
        }
        switch render(claimed, template) {
        case .failure(let violations):
            return SendOutcome(kind: .permanent, failure: .template, detail: violations.summary)
        case .success(let message):
            if let outcome = await sender.ready() { return outcome }
            // Asked again at the last moment: getting credentials, or a busy machine, takes time.
            if let until = sender.quietHours?.end(at: clock.now, random: .random(in: 0..<1)) {
                return .held(until: until, .quietHours, "quiet hours")
            }
            do {
                let outcome = try await threads.runIfActive { sender.send(message) }
                guard outcome.refusesCredentials, await sender.renew() else { return outcome }
                // The provider did not look at the message, so this is still the same try.
                return try await threads.runIfActive { sender.send(message) }
            } catch {
                return SendOutcome(kind: .transient, failure: .connection, detail: "the service is stopping")
            }
        }
    }

    /// Asks the provider what became of a message of which nobody knows whether it was taken.
    func status(of delivery: Delivery) async -> StatusWord {
        guard let lane = delivery.lane, let sender = channels.sender(lane), let threads = threads[lane],
            let id = UniqueID(delivery.id)
        else { return .unknown }
        // Cancelled when the service stops: asked again later.
        return (try? await threads.runIfActive { sender.status(of: id) }) ?? .unknown
    }

    private func render(_ claimed: ClaimedMessage, _ template: CompiledTemplate?)
        -> Result<OutgoingMessage, ViolationList>
    {
        let content = claimed.campaign.content
        guard let template, let id = UniqueID(claimed.delivery.id) else {
            return .failure(ViolationList(violations: [.invalidName("template", form: "templates/{id}")]))
        }
        return template.values(content.parameters, filledIn: content.filledIn, field: "parameters").flatMap { own in
            let values = own.merging(claimed.facts.values) { _, fact in fact }
            return template.render(.init(language: content.language, channel: claimed.lane.channel), values).map {
                message in
                OutgoingMessage(
                    campaign: "campaigns/\(claimed.campaign.id)", deliveryID: id,
                    recipient: GroupStore.id(of: claimed.delivery.person) == nil
                        ? "people/\(claimed.delivery.person)" : claimed.delivery.person,
                    recipientName: claimed.facts.name,
                    address: claimed.address, language: content.language, message: message,
                    subjects: claimed.facts.subjects, createdAt: claimed.delivery.createdAt, now: clock.now)
            }
        }
    }

    /// Nil when there is none, or when it cannot be compiled any more.
    private func template(of content: CampaignContent) async throws -> CompiledTemplate? {
        let key = "\(content.template)/\(content.templateVersion)"
        if let known = templates.withLock({ $0[key] }) { return known }
        let stored = try await database.readPooled {
            try TemplateStore.get(content.template, version: content.templateVersion, $0)
        }
        guard let template = stored?.template, let compiled = try? CompiledTemplate(template) else { return nil }
        templates.withLock { templates in
            if templates.count > 100 { templates = [:] }
            templates[key] = compiled
        }
        return compiled
    }
}
