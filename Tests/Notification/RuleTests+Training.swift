import ChangeFeed
import ServiceKit
import Shared
import Storage
import SwiftProtobuf
import TestSupport
import Testing

@testable import Notification

/// "Rules turn events of the other services into messages: … training invitation."
extension RuleTests {
    private typealias Invitation = Cdt_Activity_V1_SessionInvitation
    private static let everybody = mails([1, 2, 4, 5, 6])

    private static func mails(_ people: [Int]) -> [String] { people.map { "nguoi\($0)@example.vn" } }

    /// Invitations, and the people of the province whom they reach; person 3 has no mail.
    static let invitations: [(Cdt_Activity_V1_SessionInvitation, [Int])] = [
        (.init(), [1, 2, 4, 5, 6]),
        (.with { $0.teamLevels = [.hamlet] }, [1, 4, 5, 6]),
        (.with { $0.roles = [.leader, .deputy] }, [1, 4, 6]),
        (.with { ($0.teamLevels, $0.roles) = ([.commune], [.member]) }, [2]),
        (.with { $0.unit = "units/\(World.secondCommune)" }, [1, 6]),
        (.with { ($0.unit, $0.roles) = ("units/\(World.nation)", [.deputy]) }, [1, 6]),
        (.with { $0.unit = "units/\(World.otherProvince)" }, []),
        // Person 2 is in another team, and is not invited as a member of this one.
        (
            .with {
                $0.invitees = [
                    invitee(5, World.hamletTeam), invitee(1, World.communeTeam), invitee(2, World.hamletTeam),
                ]
            },
            [1, 5]
        ),
    ]

    private static func invitee(_ person: Int, _ team: String) -> Cdt_Activity_V1_Invitee {
        .with { ($0.team, $0.person) = ("teams/\(team)", "people/\(World.person(person))") }
    }

    @Test(arguments: RuleTests.invitations)
    func theInvitedAreToldOfAPlannedSession(
        _ invitation: Cdt_Activity_V1_SessionInvitation, _ told: [Int]
    ) async throws {
        let database = try await World.populated()
        try await add("invitation", .trainingInvitation, to: database)
        let post = post(database)
        try await tell([try World.training(1, .planned, inviting: invitation)], database, at: try at("2024-11-01", 20))
        #expect(try await run(post, at: try at("2024-11-02"), sentBefore: 0) == Self.mails(told))
        #expect(try campaigns(database).count == (told.isEmpty ? 0 : 1))
        let subjects = post.sender.sent.flatMap(\.subjects)
        #expect(Set(subjects.map(\.session)).isSubset(of: ["trainingSessions/\(World.training(1))"]))
        #expect(subjects.allSatisfy { !$0.session.isEmpty && $0.payment.isEmpty && $0.obligation.isEmpty })
        #expect(try await run(post, at: try at("2024-11-03"), sentBefore: told.count) == [], "told once")
        await database.close()
    }

    @Test func theInvitationSaysWhatWhenAndWhere() async throws {
        let database = try await World.populated()
        try await add("invitation", .trainingInvitation, to: database)
        let post = post(database)
        try await tell([try World.training(1, .planned)], database, at: try at("2024-11-01", 20))
        _ = try await run(post, at: try at("2024-11-02"), sentBefore: 0)
        // A person in two teams is told once, about both.
        let one = try #require(post.sender.sent.first { $0.recipient.hasSuffix(World.person(1)) })
        #expect(one.message.subject == "Mời dự lớp bồi dưỡng, 08:00 ngày 20/11/2024")
        #expect(
            one.message.text == """
                Kính mời Nguyễn Thị Số 1 (Tổ công nghệ số cộng đồng xã Cẩm Duệ; Tổ công nghệ số cộng đồng thôn Mỹ Sơn) \
                dự lớp bồi dưỡng: Thanh toán số. Thời gian: 08:00 ngày 20/11/2024. \
                Địa điểm hoặc liên kết: Nhà văn hóa xã Cẩm Duệ
                """)
        await database.close()
    }

    @Test func whoIsInvitedIsToldAgainWhenTheSessionIsMoved() async throws {
        let database = try await World.populated()
        try await add("invitation", .trainingInvitation, to: database)
        let post = post(database)
        try await tell([try World.training(1, .planned)], database, at: try at("2024-11-01", 20))
        post.sender.set(quietHours: QuietHours("07:00-12:00"))
        let morning = try at("2024-11-02")
        #expect(try await run(post, at: morning, sentBefore: 0) == [])
        #expect(try await run(post, at: morning.adding(seconds: 60), sentBefore: 0) == [])
        let first = try #require(try campaigns(database).first)
        try await tell(
            [try World.training(1, .planned) { $0.heldOn = "2024-11-21" }], database, at: try at("2024-11-02", 9))
        #expect(try await run(post, at: try at("2024-11-02", 12), sentBefore: 0) == [])
        let waiting = try database.read { transaction in
            try [1, 2, 4, 5, 6].map {
                try DeliveryStore.get(
                    campaign: first.id, id: Delivery.id(campaign: first.id, person: World.person($0)), transaction)
            }
        }
        #expect(waiting.allSatisfy { $0?.state == .cancelled })
        #expect(waiting.allSatisfy { $0?.detail == "the session was moved, or others are invited" })
        post.sender.set()
        #expect(try await run(post, at: try at("2024-11-03"), sentBefore: 0) == Self.everybody)
        #expect(post.sender.sent.allSatisfy { $0.message.text.contains("08:00 ngày 21/11/2024") })
        await database.close()
    }

    @Test(arguments: 0..<5) func whatMovesASession(_ number: Int) async throws {
        let changes: [(inout Cdt_Activity_V1_TrainingSession) -> Void] = [
            { $0.heldOn = "2024-11-19" }, { $0.startsAt = "13:30" }, { $0.place = "UBND xã" }, { $0.mode = .online },
            { $0.invitation.roles = [.leader, .deputy, .member] },
        ]
        let database = try await World.populated()
        try await add("invitation", .trainingInvitation, to: database)
        let post = post(database)
        try await tell([try World.training(1, .planned)], database, at: try at("2024-11-01", 20))
        #expect(try await run(post, at: try at("2024-11-02"), sentBefore: 0) == Self.everybody)
        try await tell([try World.training(1, .planned, changes[number])], database, at: try at("2024-11-02", 20))
        #expect(try await run(post, at: try at("2024-11-03"), sentBefore: 5) == Self.everybody)
        await database.close()
    }

    @Test func anotherTrainerOrTitleIsNoNews() async throws {
        let database = try await World.populated()
        try await add("invitation", .trainingInvitation, to: database)
        let post = post(database)
        let named: Invitation = .with {
            $0.invitees = [Self.invitee(5, World.hamletTeam), Self.invitee(4, World.hamletTeam)]
        }
        let others: Invitation = .with {
            $0.invitees = [Self.invitee(4, World.hamletTeam), Self.invitee(5, World.hamletTeam)]
        }
        try await tell(
            [try World.training(1, .planned), try World.training(2, .planned, inviting: named)], database,
            at: try at("2024-11-01", 20))
        #expect(try await run(post, at: try at("2024-11-02"), sentBefore: 0).count == 7)
        try await tell(
            [
                try World.training(1, .planned) { $0.trainer = "Sở Khoa học và Công nghệ" },
                try World.training(2, .planned, inviting: others),
            ], database, at: try at("2024-11-02", 20))
        #expect(try await run(post, at: try at("2024-11-03"), sentBefore: 7) == [])
        #expect(
            try database.read { try TrainingCopy.get(World.training(1), $0)?.trainer } == "Sở Khoa học và Công nghệ")
        await database.close()
    }

    @Test func whoWasInvitedIsToldThatTheSessionIsCancelled() async throws {
        let database = try await World.populated()
        try await add("invitation", .trainingInvitation, to: database)
        try await add("cancelled", .trainingCancelled, to: database)
        let post = post(database)
        let hamlets: Invitation = .with { ($0.teamLevels, $0.roles) = ([.hamlet], [.leader]) }
        try await tell([try World.training(1, .planned, inviting: hamlets)], database, at: try at("2024-11-01", 20))
        #expect(try await run(post, at: try at("2024-11-02"), sentBefore: 0) == Self.mails([4]))
        try await tell([try World.training(1, .cancelled, inviting: hamlets)], database, at: try at("2024-11-02", 20))
        #expect(try await run(post, at: try at("2024-11-03"), sentBefore: 1) == Self.mails([4]))
        let last = try #require(post.sender.sent.last)
        #expect(last.message.subject == "Hủy lớp bồi dưỡng, 08:00 ngày 20/11/2024")
        #expect(last.message.text.hasSuffix("đã bị hủy. Lý do: Mưa bão"))
        #expect(try await run(post, at: try at("2024-11-04"), sentBefore: 2) == [])
        await database.close()
    }

    @Test func aSessionThatIsCancelledBeforeAnybodyWasInvitedIsNotTold() async throws {
        let database = try await World.populated()
        try await add("invitation", .trainingInvitation, to: database)
        try await add("cancelled", .trainingCancelled, to: database)
        let post = post(database)
        try await tell(
            [try World.training(1, .planned), try World.training(1, .cancelled)], database, at: try at("2024-11-01", 20)
        )
        #expect(try await run(post, at: try at("2024-11-02"), sentBefore: 0) == [])
        #expect(try campaigns(database).isEmpty)
        await database.close()
    }

    /// What waits for the end of the night is not sent; the next morning tells that nobody is to come.
    @Test(
        arguments: [
            (Cdt_Activity_V1_SessionState.cancelled, "the session was cancelled"),
            (.held, "the session was held, or is gone"),
        ])
    func anInvitationUnderWayIsStopped(_ state: Cdt_Activity_V1_SessionState, _ reason: String) async throws {
        let database = try await World.populated()
        try await add("invitation", .trainingInvitation, to: database)
        try await add("cancelled", .trainingCancelled, to: database)
        let post = post(database)
        try await tell([try World.training(1, .planned)], database, at: try at("2024-11-01", 20))
        post.sender.set(quietHours: QuietHours("07:00-12:00"))
        let morning = try at("2024-11-02")
        #expect(try await run(post, at: morning, sentBefore: 0) == [])
        #expect(try await run(post, at: morning.adding(seconds: 60), sentBefore: 0) == [])
        let campaign = try #require(try campaigns(database).first)
        try await tell([try World.training(1, state)], database, at: try at("2024-11-02", 9))
        #expect(try await run(post, at: try at("2024-11-02", 12), sentBefore: 0) == [])
        let stopped = try database.read { transaction in
            try DeliveryStore.get(
                campaign: campaign.id, id: Delivery.id(campaign: campaign.id, person: World.person(4)), transaction)
        }
        #expect(stopped?.state == .cancelled && stopped?.detail == reason)
        post.sender.set()
        #expect(
            try await run(post, at: try at("2024-11-03"), sentBefore: 0) == (state == .cancelled ? Self.everybody : []))
        await database.close()
    }

    @Test func aSessionThatWasHeldOrWhoseDayIsOverIsNotTold() async throws {
        let database = try await World.populated()
        try await add("invitation", .trainingInvitation, to: database)
        try await add("cancelled", .trainingCancelled, to: database)
        let post = post(database)
        try await tell(
            [
                try World.training(1, .planned), try World.training(1, .held),
                try World.training(2, .planned) { $0.heldOn = "2024-11-01" },
                try World.training(3, .planned, inviting: nil),
                // Its own morning is not too late.
                try World.training(4, .planned, inviting: .with { $0.roles = [.leader] }) { $0.heldOn = "2024-11-02" },
            ], database, at: try at("2024-11-01", 20))
        #expect(try database.read { try TrainingCopy.get(World.training(1), $0) } == nil)
        #expect(try await run(post, at: try at("2024-11-02"), sentBefore: 0) == Self.mails([1, 4]))
        // What is cancelled when it should have been held long ago is told to nobody.
        try await tell(
            [try World.training(4, .cancelled) { $0.heldOn = "2024-11-02" }], database, at: try at("2024-11-02", 20))
        #expect(try await run(post, at: try at("2024-11-03"), sentBefore: 2) == [])
        await database.close()
    }

    @Test func aRuleTellsItsOwnPeopleAndOnlyThoseInvited() async throws {
        let database = try await World.populated()
        for (id, unit) in [("elsewhere", World.otherProvince), ("hamlet", World.hamlet), ("country", World.nation)] {
            try await add(id, .trainingInvitation, to: database, unit: unit)
        }
        let post = post(database)
        // One for the whole province, the other for a commune that the hamlet is not in.
        try await tell([try World.training(1, .planned)], database, at: try at("2024-11-01", 20))
        _ = try await run(post, at: try at("2024-11-02"), sentBefore: 0)
        try await tell(
            [try World.training(2, .planned) { $0.unit = "units/\(World.secondCommune)" }], database,
            at: try at("2024-11-02", 20))
        let told = try await run(post, at: try at("2024-11-03"), sentBefore: 7)
        #expect(told == Self.mails([1, 6]))
        func people(_ rule: String) -> [String] {
            let made = ((try? campaigns(database)) ?? []).filter { $0.content.rule == rule }.map {
                "campaigns/\($0.id)"
            }
            return post.sender.sent.prefix(7).filter { made.contains($0.campaign) }.map(\.recipient).sorted()
        }
        #expect(people("hamlet") == [4, 5].map { "people/\(World.person($0))" })
        #expect(people("country") == [1, 2, 4, 5, 6].map { "people/\(World.person($0))" })
        let made = try campaigns(database).map { "\($0.content.rule) \($0.content.audience.unit)" }
        #expect(
            made.sorted() == [
                "country \(World.province)", "country \(World.secondCommune)", "hamlet \(World.hamlet)",
            ])
        await database.close()
    }

    @Test func eachSessionHasItsOwnMessage() async throws {
        let database = try await World.populated()
        try await add("invitation", .trainingInvitation, to: database)
        let post = post(database)
        let leaders: Invitation = .with { ($0.teamLevels, $0.roles) = ([.hamlet], [.leader]) }
        try await tell(
            [try World.training(1, .planned, inviting: leaders), try World.training(2, .planned, inviting: leaders)],
            database, at: try at("2024-11-01", 20))
        let engines = (0..<3).map { _ in RuleEngine(database: database, clock: clock.clock, logger: logger) }
        clock.now = try at("2024-11-02")
        await withTaskGroup(of: Void.self) { group in
            for engine in engines { group.addTask { _ = try? await engine.pass() } }
        }
        #expect(try campaigns(database).count == 2, "of several replicas one makes them")
        #expect(try await run(post, at: try at("2024-11-02"), sentBefore: 0) == Self.mails([4, 4]))
        await database.close()
    }

    /// As when Activity reporting was restored, or a grant of this service has changed.
    @Test func sessionsOfAFeedThatIsReadAnewAreNotToldAgain() async throws {
        let database = try await World.populated()
        try await add("invitation", .trainingInvitation, to: database)
        try await add("cancelled", .trainingCancelled, to: database)
        let post = post(database)
        let planned = [
            try World.training(1, .planned), try World.training(1, .planned) { $0.startsAt = "09:00" },
            try World.training(2, .planned),
        ]
        try await tell(planned, database, at: try at("2024-11-01", 20))
        #expect(try await run(post, at: try at("2024-11-02"), sentBefore: 0).count == 10)
        let cancelled = [try World.training(2, .cancelled)]
        try await tell(cancelled, database, at: try at("2024-11-02", 20))
        #expect(try await run(post, at: try at("2024-11-03"), sentBefore: 10) == Self.everybody)
        try await tell(planned + cancelled, database, at: try at("2024-11-03", 20))
        #expect(try await run(post, at: try at("2024-11-04"), sentBefore: 15) == [])
        #expect(try database.read { try TrainingCopy.get(World.training(2), $0)?.isTold } == true)
        // One that has left our sight is not known any more.
        try await tell([planned[0].asTombstone], database, at: try at("2024-11-04", 20))
        #expect(try database.read { try TrainingCopy.get(World.training(1), $0) } == nil)
        await database.close()
    }

    @Test func aSessionRecordedLongBeforeItIsHeardIsNotTold() async throws {
        let database = try await World.populated()
        try await add("invitation", .trainingInvitation, to: database)
        let post = post(database)
        let heard = try at("2024-11-01", 20)
        let leaders: Invitation = .with { ($0.teamLevels, $0.roles) = ([.hamlet], [.leader]) }
        try await tell(
            [
                try World.training(1, .planned, recordedAt: heard.adding(seconds: -8 * 86_400)),
                try World.training(2, .planned, inviting: leaders, recordedAt: heard.adding(seconds: -86_400)),
            ], database, at: heard)
        #expect(try await run(post, at: try at("2024-11-02"), sentBefore: 0) == Self.mails([4]))
        await database.close()
    }

    @Test func erasureReachesWhomASessionInvites() async throws {
        let database = try await World.populated()
        let named: Invitation = .with {
            $0.invitees = [Self.invitee(4, World.hamletTeam), Self.invitee(5, World.hamletTeam)]
        }
        try await tell(
            [
                try World.training(1, .planned, inviting: named),
                try World.contact(4, name: "A", email: "").asTombstone,
            ], database, at: World.now)
        let known = try database.read { try TrainingCopy.invitees(of: World.training(1), $0) }
        #expect(known.map(\.person) == [World.person(5)])
        await database.close()
    }
}
