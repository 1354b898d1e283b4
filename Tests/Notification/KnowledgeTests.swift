import ChangeFeed
import Foundation
import Logging
import RPC
import ServiceKit
import Shared
import Storage
import SwiftProtobuf
import TestSupport
import Testing

@testable import Notification

/// "Guides, training documents and good practices are published to an audience like any message, with read and
/// acknowledgement counts; questions that come back become tickets, are answered once and can be published as answers."
@Suite(.onBothEngines, .timeLimit(.minutes(10))) struct KnowledgeTests {
    private let folder: ScratchFolder

    init() throws { folder = try ScratchFolder() }

    private func reason(_ body: () async throws -> Void) async -> String {
        do {
            try await body()
            return "none"
        } catch let error as RPCError {
            let status = try? Google_Rpc_Status(serializedBytes: error.details ?? [])
            let info = status?.details.first { $0.isA(Google_Rpc_ErrorInfo.self) }
            return info.flatMap { try? Google_Rpc_ErrorInfo(unpackingAny: $0).reason } ?? "\(error.code)"
        } catch {
            return "\(error)"
        }
    }

    @Test func aGuideIsPublishedReadAndAcknowledgedAndAQuestionAnsweredOnce() async throws {
        let peer = try PythonPeer("smtp_peer.py", [#"{"tls": "none"}"#])
        let port = try await peer.port()
        let (service, connection, client) = try await ServedNotification.start(
            folder,
            ["--smtp-url", "smtp://127.0.0.1:\(port)", "--smtp-from", "tai-lieu@example.vn", "--smtp-rate", "500"])
        let database = service.context.database
        try await World.tell(try World.events(), database)

        // A guide, found by words of its title and by its subject.
        let guide = try await client.createArticle(
            .with {
                $0.requestID = UUID().uuidString
                $0.article.kind = .guide
                $0.article.unit = "units/\(World.province)"
                $0.article.title = "Cài đặt VNeID cho người cao tuổi"
                $0.article.text = "Mở ứng dụng, chọn Đăng ký, rồi làm theo hướng dẫn."
                $0.article.url = "https://example.vn/vneid.pdf"
                $0.article.subjects = ["local-platform", "vneid"]
            }
        ).article
        #expect(try await client.listArticles(.with { $0.query = "nguoi CAO" }).articles == [guide])
        #expect(try await client.listArticles(.with { $0.query = "ao" }).articles.isEmpty, "no word begins with it")
        #expect(try await client.listArticles(.with { $0.subject = "vneid" }).articles == [guide])
        #expect(try await client.listArticles(.with { $0.subject = "vne" }).articles.isEmpty)
        #expect(try await client.listArticles(.with { $0.kind = .answer }).articles.isEmpty)

        // To the leaders of the province, who are asked to acknowledge.
        let campaign = try await client.publishArticle(
            .with {
                ($0.requestID, $0.name) = (UUID().uuidString, guide.name)
                $0.audience.unit = "units/\(World.province)"
                $0.audience.roles = [.leader]
                $0.channels = [.email]
                $0.acknowledge = true
            }
        ).campaign
        #expect(campaign.article == guide.name)
        for try await _ in try await client.watchCampaign(.with { $0.name = campaign.name }).responses {}
        let mails = try await peer.lines(3)
        #expect(mails.compactMap { $0["to"] as? String }.sorted() == ["nguoi1@example.vn", "nguoi4@example.vn"])
        let deliveries = try await client.listDeliveries(.with { $0.parent = campaign.name }).deliveries
        let first = try #require(deliveries.first)
        let acknowledged = try await client.acknowledgeDelivery(
            .with { ($0.requestID, $0.name) = (UUID().uuidString, first.name) }
        ).delivery
        #expect(acknowledged.hasAcknowledgeTime)
        #expect(acknowledged.state == .read)
        #expect(try await client.getCampaign(.with { $0.name = campaign.name }).progress.acknowledged == 1)
        let reach = try await client.getArticle(.with { $0.name = guide.name }).reach
        #expect(reach.campaigns == 1 && reach.recipients == 2 && reach.sent == 2 && reach.read == 1)
        #expect(reach.acknowledged == 1)

        // Person 4 asks back, and is answered by mail, once.
        let now = World.now
        let event = InboundEvent(source: "zalo/", id: "1", channel: .zaloText, account: "", kind: .other)
        let ticket = UUIDv7.next(at: now).description
        try await database.write { transaction in
            try TicketStore.open(
                ticket, from: World.person(4), text: "Máy cũ không cài được thì làm sao?", event, now: now, transaction)
        }
        let draft = Cdt_Notification_V1_Article.with {
            $0.kind = .answer
            $0.unit = "units/\(World.province)"
            $0.title = "Điện thoại cũ không cài được VNeID thì làm thế nào?"
        }
        #expect(
            await reason {
                _ = try await client.createArticle(.with { ($0.article, $0.ticket) = (draft, "tickets/\(ticket)") })
            } == "TICKET_NOT_ANSWERED")
        let answered = try await client.answerTicket(
            .with {
                $0.requestID = UUID().uuidString
                ($0.name, $0.answer) = ("tickets/\(ticket)", "Dùng điện thoại của người nhà, hoặc đến bộ phận một cửa.")
            }
        ).ticket
        #expect(answered.state == .answered)
        let carried = try #require(Names.delivery(answered.answerDelivery)?.campaign)
        for try await _ in try await client.watchCampaign(.with { $0.name = "campaigns/\(carried)" }).responses {}
        let answer = try #require(try await peer.lines(4).last)
        #expect(answer["to"] as? String == "nguoi4@example.vn")
        #expect(
            await reason {
                _ = try await client.answerTicket(
                    .with { ($0.name, $0.answer) = ("tickets/\(ticket)", "Một câu trả lời khác.") })
            } == "TICKET_ANSWERED")

        // The answer is published, and answers the next who asks.
        let published = try await client.createArticle(
            .with { ($0.requestID, $0.article, $0.ticket) = (UUID().uuidString, draft, "tickets/\(ticket)") }
        ).article
        #expect(published.text == "Dùng điện thoại của người nhà, hoặc đến bộ phận một cửa.")
        let second = UUIDv7.next(at: now).description
        try await database.write { transaction in
            try TicketStore.open(second, from: nil, text: "Máy tôi cũ quá", event, now: now, transaction)
        }
        let again = try await client.answerTicket(
            .with { ($0.requestID, $0.name, $0.article) = (UUID().uuidString, "tickets/\(second)", published.name) }
        ).ticket
        #expect(again.answer == published.text)
        #expect(again.answerDelivery.isEmpty, "nobody is known to send it to")
        #expect(try await client.getArticle(.with { $0.name = published.name }).tickets == 2)

        // What is wrong is named.
        #expect(
            await reason {
                _ = try await client.createArticle(.with { $0.article = draft })
            } == "INVALID_ARTICLE", "no text")
        #expect(
            await reason {
                _ = try await client.createArticle(
                    .with {
                        $0.article = guide
                        $0.article.url = "http://example.vn/a b"
                    })
            } == "INVALID_ARTICLE")
        #expect(
            await reason {
                _ = try await client.updateArticle(
                    .with {
                        $0.article = guide
                        $0.article.kind = .goodPractice
                    })
            } == "IMMUTABLE")
        #expect(
            await reason {
                _ = try await client.updateArticle(
                    .with {
                        $0.article = guide
                        $0.article.etag = "\"0\""
                    })
            } == "ETAG_MISMATCH")

        // Erasure reaches what was answered, and the message that carried it.
        try await World.tell([try World.contact(4, name: "A", email: "").asTombstone], database)
        let kept = try database.read { transaction in
            (try TicketStore.get(ticket, transaction)?.answer, try CampaignStore.get(carried, transaction)?.content)
        }
        #expect(kept.0 == "")
        #expect(kept.1?.parameters == ["answer": "…"])
        await connection.close()
        await service.stop()
    }
}
