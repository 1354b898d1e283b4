import Logging
import RPC
import ServiceKit
import Shared
import Storage
import TestSupport

@testable import Notification

/// The whole service behind its port. The other services are away: what is known of them was told before.
enum ServedNotification {
    typealias Client = Cdt_Notification_V1_NotificationService.Client

    static func start(_ folder: ScratchFolder, _ arguments: [String] = [], today: String = "2024-11-04") async throws
        -> (
            RunningService, RPCClient, Client
        )
    {
        let elsewhere = try TestDatabase.serviceArguments()
        try await readFeeds(elsewhere.last.map { .postgres($0) } ?? .sqlite(path: folder.path("data/notification.db")))
        let service = try await ServiceHost.start(
            NotificationDefinition.self,
            arguments: [
                "--data", folder.path("data"), "--today", today, "--peer", "registry=127.0.0.1:1", "--peer",
                "activity=127.0.0.1:1", "--peer", "funding=127.0.0.1:1",
            ] + elsewhere + arguments,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        let client = try RPCClient(targets: [.init(host: "127.0.0.1", port: service.endpoint.port)])
        return (service, client, Client(client))
    }

    /// Notes that the feeds were read to their end before.
    private static func readFeeds(_ configuration: DatabaseConfiguration) async throws {
        let database = try await Database.open(configuration, migrations: NotificationDefinition.allMigrations)
        try await database.write { transaction in
            for (id, topic) in FactsCopy.Topic.allCases.enumerated() {
                try transaction.execute(
                    "INSERT INTO feed_consumers (id, name, topic, cursor, is_restarting) VALUES (?, ?, ?, '', 0)",
                    [.integer(Int64(id)), .text(topic.rawValue), .text(topic.rawValue)])
            }
        }
        await database.close()
    }
}
