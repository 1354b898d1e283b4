import ServiceKit

/// The rules of a message's life, as a function over values. Whoever stores a message asks here what comes next.
struct DeliveryMachine: Sendable {
    enum Event: Sendable, Hashable {
        /// A sender takes it; it has the lease until then.
        case claim(leaseUntil: Instant)
        /// A try ended.
        case outcome(SendOutcome)
        /// The lease ran out with a try begun: the sender was killed, or hangs.
        case leaseExpired
        /// It is no longer needed, or the campaign was cancelled.
        case cancel(reason: String)
        /// It can never be sent as it is, found out before any try.
        case refuse(FailureClass, detail: String)
        /// A person decided.
        case decide(Decision)
        /// The provider reports that it arrived, or that it was opened.
        case receipt(Receipt)
    }

    enum Receipt: Sendable, Hashable {
        case delivered, read
        /// It did not arrive, for a reason that will not pass.
        case failed(FailureClass, detail: String)
    }

    /// Raw values are those of the contract's `DeliveryDecision`.
    enum Decision: Int, Sendable, Hashable {
        case resend = 1
        case confirmSent = 2
        case discard = 3
    }

    /// What is stored for a transition.
    struct Transition: Sendable, Hashable {
        var state: DeliveryState
        var failure: FailureClass = .none
        var detail = ""
        /// When a sender, or for CLAIMED whoever looks after expired leases, must look at it again; nil: never.
        var nextAt: Instant?
    }

    var retries = RetryPolicy()

    /// The next state, or nil when the event does not apply to this one and changes nothing.
    ///
    /// `recognised`: the receiving side knows a message it already has; `attempts` counts the tries begun, the one that
    /// ended included; `firstAttemptAt` is when the first began.
    func next(
        from state: DeliveryState, _ event: Event, recognised: Bool, attempts: Int, firstAttemptAt: Instant?,
        now: Instant, random: Double
    ) -> Transition? {
        switch event {
        case .claim(let until):
            return state.waits ? Transition(state: .claimed, nextAt: until) : nil

        case .outcome(let outcome):
            // A slow sender may report after its lease was declared expired: then knowledge resolves the doubt, and a
            // message that waits to be sent again is not.
            guard state == .claimed || state == .ambiguous || state == .retry && outcome.kind == .accepted else {
                return nil
            }
            switch outcome.kind {
            case .accepted:
                return Transition(state: .sent)
            case .permanent:
                return Transition(state: .failed, failure: outcome.failure, detail: outcome.detail)
            case .ambiguous:
                return unknown(outcome.failure, outcome.detail, recognised, attempts, firstAttemptAt, now, random)
            case .transient:
                // "DEFERRED (quota, night)": no try of this message, whoever noticed it.
                if let until = outcome.heldUntil {
                    return Transition(
                        state: .deferred, failure: outcome.failure, detail: outcome.detail, nextAt: max(until, now))
                }
                return again(
                    outcome.failure, outcome.detail, attempts, firstAttemptAt, now, random, after: outcome.retryAfter)
            }

        case .leaseExpired:
            guard state == .claimed else { return nil }
            return unknown(
                .interrupted, "the sender stopped during the try", recognised, attempts, firstAttemptAt, now, random)

        case .cancel(let reason):
            return state.waits ? Transition(state: .cancelled, detail: reason) : nil

        case .refuse(let failure, let detail):
            return state.waits ? Transition(state: .failed, failure: failure, detail: detail) : nil

        case .decide(let decision):
            guard state.isStuck else { return nil }
            switch decision {
            case .resend: return Transition(state: .queued, detail: "sent again by decision", nextAt: now)
            case .confirmSent: return Transition(state: .sent, detail: "confirmed by decision")
            case .discard: return Transition(state: .cancelled, detail: "discarded by decision")
            }

        case .receipt(let receipt):
            return reported(receipt, state)
        }
    }

    /// A provider's word about a message that was handed over, or of which nobody knew whether it was: it resolves the
    /// doubt. What has arrived stays arrived, and what was read was delivered, in whatever order the words come in.
    private func reported(_ receipt: Receipt, _ state: DeliveryState) -> Transition? {
        let isOut = [.claimed, .sent, .ambiguous, .retry].contains(state)
        switch receipt {
        case .read: return isOut || state == .delivered ? Transition(state: .read) : nil
        case .delivered: return isOut ? Transition(state: .delivered) : nil
        case .failed(let failure, let detail):
            // While the answer of the try is still on its way, too: providers do not wait for us to read it.
            return [.claimed, .sent, .ambiguous].contains(state)
                ? Transition(state: .failed, failure: failure, detail: detail) : nil
        }
    }

    /// "AMBIGUOUS (unknown whether sent: reconciled, never blindly resent)" — but where the receiver recognises a
    /// message it has, sending it again is the reconciliation.
    private func unknown(
        _ failure: FailureClass, _ detail: String, _ recognised: Bool, _ attempts: Int, _ first: Instant?,
        _ now: Instant, _ random: Double
    ) -> Transition {
        if recognised { return again(failure, detail, attempts, first, now, random) }
        return Transition(state: .ambiguous, failure: failure, detail: detail)
    }

    private func again(
        _ failure: FailureClass, _ detail: String, _ attempts: Int, _ first: Instant?, _ now: Instant, _ random: Double,
        after asked: Duration? = nil
    ) -> Transition {
        guard
            let at = retries.nextTry(
                afterAttempt: attempts, firstAttemptAt: first ?? now, now: now, random: random, asked: asked)
        else { return Transition(state: .dead, failure: failure, detail: detail) }
        return Transition(state: .retry, failure: failure, detail: detail, nextAt: at)
    }
}
