import ChangeFeed
import ServiceKit
import Shared
import Storage
import SwiftProtobuf
import TestSupport
import Testing

@testable import Notification

/// Whom a session's invitation reaches, and what they read.
@Suite struct TrainingInvitationTests {
    private let today = LocalDate("2024-11-04") ?? .distantPast

    private func session(_ invitation: TrainingInvitation? = .init(), on day: String = "2024-11-20") -> KnownTraining {
        KnownTraining(
            id: "s", unit: "u", condition: .planned, heldOn: LocalDate(day) ?? .distantPast, startsAt: "08:00",
            place: "Nhà văn hóa xã Cẩm Duệ", mode: 1, trainer: "", courseTitle: "Thanh toán số", cancellationReason: "",
            invitation: invitation, changedAt: World.now)
    }

    private func told(_ session: KnownTraining?, isActive: Bool = true, invitees: Set<String> = []) -> [String] {
        let team = KnownTeam(
            id: "t", level: 2, isActive: isActive,
            members: [
                .init(person: "leader", role: 1, occupation: 1), .init(person: "deputy", role: 2, occupation: 2),
                .init(person: "member", role: 3, occupation: 2),
            ], training: session, invitees: invitees)
        let audience = Audience(unit: "u", training: .init(session: "s", condition: .planned))
        return audience.recipients(of: team, on: today).entries.map { "\($0.person) \($0.matter)" }
    }

    @Test func membersAreInvitedByLevelAndRole() {
        #expect(told(session()) == ["leader s", "deputy s", "member s"])
        #expect(told(session(.init(levels: [2]))).count == 3)
        #expect(told(session(.init(levels: [1]))) == [])
        #expect(told(session(.init(roles: [1, 3]))) == ["leader s", "member s"])
        #expect(told(session(.init(levels: [1, 2], roles: [2]))) == ["deputy s"])
        #expect(told(session(), isActive: false) == [], "a team that is not at work")
    }

    @Test func whoIsNamedIsInvitedAloneAndAsAMember() {
        #expect(told(session(.init(isOfPeople: true)), invitees: ["member", "gone"]) == ["member s"])
        #expect(told(session(.init(isOfPeople: true))) == [], "all were erased: not everybody")
    }

    @Test func nobodyIsToldOfASessionWithoutAnInvitationOrOfNone() {
        #expect(told(session(nil)) == [])
        #expect(told(nil) == [])
    }

    @Test(
        arguments: [
            (TrainingCondition.planned, TrainingCondition.planned, "2024-11-04", true),
            (.planned, .planned, "2024-11-03", false), (.cancelled, .cancelled, "2024-11-04", true),
            (.cancelled, .cancelled, "2024-11-03", false), (.planned, .cancelled, "2024-11-20", false),
            (.cancelled, .planned, "2024-11-20", false),
        ])
    func conditions(known: TrainingCondition, asked: TrainingCondition, day: String, holds: Bool) {
        var session = session(on: day)
        session.condition = known
        #expect(session.fulfils(.init(session: "s", condition: asked), on: today) == holds)
    }

    @Test func aSessionThatWasMovedLaterIsOfTheNextLook() {
        let next = World.now.adding(seconds: 1)
        func fulfils(_ since: Instant?, _ until: Instant?) -> Bool {
            session().fulfils(
                .init(session: "s", condition: .planned, changedSince: since, changedUntil: until), on: today)
        }
        #expect(fulfils(World.now, next) && fulfils(World.now, nil) && fulfils(nil, next))
        #expect(!fulfils(next, nil) && !fulfils(nil, World.now))
    }

    @Test(
        arguments: [
            (1, "08:00", "08:00 ngày 15/12/2026", "08:00 on 15 December 2026"),
            (2, "19:30", "19:30 ngày 15/12/2026", "19:30 on 15 December 2026"),
            (1, "", "ngày 15/12/2026", "on 15 December 2026"),
            (3, "", "đến hết ngày 15/12/2026", "until 15 December 2026"),
            (3, "08:00", "đến hết ngày 15/12/2026", "until 15 December 2026"),
        ])
    func theTimeIsToldAsPeopleSayIt(mode: Int, startsAt: String, vi: String, en: String) {
        var session = session(on: "2026-12-15")
        (session.mode, session.startsAt) = (mode, startsAt)
        #expect(session.values(in: .vietnamese)["session_when"] == .text(vi))
        #expect(session.values(in: .english)["session_when"] == .text(en))
    }

    @Test func whatWasWrittenOnSeveralLinesIsToldOnOne() {
        var session = session()
        (session.place, session.cancellationReason) = ("UBND xã,\n\ttầng 2 ", "Mưa\u{2028}bão")
        let values = session.values(in: .vietnamese)
        #expect(values["session_where"] == .text("UBND xã, tầng 2"))
        #expect(values["cancellation_reason"] == .text("Mưa bão"))
        #expect(Set(values.keys) == Template.trainingParameters)
    }

    private func written(_ template: Template, _ language: Language, _ channel: ChannelKind) throws -> RenderedMessage {
        var session = session(on: "2026-12-15")
        session.cancellationReason = "mưa bão"
        let people: [String: ParameterValue] = [
            "recipient_name": .text("Trần Thị Bích"), "team_name": .text("Tổ công nghệ số cộng đồng thôn Đông Hòa"),
        ]
        return try CompiledTemplate(template).render(
            .init(language: language, channel: channel),
            people.merging(session.values(in: language)) { $1 }
        ).get()
    }

    @Test func theWordsInBothLanguages() throws {
        let invited = try written(BuiltInTemplates.trainingInvitation, .vietnamese, .email)
        #expect(invited.subject == "Mời dự lớp bồi dưỡng, 08:00 ngày 15/12/2026")
        #expect(
            invited.text == """
                Kính mời Trần Thị Bích (Tổ công nghệ số cộng đồng thôn Đông Hòa) dự lớp bồi dưỡng: Thanh toán số. \
                Thời gian: 08:00 ngày 15/12/2026. Địa điểm hoặc liên kết: Nhà văn hóa xã Cẩm Duệ
                """)
        let invitedEn = try written(BuiltInTemplates.trainingInvitation, .english, .webhook)
        #expect(invitedEn.subject == "Invitation to a training session, 08:00 on 15 December 2026")
        #expect(
            invitedEn.text == """
                Trần Thị Bích (Tổ công nghệ số cộng đồng thôn Đông Hòa), you are invited to a training session: \
                Thanh toán số. Time: 08:00 on 15 December 2026. Place or link: Nhà văn hóa xã Cẩm Duệ
                """)
        let cancelled = try written(BuiltInTemplates.trainingCancelled, .vietnamese, .zaloText)
        #expect(
            cancelled.text == """
                Trần Thị Bích (Tổ công nghệ số cộng đồng thôn Đông Hòa): lớp bồi dưỡng Thanh toán số, \
                08:00 ngày 15/12/2026, đã bị hủy. Lý do: mưa bão
                """)
        let cancelledEn = try written(BuiltInTemplates.trainingCancelled, .english, .email)
        #expect(cancelledEn.subject == "Training session cancelled, 08:00 on 15 December 2026")
        #expect(cancelledEn.text.hasSuffix("has been cancelled. Reason: mưa bão"))
    }

    @Test(arguments: Language.allCases) func aShortMessageIsOneSegment(language: Language) throws {
        for template in [BuiltInTemplates.trainingInvitation, BuiltInTemplates.trainingCancelled] {
            let sms = try #require(try written(template, language, .sms).sms)
            #expect(sms.segments == 1 && sms.encoding == .gsm7, "\(sms.text)")
        }
        let text = try written(BuiltInTemplates.trainingInvitation, .vietnamese, .sms).text
        #expect(
            text == "Moi du lop boi duong: Thanh toan so, 08:00 ngay 15/12/2026. Noi hoc: Nha van hoa xa Cam Due")
    }
}

/// The teams that a session's invitation is about.
@Suite(.onBothEngines) struct TrainingTeamsTests {
    private func teams(_ unit: String, _ number: Int, _ day: String, _ database: Database) throws -> [String] {
        let audience = Audience(unit: unit, training: .init(session: World.training(number), condition: .planned))
        let date = try #require(LocalDate(day))
        return try database.read { transaction in
            let teams = try AudienceStore.teams(audience, treeDate: date, transaction)
            #expect(try AudienceStore.hasTeams(audience, treeDate: date, transaction) == !teams.isEmpty)
            return teams
        }
    }

    @Test func bothTheAudienceAndTheInvitationChooseThem() async throws {
        let database = try await World.populated()
        let all = [World.communeTeam, World.hamletTeam, World.secondHamletTeam]
        let named = World.secondHamletTeam
        try await World.tell(
            [
                try World.training(1, .planned) { $0.unit = "" },
                try World.training(2, .planned) { $0.unit = "units/\(World.commune)" },
                // The unit of the invitation holds, not the session's.
                try World.training(3, .planned, inviting: .with { $0.unit = "units/\(World.secondCommune)" }) {
                    $0.unit = "units/\(World.commune)"
                },
                try World.training(4, .planned, inviting: .with { $0.teamLevels = [.hamlet] }),
                // Who is named is invited wherever they are.
                try World.training(
                    5, .planned,
                    inviting: .with { invitation in
                        invitation.invitees = [1, 6].map { person in
                            .with { ($0.team, $0.person) = ("teams/\(named)", "people/\(World.person(person))") }
                        }
                    }
                ) { $0.unit = "units/\(World.commune)" },
                try World.training(6, .planned, inviting: nil),
            ], database)
        let day = "2024-11-05"
        for unit in [World.nation, World.province] {
            #expect(try teams(unit, 1, day, database) == all)
            #expect(try teams(unit, 2, day, database) == [World.communeTeam, World.hamletTeam])
            #expect(try teams(unit, 3, day, database) == [World.secondHamletTeam])
            #expect(try teams(unit, 4, day, database) == [World.hamletTeam, World.secondHamletTeam])
            #expect(try teams(unit, 5, day, database) == [World.secondHamletTeam])
        }
        #expect(try teams(World.hamlet, 2, day, database) == [World.hamletTeam])
        #expect(try teams(World.commune, 3, day, database) == [])
        #expect(try teams(World.otherProvince, 1, day, database) == [])
        #expect(try teams(World.commune, 5, day, database) == [])
        for number in [6, 7] { #expect(try teams(World.nation, number, day, database) == [], "\(number)") }
        await database.close()
    }

    /// Both communes become one: those whom one of them had invited are told, and nobody else of the new one.
    @Test func theTeamsOfAUnitThatHasEndedAreThoseThatWereInIt() async throws {
        let database = try await World.populated()
        let (merged, changed) = (World.numbered(78), "2025-07-01")
        func moved(_ event: FeedEvent, to unit: String) throws -> FeedEvent {
            var fact = try Cdt_Registry_V1_TeamFact(serializedBytes: event.payload)
            fact.placements[0].to = "2025-06-30"
            fact.placements.append(.with { ($0.unit, $0.from) = ("units/\(unit)", changed) })
            return try World.event(fact, event.aggregate)
        }
        func ended(_ event: FeedEvent) throws -> FeedEvent {
            var fact = try Cdt_Registry_V1_UnitFact(serializedBytes: event.payload)
            fact.unit.validTo = "2025-06-30"
            fact.unit.successors = ["units/\(merged)"]
            fact.placements[0].to = "2025-06-30"
            return try World.event(fact, event.aggregate)
        }
        func replaced(_ event: FeedEvent) throws -> FeedEvent {
            var fact = try Cdt_Registry_V1_UnitFact(serializedBytes: event.payload)
            fact.placements[0].to = "2025-06-30"
            fact.placements.append(.with { ($0.parent, $0.from) = ("units/\(merged)", changed) })
            return try World.event(fact, event.aggregate)
        }
        var new = try Cdt_Registry_V1_UnitFact(
            serializedBytes: World.unit(merged, .commune, "Xã Cẩm Bình", under: [World.province]).payload)
        new.unit.validFrom = changed
        new.unit.validTo = ""
        new.placements[0].from = changed
        try await World.tell(
            [
                try ended(World.unit(World.commune, .commune, "Xã Cẩm Duệ", under: [World.province])),
                try ended(World.unit(World.secondCommune, .commune, "Xã Cẩm Mỹ", under: [World.province])),
                try replaced(World.unit(World.hamlet, .hamlet, "Thôn Đông Hòa", under: [World.commune])),
                try replaced(World.unit(World.secondHamlet, .hamlet, "Thôn Mỹ Sơn", under: [World.secondCommune])),
                try World.event(new, "units/\(merged)"),
                try moved(World.team(World.communeTeam, .commune, "Tổ xã Cẩm Duệ", in: World.commune), to: merged),
                try World.training(1, .planned) {
                    ($0.unit, $0.heldOn) = ("units/\(World.commune)", "2025-07-10")
                },
            ], database)
        let invited = [World.communeTeam, World.hamletTeam]
        #expect(try teams(World.province, 1, "2025-06-30", database) == invited)
        for unit in [World.province, merged] { #expect(try teams(unit, 1, changed, database) == invited) }
        #expect(try teams(World.secondHamlet, 1, changed, database) == [])
        await database.close()
    }
}
