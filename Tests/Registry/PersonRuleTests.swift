import ServiceKit
import Testing

@testable import Registry

@Suite struct DuplicateRuleTests {
    private func person(
        _ name: String, year: Int? = 1990, born: String? = nil, phones: [String] = ["0912345678"], sex: Int = 0,
        citizen: UInt8? = nil
    ) -> PersonLikeness {
        PersonLikeness(
            id: UniqueID(high: 0, low: 1), fullName: name, folded: TextFolding.fold(name),
            birthYear: born.flatMap(LocalDate.init)?.year ?? year, birthDate: born.flatMap(LocalDate.init), sex: sex,
            phones: phones, citizenHash: citizen.map { [$0] })
    }

    @Test func `a name alone, or a name with a year, never makes a candidate`() {
        let an = person("Nguyễn Văn An")
        #expect(DuplicateRules.likeness(an, person("Nguyễn Văn An", phones: [])) == nil)
        #expect(DuplicateRules.likeness(an, person("Nguyễn Văn An", year: nil)) == nil)
        #expect(DuplicateRules.likeness(an, person("Nguyễn Văn An", year: 1991)) == nil)
        #expect(DuplicateRules.likeness(an, person("Trần Thị Bình")) == nil)
    }

    @Test func `name, birth year and phone make one, and more makes it likelier`() {
        let an = person("Nguyễn Văn An", born: "1990-02-03", sex: 2)
        let cases: [(PersonLikeness, Int)] = [
            (person("Nguyen Van An"), 80), (person("Nguyễn Văn An"), 85),
            (person("Nguyễn Văn An", born: "1990-02-03"), 95), (person("Nguyễn Văn An", sex: 1), 45),
        ]
        for (other, score) in cases { #expect(DuplicateRules.likeness(an, other)?.score == score) }
        #expect(DuplicateRules.likeness(an, person("Nguyễn Văn An", born: "1990-02-04")) == nil)
    }

    @Test func `the same citizen id decides, a different one as well`() {
        let an = person("Nguyễn Văn An", citizen: 1)
        #expect(DuplicateRules.likeness(an, person("Trần Thị Bình", phones: [], citizen: 1))?.score == 100)
        #expect(DuplicateRules.likeness(an, person("Nguyễn Văn An", citizen: 2)) == nil)
    }

    @Test(arguments: [
        ("001090012345", true), ("001 090 012 345", true), ("00109001234", false), ("0010900123456", false),
        ("00109001234a", false), ("", false),
    ])
    func `a citizen id has twelve digits, and is never said back`(text: String, isValid: Bool) {
        var fields = PersonFields()
        #expect((fields.citizenID(text, "person.citizen_id") != nil) == isValid)
        for problem in fields.problems { #expect(!problem.description.contains(text) || text.isEmpty) }
    }

    @Test func `the hash of a citizen id depends on the key`() {
        let first = CitizenIDs(key: [UInt8](repeating: 1, count: 32))
        let second = CitizenIDs(key: [UInt8](repeating: 2, count: 32))
        #expect(first.hash("001090012345") == first.hash("001090012345"))
        #expect(first.hash("001090012345") != second.hash("001090012345"))
        #expect(CitizenIDs.none.hash("001090012345") == nil)
    }
}
