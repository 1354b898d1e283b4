import Logging
import ServiceKit
import Storage
import Synchronization

/// One look at one campaign, by the state it is in.
extension Dispatcher {
    func begin(_ campaign: Campaign, _ pass: inout Pass) async throws {
        let now = clock.now
        guard CampaignRules.begin(campaign, now: now) != nil else {
            pass.lookAgain(at: campaign.sendAt)
            return
        }
        try await database.write { transaction in
            guard let current = try CampaignStore.get(campaign.id, transaction),
                let begun = CampaignRules.begin(current, now: now)
            else { return }
            try CampaignStore.update(begun, active: true, transaction)
        }
        pass.lookAgain(at: now)
    }

    func expand(_ campaign: Campaign, _ pass: inout Pass) async throws {
        let sendingDay = campaign.sendingDay ?? clock.today
        var teams = state.withLock { $0.teams[campaign.id] }
        if teams == nil {
            let read = try await expansion.teams(of: campaign, sendingDay: sendingDay)
            state.withLock { $0.teams[campaign.id] = read }
            teams = read
        }
        let now = clock.now
        let stepped = try await expansion.step(campaign, sendingDay: sendingDay, teams: teams ?? [], now: now)
        if stepped?.state != .expanding {
            forget(campaign)
            logger.info(
                "audience written down",
                metadata: ["campaign": "campaigns/\(campaign.id)", "teams": "\(teams?.count ?? 0)"])
        }
        pass.lookAgain(at: now)
    }

    /// Looks again after a second, and then less and less often: the feeds may be away for hours.
    func waitForFacts(_ campaign: Campaign) -> Instant {
        let waits = state.withLock { state in
            defer { state.waits[campaign.id, default: 0] += 1 }
            return state.waits[campaign.id] ?? 0
        }
        return clock.now.adding(min(.seconds(1 << min(waits, 10)), options.longestWait))
    }

    func sweep(_ campaign: Campaign, _ pass: inout Pass) async throws {
        let now = clock.now
        let limit = options.cancelsPerStep
        let leases = options.leasesPerStep
        let random = Double.random(in: 0..<1)
        forget(campaign)
        let next: Instant? = try await database.write { [claims] transaction in
            // Messages under way are awaited: what came of them is stored like any other's.
            try claims.expire(campaign: campaign.id, limit: leases, now: now, random: random, transaction)
            let cancelled = try DeliveryStore.cancelWaiting(
                campaign: campaign.id, reason: "the campaign was cancelled", now: now, limit: limit, transaction)
            if cancelled == limit { return now }
            if let end = try DeliveryStore.nextLeaseEnd(campaign: campaign.id, transaction) { return end }
            try CampaignStore.update(campaign, active: false, transaction)
            try Releases.forget(campaign: campaign.id, transaction)
            return nil
        }
        pass.lookAgain(at: next)
    }

    /// A paused campaign begins nothing; messages of killed senders are looked after.
    func rest(_ campaign: Campaign, _ pass: inout Pass) async throws {
        let now = clock.now
        forget(campaign)
        let due = try await database.readPooled { try DeliveryStore.nextLeaseEnd(campaign: campaign.id, $0) }
        guard let due, due <= now else { return pass.lookAgain(at: due) }
        let leases = options.leasesPerStep
        let random = Double.random(in: 0..<1)
        try await database.write { [claims] transaction in
            try claims.expire(campaign: campaign.id, limit: leases, now: now, random: random, transaction)
        }
        pass.lookAgain(at: now)
    }

    private func forget(_ campaign: Campaign) {
        state.withLock {
            $0.teams[campaign.id] = nil
            $0.waits[campaign.id] = nil
        }
    }

    /// Until when a lane is held; nil: it may send. The night is known here, quotas and what providers said are in the
    /// database, where all senders see them.
    private func hold(of sender: any MessageSender, now: Instant) async throws -> Instant? {
        let lane = sender.lane
        if let quietHours = sender.quietHours {
            let known = state.withLock { $0.quiet[lane] }
            // Those who begin again in the morning do so within some minutes, each lane at a moment of its own.
            if let known, known > now { return known }
            if let end = quietHours.end(at: now, random: .random(in: 0..<1)) {
                state.withLock { $0.quiet[lane] = end }
                try await database.write { try LaneStore.hold(.init(lane: lane, until: end, reason: .quietHours), $0) }
                return end
            }
        }
        return try await database.readPooled { try LaneStore.hold(of: lane, at: now, $0)?.until }
    }

    /// One step of what acknowledgements let go.
    func release(_ campaign: Campaign, _ pass: inout Pass) async throws {
        guard campaign.content.audience.relay != nil,
            try await database.readPooled({ try Releases.isPending(campaign: campaign.id, $0) })
        else { return }
        try await database.write { try Releases.advance(campaign, $0) }
        pass.lookAgain(at: clock.now)
    }

    func claim(_ campaign: Campaign, _ pass: inout Pass) async throws {
        var isDone = true
        for sender in channels.on where campaign.content.channels.contains(sender.kind) {
            let lane = sender.lane
            let now = clock.now
            let due = try await database.readPooled { transaction in
                try DeliveryStore.nextDue(campaign: campaign.id, lane: lane, transaction)
            }
            guard let due else { continue }
            isDone = false
            guard due <= now else {
                pass.lookAgain(at: due)
                continue
            }
            if let until = try await hold(of: sender, now: now) {
                // A lease that ended is looked after in the night, too.
                try await expire(campaign, now: now)
                pass.lookAgain(at: until)
                continue
            }
            let granted = state.withLock { $0.paces.take(lane, now: now) }
            guard granted > 0 else {
                pass.lookAgain(at: state.withLock { $0.paces.next(lane, now: now) })
                continue
            }
            let turn = Claims.Turn(
                lane: lane, limit: granted, leaseUntil: now.adding(sender.timeout + options.leaseMargin), now: now,
                random: (0..<granted).map { _ in Double.random(in: 0..<1) })
            let result = try await database.write { [claims] transaction in
                try claims.take(campaign: campaign.id, turn, transaction)
            }
            let begun = result.claimed.count + result.doubtful.count
            state.withLock { $0.paces.begin(begun, giveBack: granted - begun, lane) }
            pass.claimed += result.claimed
            pass.doubtful += result.doubtful
            pass.lookAgain(at: result.heldUntil ?? now)
        }
        if isDone { try await complete(campaign) }
    }

    private func expire(_ campaign: Campaign, now: Instant) async throws {
        let leases = options.leasesPerStep
        let random = Double.random(in: 0..<1)
        let due = try await database.readPooled { try DeliveryStore.nextLeaseEnd(campaign: campaign.id, $0) }
        guard let due, due <= now else { return }
        try await database.write { [claims] transaction in
            try claims.expire(campaign: campaign.id, limit: leases, now: now, random: random, transaction)
        }
    }

    private func complete(_ campaign: Campaign) async throws {
        let now = clock.now
        let isCompleted = try await database.write { transaction in
            guard var current = try CampaignStore.get(campaign.id, transaction), current.state == .sending,
                // Messages of a channel that is off now wait until it is on again.
                try !DeliveryStore.isMoving(campaign: campaign.id, transaction)
            else { return false }
            current.state = .completed
            try CampaignStore.update(current.changed(now), active: false, transaction)
            try Releases.forget(campaign: current.id, transaction)
            return true
        }
        if isCompleted { logger.info("campaign completed", metadata: ["campaign": "campaigns/\(campaign.id)"]) }
    }
}
