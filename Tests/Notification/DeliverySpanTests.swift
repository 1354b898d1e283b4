import ChangeFeed
import Logging
import RPC
import ServiceKit
import Shared
import Storage
import SwiftProtobuf
import Telemetry
import TestSupport
import Testing

@testable import Notification

/// What a collector of traces learns of a message: what caused it, and nothing of who gets it.
@Suite(.onBothEngines) struct DeliverySpanTests {
    private let clock = SettableClock(World.now)

    /// Sends the whole campaign; the spans of its messages.
    private func spans(of campaign: String, in database: Database, sampling: TraceSampling) async throws -> [Span] {
        let collector = SampleCollector()
        let tracer = Tracer(collector: collector, sampling: sampling)
        let dispatcher = Dispatcher(
            database: database, channels: Channels(senders: [RecordingSender()]), clock: clock.clock,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }, tracer: tracer)
        for _ in 0..<100 {
            let pass = try await dispatcher.pass()
            for message in pass.claimed { await dispatcher.send(message) }
            guard let next = pass.next, next <= clock.now else { break }
        }
        await tracer.close(within: .seconds(60))
        return collector.spans
    }

    @Test func aMessageIsLinkedToTheCallsThatCausedIt() async throws {
        let database = try await World.populated()
        let calls = (0..<4).map { _ in TraceContext.beginning(sampling: .always) }
        var contact = try World.contact(1, name: "Nguyễn Thị Số 1", email: "nguoi1@example.vn")
        contact.traceparent = calls[0].traceparent
        var obligation = try World.obligation(1, of: World.communeTeam, person: 1)
        obligation.traceparent = calls[1].traceparent
        var team = try World.team(World.communeTeam, .commune, "Tổ xã Cẩm Duệ", in: World.commune)
        team.traceparent = calls[2].traceparent
        var other = try World.contact(2, name: "Nguyễn Thị Số 2", email: "nguoi2@example.vn")
        other.traceparent = TraceContext.beginning(sampling: .never).traceparent
        try await World.tell([contact, obligation, team, other], database)
        let campaign = try await World.launch(in: database)
        try await database.write { try CampaignStore.launched(campaign, by: calls[3].traceparent, $0) }

        let spans = try await spans(of: campaign, in: database, sampling: .never)
        #expect(spans.contains { Set($0.links) == Set(calls) }, "person 1")
        #expect(spans.contains { Set($0.links) == Set(calls[2...]) }, "person 2, of the same team")
        #expect(spans.contains { $0.links == [calls[3]] }, "of another team")
        #expect(spans.allSatisfy { $0.name == "deliver email" && $0.kind == .producer && !$0.hasFailed })
        #expect(Set(spans.map(\.context.traceID)).count == spans.count)
        #expect(spans.allSatisfy { $0.attributes.contains(.init("cdt.campaign", "campaigns/\(campaign)")) })
        let told = "\(spans.map(\.attributes))"
        #expect(
            !told.contains("@") && !told.contains("Nguyễn") && !(1...6).contains { told.contains(World.person($0)) })
        await database.close()
    }

    @Test func aMessageAboutAPaymentIsLinkedToTheCallThatChangedItLast() async throws {
        let database = try await World.populated()
        let calls = (0..<2).map { _ in TraceContext.beginning(sampling: .always) }
        var approved = try World.payment(1, to: World.communeTeam, person: 2, .reserved)
        approved.traceparent = calls[0].traceparent
        var paid = try World.payment(1, to: World.communeTeam, person: 2, .paid)
        paid.traceparent = calls[1].traceparent
        try await World.tell([approved, paid], database)
        let campaign = try await World.launch(
            CampaignContent(
                displayName: "Đã chi trả",
                audience: Audience(unit: World.province, payment: .init(condition: .paid)), template: "payment-paid",
                templateVersion: 1, parameters: [:], language: .vietnamese, channels: [.email]), in: database)
        let spans = try await spans(of: campaign, in: database, sampling: .never)
        #expect(spans.map(\.links) == [[calls[1]]])
        await database.close()
    }

    @Test func anInvitationIsLinkedToTheCallThatPlannedOrMovedTheSession() async throws {
        let database = try await World.populated()
        let calls = (0..<2).map { _ in TraceContext.beginning(sampling: .always) }
        let leaders: Cdt_Activity_V1_SessionInvitation = .with { ($0.teamLevels, $0.roles) = ([.hamlet], [.leader]) }
        var planned = try World.training(1, .planned, inviting: leaders)
        planned.traceparent = calls[0].traceparent
        var moved = try World.training(1, .planned, inviting: leaders) { $0.startsAt = "09:00" }
        moved.traceparent = calls[1].traceparent
        try await World.tell([planned, moved], database)
        let campaign = try await World.launch(
            CampaignContent(
                displayName: "Mời",
                audience: Audience(
                    unit: World.province, training: .init(session: World.training(1), condition: .planned)),
                template: "training-invitation", templateVersion: 1, parameters: [:], language: .vietnamese,
                channels: [.email]), in: database)
        let spans = try await spans(of: campaign, in: database, sampling: .never)
        #expect(spans.map(\.links) == [[calls[1]]])
        await database.close()
    }

    @Test func aMessageOfUnrecordedCallsIsDrawnLikeATraceThatBegins() async throws {
        for (sampling, isRecorded) in [(TraceSampling.never, false), (.always, true)] {
            let database = try await World.populated()
            let campaign = try await World.launch(in: database)
            let spans = try await spans(of: campaign, in: database, sampling: sampling)
            #expect(spans.isEmpty != isRecorded)
            #expect(spans.allSatisfy { $0.links.isEmpty })
            await database.close()
        }
    }
}
