import Foundation
import ServiceKit

/// Reads the units that ship with the product (`Data/*.csv`; their provenance is in `Data/LICENCES.txt`).
///
/// The files are half-open (`valid_from <= day < valid_to`); everything from here on is inclusive. They are checked as
/// a whole: every unit has a parent on every day it is in force, and at any date a code is unique.
package struct UnitFiles {
    private let directory: URL

    package init(directory: URL) { self.directory = directory }

    /// Reads all files.
    package func load() throws -> UnitData {
        let provinces = try table("provinces.csv", ["code", "name", "kind", "valid_from", "valid_to"])
        let districts = try table("districts.csv", ["code", "name", "kind", "province_code", "valid_from", "valid_to"])
        let communes = try table(
            "communes.csv", ["code", "name", "kind", "province_code", "district_code", "valid_from", "valid_to"])
        var builder = UnitDataBuilder()
        builder.addNation()
        for (line, row) in provinces.rows.enumerated() {
            try builder.add(
                .province, row[0], row[1], row[2], row[3], row[4], parents: nil, at: ("provinces.csv", line + 2))
        }
        for (line, row) in districts.rows.enumerated() {
            try builder.add(
                .district, row[0], row[1], row[2], row[4], row[5], parents: (.province, row[3]),
                at: ("districts.csv", line + 2))
        }
        // Along the trees: the era of districts first, then the one without, each by province, district and code.
        let order = communes.rows.enumerated().sorted { a, b in
            let (x, y) = (a.element, b.element)
            return (x[4].isEmpty ? 1 : 0, x[3], x[4], x[0], x[5]) < (y[4].isEmpty ? 1 : 0, y[3], y[4], y[0], y[5])
        }
        for (line, row) in order {
            try builder.add(
                .commune, row[0], row[1], row[2], row[5], row[6],
                parents: row[4].isEmpty ? (.province, row[3]) : (.district, row[4]), at: ("communes.csv", line + 2))
        }
        try addSuccessions(to: &builder)
        builder.continueCodes()
        try addVariants(to: &builder)
        return builder.data
    }

    private func addSuccessions(to builder: inout UnitDataBuilder) throws {
        let table = try table(
            "successions.csv", ["old_code", "new_code", "effective_date", "relation", "level", "part", "is_main"])
        for (line, row) in table.rows.enumerated() {
            let place = ("successions.csv", line + 2)
            let levels: [String: (UnitLevel, UnitLevel)] = [
                "province": (.province, .province), "commune": (.commune, .commune),
                "district_to_commune": (.district, .commune),
            ]
            guard let date = LocalDate(row[2]), let relation = SuccessionRelation(rawValue: row[3]),
                let (old, new) = levels[row[4]], row[5] == "whole" || row[5] == "part", row[6] == "0" || row[6] == "1"
            else { throw UnitFileError(place, "a cell that is not understood: \(row.joined(separator: ","))") }
            guard let source = builder.unit(old, row[0], on: date.previous),
                let target = builder.unit(new, row[1], on: date)
            else { throw UnitFileError(place, "a unit that is not in force: \(row.joined(separator: ","))") }
            builder.data.successions.append(
                UnitSuccession(
                    source: source, target: target, effectiveOn: date, relation: relation, isPart: row[5] == "part",
                    isDefault: row[6] == "1"))
        }
    }

    /// A variant belongs to every version of the code that bears the name it varies.
    private func addVariants(to builder: inout UnitDataBuilder) throws {
        let table = try table("name_variants.csv", ["code", "name", "variant", "as_of", "source"])
        for (line, row) in table.rows.enumerated() {
            let place = ("name_variants.csv", line + 2)
            guard let date = LocalDate(row[3]), let unit = builder.unit(.commune, row[0], on: date),
                builder.data.units[unit].name == row[1]
            else { throw UnitFileError(place, "no such unit: \(row.joined(separator: ","))") }
            for version in builder.versions(.commune, row[0])
            where builder.data.units[version].name == row[1]
                && !builder.data.units[version].aliases.contains(row[2])
            {
                builder.data.units[version].aliases.append(row[2])
            }
        }
    }

    private func table(_ file: String, _ columns: [String]) throws -> CSVTable {
        let url = directory.appendingPathComponent(file)
        let data: Data
        do {
            data = try Data(contentsOf: url)
        } catch {
            throw UnitFileError((file, 0), "cannot be read from \(directory.path): \(error.localizedDescription)")
        }
        return try CSVTable([UInt8](data), columns: columns, file: file)
    }
}

/// What is wrong in the units' files.
package struct UnitFileError: Error, CustomStringConvertible {
    package let description: String

    init(_ place: (file: String, line: Int), _ problem: String) {
        description = place.line > 0 ? "\(place.file), line \(place.line): \(problem)" : "\(place.file): \(problem)"
    }
}

private struct UnitDataBuilder {
    var data = UnitData()
    private var byCode: [UnitLevel: [String: [UnitRank]]] = [:]

    mutating func addNation() {
        data.units.append(
            Unit(id: Unit.nationID, level: .nation, code: "", name: "Việt Nam", kind: "nước", validity: .always))
    }

    mutating func add(
        _ level: UnitLevel, _ code: String, _ name: String, _ kind: String, _ from: String, _ to: String,
        parents: (level: UnitLevel, code: String)?, at place: (String, Int)
    ) throws {
        let digits: [UnitLevel: Int] = [.province: 2, .district: 3, .commune: 5]
        guard code.utf8.count == digits[level], code.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else {
            throw UnitFileError(place, "\(code) is not a code of \(digits[level] ?? 0) digits")
        }
        guard !name.isEmpty, !kind.isEmpty, from.isEmpty || LocalDate(from) != nil, to.isEmpty || LocalDate(to) != nil
        else { throw UnitFileError(place, "a name, kind or date that is not understood") }
        let validity = DateRange(from: LocalDate(from), exclusiveEnd: LocalDate(to))
        guard !versions(level, code).contains(where: { data.units[$0].validity.overlaps(validity) }) else {
            throw UnitFileError(place, "code \(code) is given twice for the same day")
        }
        let rank = data.units.count
        data.units.append(
            Unit(
                id: Unit.id(level: level, code: code, validFrom: validity.from), level: level, code: code, name: name,
                kind: kind, validity: validity))
        byCode[level, default: [:]][code, default: []].append(rank)
        guard let parents else {
            data.parents.append(UnitParent(unit: rank, parent: 0, range: validity))
            return
        }
        // A row may outlive one version of its parent: it then has several, one after the other.
        let placed = versions(parents.level, parents.code)
            .compactMap { parent in
                data.units[parent].validity.intersection(validity)
                    .map { UnitParent(unit: rank, parent: parent, range: $0) }
            }
            .sorted { ($0.range.from ?? .distantPast) < ($1.range.from ?? .distantPast) }
        guard DateRange.union(placed.map(\.range)) == [validity] else {
            throw UnitFileError(place, "parent \(parents.code) is not in force all the time")
        }
        data.parents.append(contentsOf: placed)
    }

    /// A code that goes on the next day, where no succession is recorded, goes on as the same unit.
    mutating func continueCodes() {
        let recorded = Set(data.successions.map(\.source))
        for level in [UnitLevel.district, .commune] {
            for versions in (byCode[level] ?? [:]).values {
                for source in versions where !recorded.contains(source) {
                    guard let next = data.units[source].validity.exclusiveEnd,
                        let target = versions.first(where: { data.units[$0].validity.from == next })
                    else { continue }
                    data.successions.append(
                        UnitSuccession(
                            source: source, target: target, effectiveOn: next, relation: .continued, isPart: false,
                            isDefault: true))
                }
            }
        }
    }

    func versions(_ level: UnitLevel, _ code: String) -> [UnitRank] { byCode[level]?[code] ?? [] }

    func unit(_ level: UnitLevel, _ code: String, on date: LocalDate) -> UnitRank? {
        versions(level, code).first { data.units[$0].validity.contains(date) }
    }
}
