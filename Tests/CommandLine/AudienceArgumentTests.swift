import ArgumentParser
import Foundation
import Shared
import SwiftProtobuf
import Testing

@testable import CommandLine

/// Who is told, as people write it on the command line.
@Suite struct AudienceArgumentTests {
    private func audience(_ arguments: String...) throws -> Cdt_Notification_V1_Audience {
        let command = try #require(try Cdt.parseAsRoot(["notify", "send", "42"] + arguments) as? NotifySendCommand)
        return try command.who.audience(in: "units/u")
    }

    @Test func withoutOptionsEverybodyOfTheUnitIsTold() throws {
        #expect(try audience() == .with { $0.unit = "units/u" })
    }

    @Test(
        arguments: [("approved", .approved), ("paid", .paid), ("RETURNED", .returned)]
            as [(String, Cdt_Notification_V1_PaymentCondition)])
    func aPaymentIsChosenByHowItStands(word: String, condition: Cdt_Notification_V1_PaymentCondition) throws {
        let audience = try audience("--payment", word, "--role", "deputy", "--level", "hamlet")
        #expect(audience.payment == .with { $0.condition = condition })
        #expect(audience.roles == [.deputy] && audience.teamLevels == [.hamlet])
        #expect(!audience.hasReport && !audience.hasRelay)
    }

    /// Both days count, from midnight to midnight in Vietnam; the contract leaves the end out.
    @Test func aPaymentIsChosenByTheDaysOnWhichItCameToStandSo() throws {
        let one = try audience("--payment", "paid", "--payment-since", "2024-11-01", "--payment-until", "2024-12-31")
        #expect(one.payment.changedSince.date == (try Date("2024-10-31T17:00:00Z", strategy: .iso8601)))
        #expect(one.payment.changedUntil.date == (try Date("2024-12-31T17:00:00Z", strategy: .iso8601)))
        let open = try audience("--payment", "paid", "--payment-since", "2024-02-29").payment
        #expect(open.hasChangedSince && !open.hasChangedUntil)
    }

    @Test(
        arguments: [
            ["--payment", "unspecified"], ["--payment", "reserved"], ["--payment-since", "2024-11-01"],
            ["--payment-until", "2024-11-01"], ["--payment", "paid", "--payment-since", "2024-02-30"],
            ["--payment", "paid", "--payment-until", "1/11/2024"],
            ["--payment", "paid", "--payment-since", "2024-11-01T00:00:00Z"],
            ["--payment", "paid", "--payment-since", ""],
        ])
    func whatIsNoConditionAndNoDayIsRefused(arguments: [String]) throws {
        #expect(throws: (any Error).self) { try Cdt.parseAsRoot(["notify", "send", "42"] + arguments) }
    }

    @Test func aSessionChoosesThoseWhomItInvites() throws {
        let planned = try audience("--session", "trainingSessions/s").training
        #expect(planned == .with { ($0.session, $0.condition) = ("trainingSessions/s", .planned) })
        let cancelled = try audience("--session", "trainingSessions/s", "--session-cancelled")
        #expect(cancelled.training.condition == .cancelled)
        #expect(!cancelled.hasPayment && !cancelled.hasReport && !cancelled.hasRelay)
    }

    @Test(
        arguments: [
            ["--session-cancelled"], ["--session", "trainingSessions/s", "--role", "leader"],
            ["--session", "trainingSessions/s", "--level", "hamlet"],
            ["--session", "trainingSessions/s", "--payment", "paid"],
            ["--session", "trainingSessions/s", "--relay", "leaders", "--relay", "members"],
        ])
    func aSessionIsNotMixedWithOtherChoices(arguments: [String]) throws {
        #expect(throws: (any Error).self) { try Cdt.parseAsRoot(["notify", "send", "42"] + arguments) }
    }

    /// An article is published to an audience that is named in the same way.
    @Test func anArticleIsPublishedToTheSame() throws {
        let command = try Cdt.parseAsRoot(["notify", "publish", "articles/a", "42", "--payment", "returned"])
        let publish = try #require(command as? NotifyPublishCommand)
        #expect(try publish.who.audience(in: "units/u").payment.condition == .returned)
    }
}
