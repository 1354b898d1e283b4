import ChangeFeed
import Foundation
import ServiceKit
import Shared
import Storage
import SwiftProtobuf
import Synchronization
import TestSupport

@testable import Notification

/// A small world: Hà Tĩnh with one district, two communes and three hamlets, told as the other services tell it.
enum World {
    static let nation = "00000000-0000-7000-8000-000000000001"
    static let province = "00000000-0000-7000-8000-000000000042"
    static let otherProvince = "00000000-0000-7000-8000-000000000015"
    static let commune = "00000000-0000-7000-8000-00000000c001"
    static let secondCommune = "00000000-0000-7000-8000-00000000c002"
    static let hamlet = "00000000-0000-7000-8000-00000000a001"
    static let secondHamlet = "00000000-0000-7000-8000-00000000a002"

    static let communeTeam = "00000000-0000-7000-8000-000000007001"
    static let hamletTeam = "00000000-0000-7000-8000-000000007002"
    static let secondHamletTeam = "00000000-0000-7000-8000-000000007003"

    static func person(_ number: Int) -> String {
        "00000000-0000-7000-8000-0000000b" + String(repeating: "0", count: 4 - String(number).count) + "\(number)"
    }
    static func obligation(_ number: Int) -> String {
        "00000000-0000-7000-8000-0000000d" + String(repeating: "0", count: 4 - String(number).count) + "\(number)"
    }

    static func payment(_ number: Int) -> String { numbered(900_000 + number) }

    static func training(_ number: Int) -> String { numbered(800_000 + number) }

    /// What was recorded last; each fact after the one before, as a service records them.
    private static let lastRecorded = Atomic<Int64>(now.microseconds)

    static func event(_ payload: some Message, _ aggregate: String, recordedAt: Instant? = nil) throws -> FeedEvent {
        FeedEvent(
            sequence: 1, aggregate: aggregate, version: 1,
            recordedAt: recordedAt?.microseconds ?? lastRecorded.add(1, ordering: .relaxed).newValue,
            type: type(of: payload).protoMessageName, payload: try payload.serializedBytes())
    }

    static func unit(_ id: String, _ level: Cdt_Registry_V1_UnitLevel, _ name: String, under parents: [String])
        throws -> FeedEvent
    {
        try event(
            Cdt_Registry_V1_UnitFact.with {
                $0.unit = .with {
                    $0.name = "units/\(id)"
                    $0.level = level
                    $0.displayName = name
                    if level == .commune { $0.validTo = "2025-06-30" }
                }
                $0.placements = parents.map { parent in .with { $0.parent = "units/\(parent)" } }
            }, "units/\(id)")
    }

    static func team(_ id: String, _ level: Cdt_Common_V1_TeamLevel, _ name: String, in unit: String) throws
        -> FeedEvent
    {
        try event(
            Cdt_Registry_V1_TeamFact.with {
                $0.team = "teams/\(id)"
                $0.level = level
                $0.displayName = name
                $0.statusHistory = [
                    .with {
                        $0.status = .active
                        $0.from = "2024-01-01"
                    }
                ]
                $0.placements = [
                    .with {
                        $0.unit = "units/\(unit)"
                        $0.from = "2024-01-01"
                    }
                ]
            }, "teams/\(id)")
    }

    static func member(
        _ person: Int, of team: String, _ role: Cdt_Registry_V1_MemberRole,
        occupation: Cdt_Registry_V1_Occupation = .teacher, to: String = ""
    ) throws -> FeedEvent {
        let id = UUIDv8.named("\(person)", in: team).description
        return try event(
            Cdt_Registry_V1_MembershipFact.with {
                $0.membership = "teams/\(team)/memberships/\(id)"
                $0.team = "teams/\(team)"
                $0.person = "people/\(World.person(person))"
                $0.role = role
                $0.from = "2024-01-01"
                $0.to = to
                $0.occupation = occupation
            }, "teams/\(team)/memberships/\(id)")
    }

    static func contact(
        _ person: Int, name: String, email: String, phones: [String] = ["0912345678"], zalo: [String] = []
    ) throws -> FeedEvent {
        try event(
            Cdt_Registry_V1_ContactFact.with {
                $0.person = "people/\(World.person(person))"
                $0.fullName = name
                $0.email = email
                $0.phones = phones
                $0.zaloUserIds = zalo
            }, "people/\(World.person(person))")
    }

    static func obligation(_ number: Int, of team: String, person: Int? = nil, received: Bool = false) throws
        -> FeedEvent
    {
        try event(
            Cdt_Activity_V1_ObligationFact.with {
                $0.obligation = "obligations/\(World.obligation(number))"
                $0.team = "teams/\(team)"
                if let person { $0.person = "people/\(World.person(person))" }
                $0.period = "2024-10"
                $0.dueOn = "2024-11-05"
                $0.graceUntil = "2024-11-08"
                if received {
                    $0.receivedAt = Instant(LocalDate("2024-11-03") ?? .distantPast).timestamp
                    $0.timeliness = .onTime
                }
            }, "obligations/\(World.obligation(number))")
    }

    /// Of 600,000 đồng for 2024, to a team or one of its members.
    static func payment(
        _ number: Int, to team: String, person: Int? = nil, _ state: Cdt_Funding_V1_PaymentState,
        title: String = "Hỗ trợ",
        recordedAt: Instant? = nil
    ) throws -> FeedEvent {
        try event(
            Cdt_Funding_V1_PaymentFact.with {
                $0.payment.name = "paymentInstructions/\(World.payment(number))"
                $0.payment.team = "teams/\(team)"
                if let person { $0.payment.person = "people/\(World.person(person))" }
                $0.payment.amountDong = 600_000
                $0.payment.state = state
                $0.policyTitle = "Support"
                $0.policyTitleVi = title
                $0.year = 2024
            }, "paymentInstructions/\(World.payment(number))", recordedAt: recordedAt)
    }

    /// A session of a course of the province, on 20 November 2024 at 8:00; everybody there is invited unless said.
    static func training(
        _ number: Int, _ state: Cdt_Activity_V1_SessionState,
        inviting invitation: Cdt_Activity_V1_SessionInvitation? = .init(),
        recordedAt: Instant? = nil, _ change: (inout Cdt_Activity_V1_TrainingSession) -> Void = { _ in }
    ) throws -> FeedEvent {
        var fact = Cdt_Activity_V1_TrainingSessionFact()
        fact.course.displayName = "Thanh toán số"
        fact.session = .with {
            $0.name = "trainingSessions/\(training(number))"
            $0.unit = "units/\(province)"
            $0.mode = .inPerson
            $0.heldOn = "2024-11-20"
            $0.startsAt = "08:00"
            $0.place = "Nhà văn hóa xã Cẩm Duệ"
            $0.state = state
            if let invitation { $0.invitation = invitation }
            if state == .cancelled { $0.cancellationReason = "Mưa bão" }
        }
        change(&fact.session)
        return try event(fact, fact.session.name, recordedAt: recordedAt)
    }

    /// Commune team (persons 1 leader, 2, 3: each owes a report), hamlet team (4 leader, 5: the team owes one), second
    /// hamlet team (no leader; 6 and 1 deputies: the team owes one).
    static func events() throws -> [FeedEvent] {
        var events = [
            try unit(nation, .nation, "Việt Nam", under: []),
            try unit(province, .province, "Tỉnh Hà Tĩnh", under: [nation]),
            try unit(otherProvince, .province, "Tỉnh Yên Bái", under: [nation]),
            try unit(commune, .commune, "Xã Cẩm Duệ", under: [province]),
            try unit(secondCommune, .commune, "Xã Cẩm Mỹ", under: [province]),
            try unit(hamlet, .hamlet, "Thôn Đông Hòa", under: [commune]),
            try unit(secondHamlet, .hamlet, "Thôn Mỹ Sơn", under: [secondCommune]),
            try team(communeTeam, .commune, "Tổ công nghệ số cộng đồng xã Cẩm Duệ", in: commune),
            try team(hamletTeam, .hamlet, "Tổ công nghệ số cộng đồng thôn Đông Hòa", in: hamlet),
            try team(secondHamletTeam, .hamlet, "Tổ công nghệ số cộng đồng thôn Mỹ Sơn", in: secondHamlet),
            try member(1, of: communeTeam, .leader, occupation: .official),
            try member(2, of: communeTeam, .member), try member(3, of: communeTeam, .member),
            try member(4, of: hamletTeam, .leader), try member(5, of: hamletTeam, .member),
            try member(6, of: secondHamletTeam, .deputy), try member(1, of: secondHamletTeam, .deputy),
        ]
        for number in 1...6 {
            events.append(
                try contact(
                    number, name: "Nguyễn Thị Số \(number)", email: number == 3 ? "" : "nguoi\(number)@example.vn"))
        }
        for number in 1...3 { events.append(try obligation(number, of: communeTeam, person: number)) }
        events.append(try obligation(4, of: hamletTeam))
        events.append(try obligation(5, of: secondHamletTeam))
        return events
    }

    static let migrations = [
        FactsSchema.migrations, NotificationSchema.migrations, RequestIDs.migrations, PageTokens.migrations,
        FeedConsumer.migrations,
    ]

    static func database(_ configuration: DatabaseConfiguration? = nil) async throws -> Database {
        try await Database.open(try configuration ?? TestDatabase.fresh(), migrations: migrations)
    }

    static func tell(_ events: [FeedEvent], _ database: Database, at now: Instant = World.now) async throws {
        try await database.write { transaction in
            for event in events { try FactsCopy.apply(event, now: now, transaction) }
        }
    }

    /// With the world's facts and the built-in templates.
    static func populated(_ configuration: DatabaseConfiguration? = nil) async throws -> Database {
        let database = try await database(configuration)
        try await tell(try events(), database)
        try await BuiltInTemplates.install(in: database, now: Instant(seconds: 0))
        try await database.write { try TemplateStore.insert(notice, now: Instant(seconds: 0), $0) }
        return database
    }

    static let reminder = CampaignContent(
        displayName: "Nhắc báo cáo tháng 10", audience: reminderAudience, template: "report-reminder",
        templateVersion: 1,
        parameters: [:], language: .vietnamese, channels: [.email])

    /// A message to members, whatever they owe.
    static let notice = Template(
        id: "notice", version: 1, displayName: "Thông báo",
        parameters: [.init(name: "recipient_name", type: .text, description: "")],
        bodies: [
            .init(language: .vietnamese, channel: .sms): .init(
                subject: "", text: "Chào {{recipient_name}}: họp tổ tối nay."),
            .init(language: .vietnamese, channel: .email): .init(subject: "Họp tổ", text: "Chào {{recipient_name}}."),
            .init(language: .vietnamese, channel: .zaloText): .init(subject: "", text: "Chào {{recipient_name}}."),
            .init(language: .vietnamese, channel: .zaloPhone): .init(
                subject: "", text: "", providerTemplate: "4321",
                values: [.init(name: "ten", text: "{{recipient_name}}", limit: 30)]),
        ])

    static let reminderAudience = Audience(
        unit: province, report: .init(period: Month("2024-10") ?? Month(index: 0), condition: .owes))

    /// 4 November 2024, 8:00 in Vietnam.
    static let now = Instant(LocalDate("2024-11-04") ?? .distantPast, hour: 8)

    /// Creates and launches a campaign.
    static func launch(_ content: CampaignContent = reminder, in database: Database, at now: Instant = now) async throws
        -> String
    {
        let id = UUIDv7.next(at: now).description
        let draft = Campaign(id: id, content: content, state: .draft, revision: 1, createdAt: now, updatedAt: now)
        let launched = try CampaignRules.launch(draft, at: nil, etag: "", now: now).get()
        try await database.write { transaction in
            try CampaignStore.insert(draft, transaction)
            try CampaignStore.update(launched, active: true, transaction)
        }
        return id
    }
}

extension World {
    /// A UUID that stands for a number.
    static func numbered(_ number: Int) -> String {
        "00000000-0000-7000-8000-" + String(String(1_000_000_000_000 + number).suffix(12))
    }
}
