import ChangeFeed
import RPC
import ServiceKit

extension FeedAccess {
    /// Facts for everybody, contact data for who may have them: "contact data travel only on a separate feed topic that
    /// Notification may read". Without a token, they leave only a service that this machine alone can reach.
    static func registry(_ core: RegistryCore, token: ContactsToken?, isLocal: Bool) -> FeedAccess {
        FeedAccess { topic, context in
            guard topic == Recorder.contacts else { return .everything }
            guard token.map({ $0.isShown(in: context) }) ?? isLocal else {
                throw Refusal(.contactsNotAllowed, "topic", ["topic": topic]).error
            }
            // "A read audit is committed before personal data leave": one line for the stream.
            try await PeopleCalls(core: core).auditRead(["feeds/\(topic)"], by: Caller(context))
            return .everything
        }
    }
}
