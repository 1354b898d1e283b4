import Foundation

/// The administrative units that the generator places teams in, read from the Registry's CSV files.
package struct UnitTables: Sendable {
    package struct Province: Sendable {
        package let code: String
        package let name: String
        let validity: Validity
    }

    package struct Commune: Sendable {
        package let code: String
        package let name: String
        package let kind: String
        package let provinceCode: String
        let validity: Validity
    }

    /// One line of the succession of communes on 1/7/2025.
    struct Succession: Sendable {
        let oldCode: String
        let newCode: String
    }

    /// Half-open, as in the files: in force when `from <= day < to`; empty means no bound.
    struct Validity: Sendable {
        let from: String
        let to: String

        func contains(_ day: String) -> Bool { from <= day && (to.isEmpty || day < to) }
    }

    let provinces: [Province]
    let communes: [Commune]
    let successions: [Succession]

    /// The first day the files say anything about.
    package static let firstDay = "2022-04-10"

    /// The day on which the districts ended and 10,035 communes became 3,321.
    package static let reorganisation = "2025-07-01"

    /// Reads provinces.csv, communes.csv and successions.csv in `directory`.
    package init(directory: URL) throws {
        let provinces = try CSVDocument(contentsOf: directory.appendingPathComponent("provinces.csv"))
        let communes = try CSVDocument(contentsOf: directory.appendingPathComponent("communes.csv"))
        let successions = try CSVDocument(contentsOf: directory.appendingPathComponent("successions.csv"))

        func columns(_ document: CSVDocument, _ names: String...) throws -> [Int] { try names.map(document.column) }
        let p = try columns(provinces, "code", "name", "valid_from", "valid_to")
        self.provinces = try provinces.records().map { record in
            let f = record.fields
            return Province(code: f[p[0]], name: f[p[1]], validity: Validity(from: f[p[2]], to: f[p[3]]))
        }
        let c = try columns(communes, "code", "name", "kind", "province_code", "valid_from", "valid_to")
        self.communes = try communes.records().map { record in
            let f = record.fields
            return Commune(
                code: f[c[0]], name: f[c[1]], kind: f[c[2]], provinceCode: f[c[3]],
                validity: Validity(from: f[c[4]], to: f[c[5]]))
        }
        let s = try columns(successions, "old_code", "new_code", "effective_date", "level")
        self.successions = try successions.records().compactMap { record in
            let f = record.fields
            guard f[s[3]] == "commune", f[s[2]] == Self.reorganisation else { return nil }
            return Succession(oldCode: f[s[0]], newCode: f[s[1]])
        }
    }

    /// The communes in force on a day, by code.
    package func communes(on day: String) -> [Commune] {
        communes.filter { $0.validity.contains(day) }.sorted { $0.code < $1.code }
    }

    /// The provinces in force on a day, by code.
    package func provinces(on day: String) -> [Province] {
        provinces.filter { $0.validity.contains(day) }.sorted { $0.code < $1.code }
    }

    /// Where the files are, if nobody says: `CDT_UNITS`, beside the program (as built, as installed), or in the
    /// working tree.
    package static func defaultDirectory() -> URL? {
        var candidates: [URL] = []
        if let named = ProcessInfo.processInfo.environment["CDT_UNITS"], !named.isEmpty {
            candidates.append(URL(fileURLWithPath: named))
        }
        if let program = Bundle.main.executableURL?.resolvingSymlinksInPath().deletingLastPathComponent() {
            candidates += [
                program.appendingPathComponent("cdt_Registry.resources/Data"),
                program.appendingPathComponent("cdt_Registry.resources"),
                program.appendingPathComponent("../share/cdt/units").standardizedFileURL,
            ]
        }
        var folder = URL(fileURLWithPath: FileManager.default.currentDirectoryPath)
        while true {
            candidates.append(folder.appendingPathComponent("Services/Registry/Data"))
            let parent = folder.deletingLastPathComponent()
            if parent.path == folder.path { break }
            folder = parent
        }
        return candidates.first {
            FileManager.default.fileExists(atPath: $0.appendingPathComponent("communes.csv").path)
        }
    }
}
