import Foundation

/// The folder of this package, from which tests run scripts and read committed files.
package enum PackageFolder {
    /// Absolute path, without a slash at the end.
    package static let path = String(#filePath.dropLast("/Tests/Support/PackageFolder.swift".count))

    /// The folder of the built programs: that of the running test.
    package static var products: String {
        URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent().path
    }
}

/// A folder for one test, removed by the test or with the last who knows it.
package final class ScratchFolder: Sendable {
    private let folder: URL

    /// Makes an empty folder.
    package init() throws {
        folder = FileManager.default.temporaryDirectory.appendingPathComponent("cdt-test-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    }

    /// Absolute path of the folder.
    package var path: String { folder.path }

    /// Absolute path of a file in it.
    package func path(_ name: String) -> String { folder.appendingPathComponent(name).path }

    deinit { remove() }

    /// Removes the folder with all it holds.
    package func remove() { try? FileManager.default.removeItem(at: folder) }
}
