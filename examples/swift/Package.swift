// swift-tools-version: 6.2
import PackageDescription

/// The examples as a program outside the suite's repository has them: copy this folder, and name the repository's
/// address instead of the path.
let package = Package(
    name: "cdt-examples",
    platforms: [.macOS(.v15)],
    dependencies: [
        .package(name: "cdt", path: "../.."),
        .package(url: "https://github.com/apple/swift-protobuf", exact: "1.39.0"),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
    ],
    targets: [
        .systemLibrary(
            name: "SQLite", path: "Sources/SQLite", pkgConfig: "sqlite3", providers: [.apt(["libsqlite3-dev"])]),
        .executableTarget(
            name: "cdt-examples",
            dependencies: [
                "SQLite", .product(name: "Shared", package: "cdt"), .product(name: "RPC", package: "cdt"),
                .product(name: "SwiftProtobuf", package: "swift-protobuf"),
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            path: "Sources/Examples"),
    ]
)
