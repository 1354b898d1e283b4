import RPC
import SwiftProtobuf

/// A call of a service with the right that it needs: a line of an access matrix. `Service` is what calls it, `Home`
/// what there is to call it about.
package struct AccessRow<Service: Sendable, Home: Sendable, Verb: Sendable>: Sendable {
    /// home: who has the verb where the subject is; nation: nobody below it; anywhere: who has the verb for any unit,
    /// lists then leaving out what is of others.
    package enum Reach: Sendable { case home, nation, anywhere }
    package typealias Remote<Request, Response> = @Sendable (Request, CallOptions) async throws -> Response

    package let method: MethodDescriptor
    package let verb: Verb
    package let reach: Reach
    private let call: @Sendable (Service, Home, CallOptions) async throws -> Void

    package init(
        _ method: MethodDescriptor, _ verb: Verb, at reach: Reach = .home,
        calling call: @escaping @Sendable (Service, Home, CallOptions) async throws -> Void
    ) {
        (self.method, self.verb, self.reach, self.call) = (method, verb, reach, call)
    }

    package init<Request: Message, Response>(
        _ method: MethodDescriptor, _ verb: Verb, at reach: Reach = .home,
        _ remote: @escaping @Sendable (Service) -> Remote<Request, Response>,
        _ about: @escaping @Sendable (inout Request, Home) -> Void = { _, _ in }
    ) {
        self.init(method, verb, at: reach) { service, home, options in
            _ = try await remote(service)(.with { about(&$0, home) }, options)
        }
    }

    /// A stream, which is read to its end.
    package init<Request: Message, Response>(
        _ method: MethodDescriptor, _ verb: Verb, at reach: Reach = .home,
        stream remote: @escaping @Sendable (Service) -> Remote<Request, ServerStreamingCall<Response>>,
        _ about: @escaping @Sendable (inout Request, Home) -> Void = { _, _ in }
    ) {
        self.init(method, verb, at: reach) { service, home, options in
            for try await _ in try await remote(service)(.with { about(&$0, home) }, options).responses {}
        }
    }

    /// What became of a call.
    package struct Outcome: Sendable {
        /// Whether it was let in, whatever became of it then.
        package let isLetIn: Bool
        /// What it ended with; nil: it succeeded.
        package let error: RPCError?
    }

    package func outcome(_ service: Service, _ home: Home, _ options: CallOptions) async -> Outcome {
        do {
            try await call(service, home, options)
            return Outcome(isLetIn: true, error: nil)
        } catch let error as RPCError {
            let refused = [.permissionDenied, .unauthenticated, .internal, .unknown].contains(error.code)
            return Outcome(isLetIn: !refused, error: error)
        } catch {
            return Outcome(isLetIn: false, error: RPCError(code: .unknown, message: "\(error)"))
        }
    }
}
