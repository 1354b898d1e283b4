import ServiceKit
import Testing

@testable import Notification

@Suite struct DeliveryMachineTests {
    private let now = World.now
    private let machine = DeliveryMachine()

    private func next(
        _ state: DeliveryState, _ event: DeliveryMachine.Event, recognised: Bool = false, attempts: Int = 1
    ) -> DeliveryState? {
        machine.next(
            from: state, event, recognised: recognised, attempts: attempts, firstAttemptAt: now, now: now, random: 0
        )?.state
    }

    private func outcome(_ kind: SendOutcome.Kind) -> DeliveryMachine.Event {
        .outcome(SendOutcome(kind: kind, failure: .temporary))
    }

    /// Every state and event: what comes next, "-" for nothing.
    @Test func theWholeTable() {
        let events: [DeliveryMachine.Event] = [
            .claim(leaseUntil: now), outcome(.accepted), outcome(.transient), outcome(.permanent), outcome(.ambiguous),
            .leaseExpired, .cancel(reason: ""), .refuse(.template, detail: ""),
            .decide(.resend), .decide(.confirmSent), .decide(.discard),
            .outcome(.held(until: now, .quota, "")), .receipt(.delivered), .receipt(.read),
            .receipt(.failed(.recipientRefused, detail: "")),
        ]
        let waits = "claimed - - - - - cancelled failed - - - - - - -"
        let stuck = "- - - - - - - - queued sent cancelled - - - -"
        let table: [(DeliveryState, String)] = [
            (.queued, waits), (.scheduled, waits), (.deferred, waits), (.fallback, waits),
            (.retry, "claimed sent - - - - cancelled failed - - - - delivered read -"),
            (.claimed, "- sent retry failed ambiguous ambiguous - - - - - deferred delivered read failed"),
            (.sent, "- - - - - - - - - - - - delivered read failed"),
            (.delivered, "- - - - - - - - - - - - - read -"), (.read, "- - - - - - - - - - - - - - -"),
            (.cancelled, "- - - - - - - - - - - - - - -"),
            (
                .ambiguous,
                "- sent retry failed ambiguous - - - queued sent cancelled deferred delivered read failed"
            ), (.failed, stuck), (.dead, stuck),
        ]
        #expect(table.count == DeliveryState.allCases.count)
        for (state, row) in table {
            let found = events.map { next(state, $0).map { "\($0)" } ?? "-" }.joined(separator: " ")
            #expect(found == row, "\(state)")
        }
    }

    @Test func whatTheReceiverRecognisesIsSentAgainWhenInDoubt() {
        #expect(next(.claimed, .leaseExpired, recognised: true) == .retry)
        #expect(next(.claimed, outcome(.ambiguous), recognised: true) == .retry)
        #expect(next(.claimed, .leaseExpired) == .ambiguous)
    }

    @Test func aMessageThatFailsForFiveDaysIsDead() {
        var (at, tries) = (now, 0)
        var waits: [Int64] = []
        while let next = machine.retries.nextTry(afterAttempt: tries + 1, firstAttemptAt: now, now: at, random: 1) {
            waits.append(next.seconds - at.seconds)
            at = next
            tries += 1
        }
        #expect(waits.prefix(6) == [30, 60, 120, 240, 480, 960])
        let longest: Int64 = 4 * 3_600
        #expect(waits.max() == longest)
        #expect((4 * 86_400...5 * 86_400).contains(at.seconds - now.seconds))
        #expect(
            machine.next(
                from: .claimed, outcome(.transient), recognised: false, attempts: tries, firstAttemptAt: now,
                now: now.adding(seconds: 5 * 86_400), random: 0)?.state == .dead)
    }

    @Test func jitterSpreadsAndAskedWaitsAreKept() {
        let policy = RetryPolicy()
        let low = policy.nextTry(afterAttempt: 3, firstAttemptAt: now, now: now, random: 0)
        let high = policy.nextTry(afterAttempt: 3, firstAttemptAt: now, now: now, random: 1)
        #expect(low == now.adding(seconds: 60))
        #expect(high == now.adding(seconds: 120))
        let asked = policy.nextTry(afterAttempt: 1, firstAttemptAt: now, now: now, random: 0, asked: .seconds(3600))
        #expect(asked == now.adding(seconds: 3600))
    }

    @Test func theRateHoldsOverTime() {
        var limiter = RateLimiter(rate: 10, burst: 5)
        var (at, sent) = (now, 0)
        for _ in 0..<1_000 {
            sent += limiter.take(upTo: 100, now: at)
            at = at.adding(.milliseconds(10))
        }
        // Ten seconds at 10 per second, and the burst at the start.
        #expect((100...105).contains(sent))
    }

    @Test func aFailingProviderIsLeftAloneLongerAndLonger() {
        var limiter = RateLimiter(rate: 100)
        var at = now
        var waits: [Int64] = []
        for _ in 0..<11 {
            limiter.pause(now: at)
            limiter.pause(now: at)
            let until = limiter.nextToken(now: at)
            waits.append(until.seconds - at.seconds)
            #expect(limiter.take(upTo: 1, now: at) == 0)
            at = until
        }
        #expect(waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, 256, 256])
        limiter.succeeded()
        #expect(limiter.take(upTo: 1, now: at) == 1)
    }
}
