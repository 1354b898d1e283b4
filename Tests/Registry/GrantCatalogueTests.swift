import ServiceKit
import Testing

@testable import Registry

@Suite struct GrantCatalogueTests {
    private let grant = Grant(
        id: UniqueID(high: 1, low: 1), subject: "an", unit: UniqueID(high: 2, low: 2), verbs: [.read],
        createdAt: Instant(date("2026-11-21")))

    @Test func `grants are loaded once, and again when one was given or revoked`() throws {
        let catalogue = GrantCatalogue()
        var loads = 0
        func grants() throws -> [Grant] {
            try catalogue.grants(of: "an") { _ in
                loads += 1
                return [grant]
            }
        }
        #expect(try grants() == [grant] && grants() == [grant] && loads == 1)
        catalogue.forget("an")
        #expect(try grants() == [grant] && loads == 2)
    }

    @Test func `grants that are revoked while they are loaded are not remembered`() throws {
        let catalogue = GrantCatalogue()
        _ = try catalogue.grants(of: "an") { subject in
            catalogue.forget(subject)
            return [grant]
        }
        #expect(try catalogue.grants(of: "an") { _ in [] } == [])
    }
}
