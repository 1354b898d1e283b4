import ServiceKit
import Shared
import Storage
import SwiftProtobuf
import TestSupport
import Testing

@testable import ActivityReporting

@Suite("The catalogue of platforms", .onBothEngines)
struct PlatformTests {
    @Test(
        "A platform is known where a unit above has it, while it can be used; without a catalogue all are",
        arguments: [
            ("vneid", ["a1", "A", "vn"], "2024-10", true), ("xu_lang", ["a1", "A", "vn"], "2024-10", true),
            ("xu_lang", ["c1", "C", "vn"], "2024-10", false), ("xu_lang", ["a1", "A", "vn"], "2025-08", false),
            ("other", ["a1", "A", "vn"], "2024-10", false),
        ])
    func book(_ code: String, _ chain: [String], _ period: String, _ known: Bool) {
        let days = ReportingCalendar(period: month(period), rules: .standard).days
        let book = PlatformBook([
            .init(unit: "", code: "vneid", days: .always),
            .init(unit: "A", code: "xu_lang", days: range("2022-05-12", "2025-06-30")),
        ])
        #expect(book.knows(code, in: chain, during: days) == known)
        #expect(PlatformBook([]).knows(code, in: chain, during: days))
        let elsewhere = PlatformBook([.init(unit: "B", code: "b", days: .always)])
        #expect(elsewhere.knows(code, in: chain, during: days))
    }

    static func set(
        _ world: World, _ unit: String, _ code: String, _ title: String, from: String = "", to: String = ""
    ) async throws -> Cdt_Activity_V1_Platform {
        let id = UUIDv7.next(at: world.clock.now)
        return try await world.reporting.keep { keeper in
            try Reporting.setPlatform(
                .with {
                    $0.unit = unit.isEmpty ? "" : "units/\(unit)"
                    $0.code = code
                    $0.displayName = title
                    $0.kind = .citizenApp
                    $0.validFrom = from
                    $0.validTo = to
                }, id: id, by: "sở", keeper)
        }.get()
    }

    @Test("A report with a platform that is not in the catalogue is flagged and counted all the same")
    func flagged() async throws {
        let world = try await AchievementTests.world()
        func flags(_ person: String, _ platform: String, base: Int64 = 0) async throws -> [String] {
            try await world.send("t", person, base: base) { $0.help(.localPlatform, 3, platform: platform) }.verdict
                .flags
                .filter { $0.concern == .unknownPlatform }.map(\.field)
        }
        #expect(try await flags("p", "xu_lang") == [])
        _ = try await Self.set(world, "vn", "vneid", "VNeID")
        let own = try await Self.set(world, "A", "xu_lang", "Công dân số Xứ Lạng", from: "2022-05-12")
        #expect(try await flags("p", "xu_lang", base: 1) == [])
        #expect(try await flags("p", "vneid", base: 2) == [])
        #expect(try await flags("q", "elsewhere") == ["activities[0].platform"])
        #expect(try await world.achievements("A").activities.map(\.count) == [3, 3])
        // The unit's own entry under the code is changed, not doubled.
        let changed = try await Self.set(world, "A", "xu_lang", "Xứ Lạng", to: "2024-09-30")
        #expect(changed.name == own.name && changed.changedBy == "sở")
        #expect(try world.reporting.platform(ResourceName.lastID(own.name)).displayName == "Xứ Lạng")
        #expect(try await flags("p", "xu_lang", base: 3) == ["activities[0].platform"])
    }

    @Test("They are listed by code, for a unit with those of the units above it, page by page")
    func listed() async throws {
        let world = try await AchievementTests.world()
        _ = try await Self.set(world, "", "vneid", "VNeID")
        _ = try await Self.set(world, "A", "xu_lang", "Công dân số Xứ Lạng", to: "2024-06-30")
        _ = try await Self.set(world, "B", "bac_giang", "Bắc Giang")
        func list(_ unit: String?, _ date: String? = nil) async throws -> [String] {
            var codes: [String] = []
            var after = (code: "", id: "")
            while true {
                let (page, next) = try await world.reporting.platforms(
                    unit: unit, date: date.map(day), after: after, limit: 1)
                codes += page.map(\.code)
                guard let next else { return codes }
                after = next
            }
        }
        #expect(try await list(nil) == ["bac_giang", "vneid", "xu_lang"])
        #expect(try await list("h") == ["vneid", "xu_lang"])
        #expect(try await list("a1", "2024-10-01") == ["vneid"])
        #expect(try await list("b1", "2024-10-01") == ["bac_giang", "vneid"])
        await #expect(throws: Refusal.self) { try await list("none") }
    }
}
