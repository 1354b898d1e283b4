import RPC
import Shared

/// Where a consumer gets its responses from.
package protocol FeedSource: Sendable {
    /// Follows a topic and hands on each response, one after the other, until the stream ends.
    func follow(
        _ request: Cdt_Feed_V1_FollowRequest, deliver: (Cdt_Feed_V1_FollowResponse) async throws -> Void
    ) async throws
}

/// Another service's feed, by RPC.
package struct RemoteFeed: FeedSource {
    private let client: Cdt_Feed_V1_FeedService.Client
    private let metadata: @Sendable () async throws -> Metadata

    /// `metadata` is asked for each stream: the consumer's own credentials.
    package init(
        _ client: Cdt_Feed_V1_FeedService.Client,
        metadata: @escaping @Sendable () async throws -> Metadata = { [:] }
    ) {
        self.client = client
        self.metadata = metadata
    }

    package func follow(
        _ request: Cdt_Feed_V1_FollowRequest, deliver: (Cdt_Feed_V1_FollowResponse) async throws -> Void
    ) async throws {
        // The consumer has its own backoff, so the client neither retries nor waits.
        let options = CallOptions(metadata: try await metadata(), retries: false)
        let call = try await client.follow(request, options: options)
        do {
            for try await response in call.responses { try await deliver(response) }
        } catch {
            call.cancel()
            throw error
        }
    }
}
