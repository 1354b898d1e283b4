import RPC
import ServiceKit
import Shared
import SwiftProtobuf
import TestSupport
import Testing

@testable import Registry

@Suite(.onBothEngines) struct UnitCallTests {
    let registry: RunningRegistry
    init() async throws { registry = try await RunningRegistry.shared.value }

    @Test func `a code without a date means today, and the reply says so`() async throws {
        let today = try await registry.registry.resolveUnitCode(.with { $0.code = "15" })
        #expect(today.unit.displayName == "Tỉnh Lào Cai")
        #expect(today.dateDefaulted)
        #expect(today.date == "2026-11-21")
        let before = try await registry.registry.resolveUnitCode(
            .with {
                $0.code = "15"
                $0.date = "2025-06-30"
            })
        #expect(before.unit.displayName == "Tỉnh Yên Bái")
        #expect(!before.dateDefaulted)
        #expect(before.unit.validTo == "2025-06-30")
        #expect(before.unit.successors == [today.unit.name])
    }

    @Test func `a code that names nothing today fails with its last validity`() async throws {
        let failure = await registry.failure {
            _ = try await registry.registry.resolveUnitCode(.with { $0.code = "10" })
        }
        #expect(failure.code == .notFound)
        #expect(failure.reason == "CODE_NOT_IN_FORCE")
        #expect(failure.metadata["lastName"] == "Tỉnh Lào Cai")
        #expect(failure.metadata["lastValidTo"] == "2025-06-30")
        let never = await registry.failure { _ = try await registry.registry.resolveUnitCode(.with { $0.code = "98" }) }
        #expect(never.reason == "CODE_UNKNOWN")
        let wrong = await registry.failure { _ = try await registry.registry.resolveUnitCode(.with { $0.code = "1" }) }
        #expect(wrong.code == .invalidArgument)
        #expect(wrong.reason == "INVALID_CODE")
    }

    @Test(arguments: [("2025-06-30", 10_035), ("2025-07-01", 3_321), ("", 3_321)])
    func `a list counts the communes in force`(day: String, count: Int64) async throws {
        let list = try await registry.registry.listUnits(
            .with {
                $0.level = .commune
                $0.date = day
                $0.pageSize = 1
            })
        #expect(list.totalSize == count)
    }

    @Test func `pages give every unit once, and a token fits its query only`() async throws {
        var request = Cdt_Registry_V1_ListUnitsRequest.with {
            $0.date = "2025-06-30"
            $0.pageSize = 10
        }
        var names: [String] = []
        repeat {
            let page = try await registry.registry.listUnits(request)
            names += page.units.map(\.name)
            request.pageToken = page.nextPageToken
            if names.count == 20 {
                var other = request
                other.date = "2025-07-01"
                let failure = await registry.failure { _ = try await registry.registry.listUnits(other) }
                #expect(failure.reason == "INVALID_PAGE_TOKEN")
            }
        } while !request.pageToken.isEmpty
        #expect(names.count == 63)
        #expect(Set(names).count == 63)
    }

    @Test func `muong mun finds Mường Mùn in both trees`() async throws {
        for (day, path) in [("2025-06-30", "Huyện Tuần Giáo, Tỉnh Điện Biên"), ("2026-01-01", "Tỉnh Điện Biên")] {
            let found = try await registry.registry.searchUnits(
                .with {
                    $0.query = "muong mun"
                    $0.date = day
                })
            #expect(found.hits.map(\.unit.displayName) == ["Xã Mường Mùn"])
            #expect(found.hits.first?.path == path)
            let up = try await registry.registry.listUnitAncestors(
                .with {
                    $0.name = found.hits.first?.unit.name ?? ""
                    $0.date = day
                })
            #expect(up.ancestors.last?.level == .nation)
        }
    }

    @Test func `a wrong request names every field`() async throws {
        do {
            _ = try await registry.registry.searchUnits(
                .with {
                    $0.query = " "
                    $0.date = "2025-02-30"
                })
            Issue.record("it succeeded")
        } catch let error as RPCError {
            #expect(error.code == .invalidArgument)
            let details = try #require(error.status?.details)
            let request = details.lazy.compactMap { try? Google_Rpc_BadRequest(unpackingAny: $0) }.first
            #expect(Set(request?.fieldViolations.map(\.field) ?? []) == ["date", "query"])
            let text = details.lazy.compactMap { try? Google_Rpc_LocalizedMessage(unpackingAny: $0) }.first
            #expect(text?.locale == "vi")
        }
    }

    @Test func `hamlets are created, listed and found, and stay themselves when communes change`() async throws {
        let commune = try await registry.unit("03130", on: "2024-10-15")
        let created = try await registry.registry.createHamlet(
            .with {
                $0.unit.displayName = "Bản Thử Nghiệm Xyz"
                $0.unit.parent = commune
            })
        #expect(created.unit.kind == "bản")
        let again = await registry.failure {
            _ = try await registry.registry.createHamlet(
                .with {
                    $0.unit.displayName = "bản  thử nghiệm XYZ"
                    $0.unit.parent = commune
                })
        }
        #expect(again.reason == "HAMLET_EXISTS")
        let found = try await registry.registry.searchUnits(
            .with {
                $0.query = "thu nghiem xyz"
                $0.levels = [.hamlet]
            })
        #expect(found.hits.map(\.unit.name) == [created.unit.name])
        let before = try await registry.registry.getUnit(
            .with {
                $0.name = created.unit.name
                $0.date = "2025-06-30"
            })
        let after = try await registry.registry.getUnit(
            .with {
                $0.name = created.unit.name
                $0.date = "2025-07-01"
            })
        #expect(before.unit.parent == commune)
        let successor = try await registry.registry.listUnitSuccessions(.with { $0.name = commune })
        #expect(after.unit.parent == successor.successors.first?.target.name)
    }
}
