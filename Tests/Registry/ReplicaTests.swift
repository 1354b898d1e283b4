import Foundation
import RPC
import ServiceKit
import Shared
import SwiftProtobuf
import TestSupport
import Testing

@testable import Registry

/// "Several replicas of a service may run: nothing that must be unique lives in memory."
@Suite(.onPostgres) struct ReplicaTests {
    @Test func `of 200 joins for the last seat, through two replicas, exactly one succeeds`() async throws {
        let server = try PostgresServer.running()
        let database = try server.makeDatabase()
        let arguments = ["--database", server.address(database)]
        // One after the other: the first loads the units.
        let replicas = [
            try await RunningRegistry.start(on: arguments), try await RunningRegistry.start(on: arguments),
        ]
        let commune = try await replicas[0].unit("03193", on: "2025-07-01")
        try await expectLastSeatGivenOnce(replicas, commune: commune, limit: 10)
        for replica in replicas { await replica.stop() }
        try server.removeDatabase(database)
    }
}
