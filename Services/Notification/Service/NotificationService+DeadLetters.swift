import RPC
import ServiceKit
import Shared
import Storage
import SwiftProtobuf

extension NotificationService {
    /// Messages decided about in one call.
    private static let decisionsPerCall = 500

    func listDeadLetters(_ request: Cdt_Notification_V1_ListDeadLettersRequest, context: ServerContext) async throws
        -> Cdt_Notification_V1_ListDeadLettersResponse
    {
        let known = request.campaign.isEmpty ? nil : try campaign(request.campaign, field: "campaign")
        if let known {
            try admit(.read, at: known.content.audience.unit, context)
        } else {
            try admitInNation(.read, context)
        }
        let only = known?.id
        let states = request.states.compactMap { DeliveryState(rawValue: $0.rawValue) }.filter(\.isStuck)
        guard states.count == request.states.count else { throw ServiceError.onlyStuckStates("states") }
        let now = clock.now
        let page = try await page(
            of: request, Method.listDeadLetters, size: 100, maximum: 1_000,
            read: { [channels] after, limit, transaction -> [Shown] in
                let holds = try LaneStore.holds(at: now, transaction)
                var campaigns: [String: Campaign] = [:]
                return try DeliveryStore.stuck(
                    campaign: only, states: states, after: after, limit: limit, transaction
                ).compactMap { delivery in
                    let known = try campaigns[delivery.campaign] ?? CampaignStore.get(delivery.campaign, transaction)
                    guard let campaign = known else { return nil }
                    campaigns[delivery.campaign] = campaign
                    return try Self.shown(delivery, of: campaign, channels, holds, transaction)
                }
            }, position: { [$0.delivery.campaign, $0.delivery.id] })
        return .with { ($0.deliveries, $0.nextPageToken) = (page.rows.map(\.message), page.next) }
    }

    func resolveDeadLetters(_ request: Cdt_Notification_V1_ResolveDeadLettersRequest, context: ServerContext)
        async throws -> Cdt_Notification_V1_ResolveDeadLettersResponse
    {
        let known = try campaign(request.campaign, field: "campaign")
        try admit(.decide, at: known.content.audience.unit, context)
        guard let decision = DeliveryMachine.Decision(rawValue: request.decision.rawValue) else {
            throw ServiceError.invalid(ViolationList(violations: [.unknownValue("decision")]), reason: "UNKNOWN_VALUE")
        }
        guard let state = DeliveryState(rawValue: request.state.rawValue), state.isStuck else {
            throw ServiceError.onlyStuckStates("state")
        }
        let failure: FailureClass? =
            request.failureClass == .unspecified ? nil : FailureClass(rawValue: request.failureClass.rawValue)
        if request.failureClass != .unspecified, failure == nil {
            throw ServiceError.invalid(
                ViolationList(violations: [.unknownValue("failure_class")]), reason: "UNKNOWN_VALUE")
        }
        let (name, now, limit) = (request.campaign, clock.now, Self.decisionsPerCall)
        return try await once(request.requestID, of: request, context, now: now) { [channels] transaction in
            guard let campaign = try CampaignStore.get(known.id, transaction) else {
                return .failure(.noCampaign(name))
            }
            if decision == .resend, campaign.state == .cancelled { return .failure(.campaignCancelled(name)) }
            let decisions = Decisions(channels: channels, now: now)
            var response = Cdt_Notification_V1_ResolveDeadLettersResponse()
            var position: [String]?
            // Those that nobody can be reached by stay where they are, and are passed over.
            while response.resolved < limit {
                let step = limit - Int(response.resolved)
                let found = try DeliveryStore.stuck(
                    campaign: campaign.id, states: [state], failure: failure, after: position, limit: step, transaction)
                for delivery in found {
                    switch try decisions.apply(decision, to: delivery, of: campaign, transaction) {
                    case .done: response.resolved += 1
                    case .unreachable: response.unreachable += 1
                    case .notStuck: break
                    }
                }
                position = found.last.map { [$0.campaign, $0.id] }
                response.more = found.count == step
                if !response.more { break }
            }
            if decision == .resend, response.resolved > 0 {
                try Decisions.wake(campaign, now: now, transaction)
            }
            return .success(response)
        }
    }
}

/// A person's decision about messages that cannot go on by themselves.
struct Decisions {
    enum Result {
        case done, notStuck, unreachable
    }

    let channels: Channels
    let now: Instant

    func apply(
        _ decision: DeliveryMachine.Decision, to delivery: Delivery, of campaign: Campaign,
        _ transaction: WriteTransaction
    ) throws -> Result {
        let next = DeliveryMachine().next(
            from: delivery.state, .decide(decision), recognised: false, attempts: delivery.attempts,
            firstAttemptAt: delivery.firstAttemptAt, now: now, random: 0)
        guard let next else { return .notStuck }
        var delivery = delivery
        if decision == .resend {
            // The way to the recipient may be another one by now, and the time for tries begins anew.
            let subjects = try DeliveryStore.subjects(delivery.id, transaction)
            let path = try Claims.path(of: subjects, campaign, now: now, transaction)
            delivery.lane = try AddressBook(routes: channels.routes).lane(
                for: delivery.person, path: path, among: campaign.content.channels, transaction)
            delivery.firstAttemptAt = nil
            guard delivery.lane != nil else { return .unreachable }
        }
        try DeliveryStore.update(delivery, to: next, now: now, transaction)
        return .done
    }

    /// The campaign has something to send again.
    static func wake(_ campaign: Campaign, now: Instant, _ transaction: WriteTransaction) throws {
        if campaign.state == .completed {
            var again = campaign
            again.state = .sending
            try CampaignStore.update(again.changed(now), active: true, transaction)
        }
        transaction.notify(CampaignSignal.work)
    }
}

extension ServiceError {
    static func onlyStuckStates(_ field: String) -> ServiceError {
        .invalid(
            ViolationList(violations: [
                Violation(
                    field: field, reason: "UNKNOWN_VALUE", description: "give AMBIGUOUS, FAILED or DEAD",
                    descriptionVi: "hãy cho AMBIGUOUS, FAILED hoặc DEAD")
            ]), reason: "UNKNOWN_VALUE")
    }
}
