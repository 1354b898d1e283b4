import RPC
import ServiceKit
import Shared
import SwiftProtobuf
import TestSupport
import Testing

@testable import Registry

/// Calls that arrive together on a connection share one view of the store.
@Suite(.onBothEngines, .timeLimit(.minutes(10))) struct SharedViewTests {
    @Test func `of what was acknowledged each call knows, however many arrive together and by whichever connection`()
        async throws
    {
        let registry = try await RunningRegistry.shared.value
        let other = try RPCClient(
            targets: [.init(host: "127.0.0.1", port: registry.service.endpoint.port)],
            options: .init(defaultTimeout: .seconds(120)))
        let clients = [registry.registry, Cdt_Registry_V1_RegistryService.Client(other)]
        let commune = try await registry.unit("03127", on: "2024-10-15")
        var hamlets: [Cdt_Registry_V1_Unit] = []
        for number in 1...10 {
            hamlets.append(
                try await registry.registry.createHamlet(
                    .with {
                        $0.unit.displayName = "Bản Cùng Nhìn \(number)"
                        $0.unit.parent = commune
                    }
                ).unit)
            // Each of them, and a second read in the same turn, which has its own answer.
            let known = hamlets
            try await withThrowingTaskGroup(of: Void.self) { group in
                for client in clients {
                    for call in 0..<32 {
                        let hamlet = known[known.count - 1 - call % known.count]
                        group.addTask {
                            let unit = try await client.getUnit(.with { $0.name = hamlet.name }).unit
                            #expect(unit.displayName == hamlet.displayName)
                        }
                        group.addTask {
                            let above = try await client.listUnitAncestors(
                                .with { ($0.name, $0.date) = (hamlet.name, "2024-10-15") })
                            #expect(above.ancestors.first?.name == commune)
                        }
                    }
                }
                try await group.waitForAll()
            }
        }
        await other.close()
    }
}
