import ChangeFeed
import Logging
import RPC
import ServiceKit
import Storage

/// Notification as a service: what it needs, and how its parts are put together.
package enum NotificationDefinition: ServiceDefinition {
    package static let identity = ServiceIdentity(
        name: "notification", title: "Who must be told what, over which channel, and whether it went out.", port: 50054)
    package static let peers = ["registry", "activity", "funding"]
    package static let gate = CallGate.anyVerb
    package static let options: [any AnyOption] = NotificationOptions.all
    package static let migrations = [FactsSchema.migrations, NotificationSchema.migrations]

    package static func make(_ context: ServiceContext) async throws -> ServiceParts {
        var accounts: [ZaloTokens] = []
        let channels = try NotificationOptions.channels(context.settings) { account in
            let tokens = ZaloTokens(
                account, database: context.database, clock: context.clock, logger: context.logger)
            accounts.append(tokens)
            return tokens
        }
        for tokens in accounts { try await tokens.prepare() }
        for kind in ChannelKind.allCases {
            let off = channels.off(kind)
            context.logger.info(
                off == nil ? "channel is on" : "channel is off",
                metadata: ["channel": "\(kind.name)", "reason": "\(off?.reason ?? "")"])
        }
        try await BuiltInTemplates.install(in: context.database, now: context.clock.now)
        let token = try ContactsToken(NotificationOptions.contactsToken, in: context.settings)
        let feeds = try FactsFeeds(
            registry: RemoteFeed(try context.feed(of: "registry")),
            contacts: RemoteFeed(try context.feed(of: "registry"), metadata: { token?.metadata ?? [:] }),
            activity: RemoteFeed(try context.feed(of: "activity")),
            funding: RemoteFeed(try context.feed(of: "funding")),
            database: context.database, clock: context.clock, logger: context.logger)
        var pace = Dispatcher.Options()
        pace.sendersPerChannel = try context.settings[NotificationOptions.senders]
        let dispatcher = Dispatcher(
            database: context.database, channels: channels, clock: context.clock, logger: context.logger, options: pace,
            tracer: context.tracer, hasFacts: { feeds.suffice(for: $0) })
        let service = NotificationService(
            database: context.database, channels: channels, dispatcher: dispatcher, clock: context.clock,
            pageTokens: context.pageTokens, freshness: { feeds.freshness })
        let engine = RuleEngine(
            database: context.database, clock: context.clock, logger: context.logger,
            hasFacts: { feeds.suffice(for: $0) })
        let inbox = Inbox(database: context.database, channels: channels, clock: context.clock)
        var tasks = [
            BackgroundTask("dispatcher") { await dispatcher.run() }, BackgroundTask("rules") { await engine.run() },
            QueueMetrics(context.metrics).task(of: context.database),
            // Also where nobody calls back any more: who wrote when is not kept for longer than it is of use.
            BackgroundTask.every(.seconds(86_400), after: .seconds(600), "what providers told") {
                try await inbox.forgetOldEvents()
            },
        ]
        if let (endpoint, tls) = try NotificationOptions.callbacks(context.settings) {
            let callbacks = CallbackServer(
                Callbacks(zalo: accounts.map(\.account), sms: try NotificationOptions.sms(context.settings)),
                inbox: inbox, tls: tls, logger: context.logger)
            let port = try await callbacks.start(endpoint)
            context.logger.info(
                "providers may call back", metadata: ["listen": "\(Endpoint(host: endpoint.host, port: port))"])
            tasks.append(
                BackgroundTask("callbacks") {
                    // Until the service stops.
                    while !Task.isCancelled { try? await Task.sleep(for: .seconds(86_400)) }
                    await callbacks.stop()
                })
        }
        return ServiceParts(services: [service], consumers: feeds.consumers, tasks: tasks)
    }
}
