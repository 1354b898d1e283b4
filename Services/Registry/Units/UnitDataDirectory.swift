import Foundation

/// Where the units' files are: they ship with the product, beside the program.
package enum UnitDataDirectory {
    /// The first of: what the operator said; the resource folder that the package manager puts beside the program (also
    /// in an image that copies it along); `../share/cdt/units` of an installation.
    package static func find(_ configured: String? = nil) throws -> URL {
        if let configured, !configured.isEmpty {
            let url = URL(fileURLWithPath: configured, isDirectory: true)
            guard holdsUnits(url) else { throw Missing(looked: [url.path]) }
            return url
        }
        let candidates = programFolders().flatMap { folder in
            [
                folder.appendingPathComponent("cdt_Registry.resources/Data", isDirectory: true),
                folder.appendingPathComponent("cdt_Registry.bundle/Data", isDirectory: true),
                folder.appendingPathComponent("cdt_Registry.bundle/Contents/Resources/Data", isDirectory: true),
                folder.deletingLastPathComponent().appendingPathComponent("share/cdt/units", isDirectory: true),
            ]
        }
        guard let found = candidates.first(where: holdsUnits) else {
            throw Missing(looked: candidates.map(\.path))
        }
        return found
    }

    /// The units' files were not found.
    package struct Missing: Error, CustomStringConvertible {
        package let looked: [String]
        package var description: String {
            "the administrative units' files (communes.csv …) are not in \(looked.joined(separator: ", ")); "
                + "say where they are with --units-data"
        }
    }

    private static func holdsUnits(_ url: URL) -> Bool {
        FileManager.default.fileExists(atPath: url.appendingPathComponent("communes.csv").path)
    }

    /// The program's folder, also behind a symbolic link, and the folder of the bundle that tests run in.
    private static func programFolders() -> [URL] {
        var folders: [URL] = []
        for url in [Bundle.main.executableURL, Bundle.main.executableURL?.resolvingSymlinksInPath()] {
            guard let folder = url?.deletingLastPathComponent(), !folders.contains(folder) else { continue }
            folders.append(folder)
        }
        for bundle in CommandLine.arguments where bundle.hasSuffix(".xctest") {
            folders.append(URL(fileURLWithPath: bundle).deletingLastPathComponent())
        }
        folders.append(Bundle.main.bundleURL)
        return folders
    }
}
