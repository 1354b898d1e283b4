import Foundation

/// A stretch of a thread's work whose short reads share one view of a SQLite database: to begin and to end a view costs
/// four locks of the file, a fifth of a read by key.
///
/// Whoever begins one vouches that everything it answers had been asked before: then each of its reads sees what had
/// been acknowledged when it was asked, by whatever process.
package enum ReadTurn {
    /// Begins one on this thread, where there must be none.
    package static func begin() {
        let turn = current ?? make()
        precondition(!turn.isOpen, "one turn at a time")
        turn.isOpen = true
    }

    /// Ends the one of this thread.
    package static func end() { current?.end() }

    /// Gives up the view of the turn on this thread, if there is one: the next read takes a new one. For what must be as
    /// new as can be, and for who waits: it may go on at once, still in the turn, and sees what it has waited for.
    package static func renew() { current?.endView() }

    /// The connection that holds the view of the turn on this thread; nil outside of a turn, and for a second database.
    static func connection(of pool: ConnectionPool) throws -> (any EngineConnection)? {
        guard let turn = current, turn.isOpen else { return nil }
        return try turn.connection(of: pool)
    }

    /// A thread's, kept for as long as the thread lives.
    private final class State {
        var isOpen = false
        private var view: (pool: ConnectionPool, connection: any EngineConnection)?
        private var reads = 0

        func connection(of pool: ConnectionPool) throws -> (any EngineConnection)? {
            if let view {
                guard view.pool === pool else { return nil }
                // Some errors end the transaction, and the view with it. The next one begins on the same connection, for a
                // read around this one may be using it.
                if !view.connection.isInTransaction { try view.connection.beginRead(of: .several) }
                reads += 1
                return view.connection
            }
            let connection = try pool.checkOut()
            do {
                try connection.beginRead(of: .several)
            } catch {
                pool.checkIn(connection)
                throw error
            }
            view = (pool, connection)
            return connection
        }

        func end() {
            isOpen = false
            endView()
        }

        func endView() {
            guard let (pool, connection) = view.take() else { return }
            connection.rollback()
            pool.checkIn(connection, reads: reads)
            reads = 0
        }
    }

    private static let key: pthread_key_t = {
        var key = pthread_key_t()
        let result = pthread_key_create(&key) { state in
            if let state { Unmanaged<State>.fromOpaque(state).release() }
        }
        precondition(result == 0, "no key for what belongs to a thread")
        return key
    }()

    private static var current: State? {
        pthread_getspecific(key).map { Unmanaged<State>.fromOpaque($0).takeUnretainedValue() }
    }

    private static func make() -> State {
        let state = State()
        pthread_setspecific(key, Unmanaged.passRetained(state).toOpaque())
        return state
    }
}
