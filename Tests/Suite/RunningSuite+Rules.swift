import Foundation
import Shared
import SwiftProtobuf
import TestSupport
import Testing

/// What Notification's rules make of what it hears, day by day.
extension RunningSuite {
    /// Waits until Notification knows what the others know now.
    ///
    /// - Parameter sources: As `Freshness` names them; by default all that it follows.
    func untilHeard(
        of sources: Set<String> = ["registry", "activity-reporting", "funding-policy"],
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        let now = Date.now
        try await eventually("Notification hears of it", sourceLocation: sourceLocation) {
            let channels = try await expectSuccess("notify", "channels", "-o", "json")
            let answer = try Cdt_Notification_V1_ListChannelsResponse(jsonString: channels.output)
            let heard = answer.freshness.filter { $0.hasAsOf && $0.asOf.date >= now }
            return sources.isSubset(of: heard.map(\.source))
        }
    }

    /// Adds a rule of a kind for the province, by the template of that name. It names a unit, which Notification has from
    /// the Registry's feed.
    func addRule(_ id: String, kind: String, sourceLocation: SourceLocation = #_sourceLocation) async throws {
        try await untilHeard(of: ["registry"], sourceLocation: sourceLocation)
        try await expectSuccess(
            "notify", "rule-add", id, "42", "--kind", kind, "--at", "00:00", "--template", "templates/\(kind)",
            sourceLocation: sourceLocation)
    }

    /// Lets Notification come back so many days later, and its rules look at what has happened.
    func pass(to days: Double, sourceLocation: SourceLocation = #_sourceLocation) async throws {
        func looks() async throws -> [Date] {
            let rules = try await expectSuccess("notify", "rules", "-o", "json")
            return try Cdt_Notification_V1_ListRulesResponse(jsonString: rules.output).rules.map(\.lastRunTime.date)
        }
        let before = try #require(try await looks().max(), sourceLocation: sourceLocation)
        #expect(await process(.notification)?.terminate() == 0, sourceLocation: sourceLocation)
        let day = Date.now.addingTimeInterval(days * 86_400).formatted(.iso8601.year().month().day())
        try await restart(.notification, "--today", day)
        try await eventually("the rules look", sourceLocation: sourceLocation) {
            try await looks().allSatisfy { $0 > before }
        }
    }
}
