/// Around every handler: sees the call start, may change the context, refuse it, and sees how it ended.
public protocol ServerInterceptor: Sendable {
    /// Calls `next` once, or throws. What it throws is the outcome of the call.
    ///
    /// `next` is called in the task of the call or a child of it (`async let`, a task group), which are on the
    /// connection's loop, not in a `Task` of its own: there the call fails with INTERNAL.
    func intercept(_ context: ServerContext, next: NextHandler) async throws
}

/// What an interceptor surrounds: the interceptors further in, and the handler.
///
/// Composed once for a server. A value with one reference instead of a closure in a closure: at every return of an
/// async function the runtime asks on which executor to go on, so that each function less on the way is felt.
public struct NextHandler: Sendable {
    @usableFromInline let link: InterceptorLink?

    /// The handler itself, or what interceptors make of it, the first outermost.
    init(_ interceptors: some BidirectionalCollection<any ServerInterceptor>) {
        var link: InterceptorLink?
        for interceptor in interceptors.reversed() {
            link = InterceptorLink(interceptor: interceptor, next: NextHandler(link: link))
        }
        self.link = link
    }

    private init(link: InterceptorLink?) { self.link = link }

    /// Goes on with the call.
    @inlinable @inline(__always)
    public func callAsFunction(_ context: ServerContext) async throws {
        if let link {
            try await link.interceptor.intercept(context, next: link.next)
        } else {
            try await context.runHandler()
        }
    }
}

/// An interceptor and what it surrounds.
@usableFromInline
final class InterceptorLink: Sendable {
    @usableFromInline let interceptor: any ServerInterceptor
    @usableFromInline let next: NextHandler

    init(interceptor: any ServerInterceptor, next: NextHandler) {
        self.interceptor = interceptor
        self.next = next
    }
}

extension ServerContext {
    /// The end of the interceptors. Inlined with them: see `NextHandler`.
    @inlinable @inline(__always)
    func runHandler() async throws { try await call.route.run(call, self) }
}
