import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import NIOSSL

/// Accepts connections and keeps track of them.
package final class Listener: Sendable {
    private struct State {
        var channel: (any Channel)?
        var connections: [ObjectIdentifier: HTTP2Connection] = [:]
        /// Connections by the address they come from.
        var addresses: [String: Int] = [:]
        var isStopping = false
        var allClosed: [EventLoopPromise<Void>] = []
    }

    private let group: any EventLoopGroup
    private let executors: [ObjectIdentifier: LoopExecutor]
    private let limits: Limits
    private let inboundTotal: InboundTotal
    private let state = NIOLockedValueBox(State())

    /// - Parameter turns: Told of the stretches of work on each loop.
    package init(group: any EventLoopGroup, limits: Limits, turns: (any LoopTurns)? = nil) {
        self.group = group
        self.limits = limits
        inboundTotal = InboundTotal(limit: limits.inboundServerBytes)
        executors = Dictionary(
            uniqueKeysWithValues: group.makeIterator().map {
                (ObjectIdentifier($0), LoopExecutor(loop: $0, turns: turns))
            })
    }

    /// Listens; returns the port. `prepare` gives every connection its delegate.
    package func bind(
        host: String, port: Int, tls: TLSContexts?, prepare: @escaping @Sendable (HTTP2Connection) -> Void
    ) async throws -> Int {
        let bootstrap = ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 1024)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelOption(
                .writeBufferWaterMark,
                value: .init(low: limits.outboundConnectionBytes / 4, high: limits.outboundConnectionBytes)
            )
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try self.accept(channel, tls: tls, prepare: prepare) }
            }
        let channel = try await bootstrap.bind(host: host, port: port).get()
        state.withLockedValue { $0.channel = channel }
        return channel.localAddress?.port ?? port
    }

    private func accept(
        _ channel: any Channel, tls: TLSContexts?, prepare: (HTTP2Connection) -> Void
    ) throws {
        let loop = channel.eventLoop
        let connection = try HTTP2Connection(
            role: .server, eventLoop: loop,
            executor: executors[ObjectIdentifier(loop)] ?? LoopExecutor(loop: loop),
            peer: channel.remoteAddress.map(Self.describe) ?? "unknown", limits: limits,
            inboundTotal: inboundTotal)
        let address = channel.remoteAddress?.ipAddress ?? ""
        let admitted = state.withLockedValue { state in
            guard !state.isStopping, state.connections.count < limits.connections,
                state.addresses[address, default: 0] < limits.connectionsPerAddress
            else { return false }
            state.connections[ObjectIdentifier(connection)] = connection
            state.addresses[address, default: 0] += 1
            return true
        }
        guard admitted else { throw ChannelError.operationUnsupported }
        channel.closeFuture.whenComplete { _ in self.forget(connection, address: address) }
        prepare(connection)
        if let tls { try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: tls.current)) }
        try channel.pipeline.syncOperations.addHandler(connection)
    }

    private func forget(_ connection: HTTP2Connection, address: String) {
        let waiting = state.withLockedValue { state in
            state.connections[ObjectIdentifier(connection)] = nil
            if let count = state.addresses[address] { state.addresses[address] = count > 1 ? count - 1 : nil }
            guard state.connections.isEmpty else { return [EventLoopPromise<Void>]() }
            defer { state.allClosed = [] }
            return state.allClosed
        }
        for promise in waiting { promise.succeed() }
    }

    /// Connections open now.
    package var connectionCount: Int { state.withLockedValue { $0.connections.count } }

    /// Stops listening, drains every connection, and returns when all are closed; at the latest after `grace`.
    package func drain(grace: TimeAmount) async {
        let (channel, connections) = state.withLockedValue { state in
            state.isStopping = true
            return (state.channel, Array(state.connections.values))
        }
        try? await channel?.close().get()
        for connection in connections {
            connection.eventLoop.execute { connection.beginDrain(reason: "shutdown", grace: grace) }
        }
        let promise = group.next().makePromise(of: Void.self)
        let isEmpty = state.withLockedValue { state in
            if !state.connections.isEmpty { state.allClosed.append(promise) }
            return state.connections.isEmpty
        }
        if isEmpty { promise.succeed() }
        try? await promise.futureResult.get()
        for executor in executors.values { executor.loop.execute { executor.endSpareTasks() } }
    }

    package static func describe(_ address: SocketAddress) -> String {
        guard let host = address.ipAddress, let port = address.port else { return "unix" }
        return host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
    }
}
