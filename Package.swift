// swift-tools-version: 6.2
import PackageDescription

/// Language settings every Swift target shares.
let strict: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
]

/// Of what calls pass through, and of cdt, whose commands are not shared between threads: an async function runs where
/// its caller does, so that a call goes from interceptor to handler with the fewest questions to the runtime about
/// where to go on. Not of tests, which are to leave their caller's thread.
let staying = strict + [.enableUpcomingFeature("NonisolatedNonsendingByDefault")]

func product(_ name: String, _ package: String) -> Target.Dependency { .product(name: name, package: package) }

let nio: [Target.Dependency] = [
    product("NIOCore", "swift-nio"), product("NIOPosix", "swift-nio"), product("NIOConcurrencyHelpers", "swift-nio"),
]
let protobuf = product("SwiftProtobuf", "swift-protobuf")
let logging = product("Logging", "swift-log")
let crypto = product("Crypto", "swift-crypto")
let tokens = product("JWTKit", "jwt-kit")
let certificates = [product("X509", "swift-certificates"), product("SwiftASN1", "swift-asn1")]
let arguments = product("ArgumentParser", "swift-argument-parser")

/// A service: a library that holds the domain, and an executable of a few lines in its `Main` folder.
func service(
    _ name: String, executable: String, dependencies: [Target.Dependency] = [], exclude: [String] = [],
    resources: [Resource] = []
) -> [Target] {
    [
        .target(
            name: name,
            dependencies: [
                "ServiceKit", "ChangeFeed", "Storage", "Shared", "Telemetry", "RPC", protobuf, logging, crypto,
            ]
                + dependencies,
            path: "Services/\(name)", exclude: ["Main", "OPERATING.md"] + exclude, resources: resources,
            swiftSettings: staying),
        .executableTarget(
            name: executable, dependencies: [.target(name: name), "ServiceKit"], path: "Services/\(name)/Main",
            swiftSettings: staying),
    ]
}

func tests(_ name: String, _ dependencies: [Target.Dependency], exclude: [String] = [], resources: [Resource] = [])
    -> Target
{
    .testTarget(
        name: "\(name)Tests", dependencies: dependencies + ["TestSupport"], path: "Tests/\(name)", exclude: exclude,
        resources: resources, swiftSettings: strict)
}

let package = Package(
    name: "cdt",
    platforms: [.macOS(.v15)],
    products: [
        .library(name: "Shared", targets: ["Shared"]),
        // HTTP2 for its `TLS` and `Limits`, which a client is given.
        .library(name: "RPC", targets: ["RPC", "HTTP2"]),
        // libcdt, the client for C, with its messages; CMake makes the shared library that is installed.
        .library(name: "ClientC", type: .static, targets: ["ClientC"]),
        .executable(name: "cdt", targets: ["cdt"]),
        .executable(name: "registry", targets: ["registry"]),
        .executable(name: "activity-reporting", targets: ["activity-reporting"]),
        .executable(name: "funding-policy", targets: ["funding-policy"]),
        .executable(name: "notification", targets: ["notification"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.0"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.0"),
        .package(url: "https://github.com/apple/swift-protobuf", exact: "1.39.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.0"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
        .package(
            url: "https://github.com/apple/swift-configuration", from: "1.4.0",
            traits: ["JSON", "CommandLineArguments"]),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/vapor/jwt-kit", from: "5.7.0"),
        .package(url: "https://github.com/apple/swift-certificates", from: "1.15.0"),
        .package(url: "https://github.com/apple/swift-asn1", from: "1.3.0"),
    ],
    targets: [
        // System libraries.
        .systemLibrary(
            name: "CNghttp2", path: "Shared/CNghttp2", pkgConfig: "libnghttp2", providers: [.apt(["libnghttp2-dev"])]),
        .systemLibrary(
            name: "CSQLite", path: "Shared/CSQLite", pkgConfig: "sqlite3", providers: [.apt(["libsqlite3-dev"])]),
        .systemLibrary(name: "CLibpq", path: "Shared/CLibpq", pkgConfig: "libpq", providers: [.apt(["libpq-dev"])]),
        .systemLibrary(name: "CZlib", path: "Shared/CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
        .systemLibrary(
            name: "CCurl", path: "Shared/CCurl", pkgConfig: "libcurl", providers: [.apt(["libcurl4-openssl-dev"])]),
        .systemLibrary(
            name: "CProtobufC", path: "Shared/CProtobufC", pkgConfig: "libprotobuf-c",
            providers: [.apt(["libprotobuf-c-dev"])]),
        .systemLibrary(
            name: "COpenSSL", path: "Shared/COpenSSL", pkgConfig: "openssl", providers: [.apt(["libssl-dev"])]),

        // The wire.
        .target(
            name: "HTTP2",
            dependencies: [
                "CNghttp2", product("NIOSSL", "swift-nio-ssl"), product("NIOTLS", "swift-nio"),
                product("DequeModule", "swift-collections"),
            ]
                + nio,
            path: "Shared/HTTP2", swiftSettings: strict),
        .target(
            name: "RPC", dependencies: ["HTTP2", "CZlib", product("DequeModule", "swift-collections")] + nio,
            path: "Shared/RPC", swiftSettings: staying),

        // The contract.
        .target(name: "Shared", dependencies: ["RPC", protobuf], path: "Shared/Shared", swiftSettings: staying),
        .target(
            name: "Telemetry",
            dependencies: ["RPC", "HTTP2", protobuf, product("DequeModule", "swift-collections")],
            path: "Shared/Telemetry", swiftSettings: strict),
        .target(
            name: "CMessages", dependencies: ["CProtobufC"], path: "Shared/CMessages", publicHeadersPath: ".",
            cSettings: [.headerSearchPath(".")]),
        .target(
            name: "ClientC", dependencies: ["CMessages", "CProtobufC", "CNghttp2", "CZlib", "COpenSSL"],
            path: "Shared/ClientC",
            exclude: [
                "CMakeLists.txt", "README.md", "cmake", "examples", "libcdt-messages.map", "libcdt.map", "tests",
            ],
            sources: ["src"], publicHeadersPath: "include",
            cSettings: [.define("_POSIX_C_SOURCE", to: "200809L")]),
        .executableTarget(
            name: "protoc-gen-cdt-swift",
            dependencies: [product("SwiftProtobufPluginLibrary", "swift-protobuf"), protobuf],
            path: "Shared/StubGenerator", swiftSettings: strict),

        // What every service stands on.
        .target(name: "Storage", dependencies: ["CSQLite", "CLibpq"], path: "Shared/Storage", swiftSettings: strict),
        .target(
            name: "ChangeFeed", dependencies: ["Storage", "Shared", "Telemetry", "RPC", protobuf, logging],
            path: "Shared/ChangeFeed",
            swiftSettings: strict),
        .target(
            name: "ServiceKit",
            dependencies: [
                "ChangeFeed", "Storage", "Shared", "Telemetry", "RPC", "HTTP2", protobuf, logging, crypto, tokens,
                product("NIOHTTP1", "swift-nio"), product("NIOSSL", "swift-nio-ssl"),
                product("Configuration", "swift-configuration"),
                product("UnixSignals", "swift-service-lifecycle"),
            ] + nio,
            path: "Shared/ServiceKit", swiftSettings: staying),
    ]
        // The services.
        + service("Registry", executable: "registry", resources: [.copy("Data")])
        + service("ActivityReporting", executable: "activity-reporting")
        + service(
            "FundingPolicy", executable: "funding-policy", exclude: ["EXPLANATIONS.md"],
            resources: [.embedInCode("Data/policies.json")])
        + service(
            "Notification", executable: "notification",
            dependencies: [
                "CCurl", product("NIOHTTP1", "swift-nio"), product("NIOSSL", "swift-nio-ssl"),
            ] + nio,
            resources: [.embedInCode("Data/zalo-errors.json")])
        + [
            .target(
                name: "CommandLine",
                dependencies: ["Shared", "Telemetry", "RPC", "HTTP2", protobuf, arguments, crypto, tokens]
                    + certificates,
                path: "Services/CommandLine", exclude: ["Main"], swiftSettings: staying),
            .executableTarget(
                name: "cdt", dependencies: ["CommandLine", arguments], path: "Services/CommandLine/Main",
                swiftSettings: strict),

            // The Swift examples, compiled like a package outside: they see only what is public. They have a manifest
            // of their own, which is for whoever copies them.
            .systemLibrary(
                name: "SQLite", path: "examples/swift/Sources/SQLite", pkgConfig: "sqlite3",
                providers: [.apt(["libsqlite3-dev"])]),
            .executableTarget(
                name: "cdt-examples", dependencies: ["SQLite", "Shared", "RPC", protobuf, arguments],
                path: "examples/swift/Sources/Examples", packageAccess: false, swiftSettings: strict),

            // Child processes, scratch folders, tokens, a collector of traces and a PostgreSQL server for tests.
            .target(
                name: "TestSupport", dependencies: ["Storage", "Telemetry", "RPC", "CLibpq", protobuf, crypto],
                path: "Tests/Support",
                swiftSettings: strict),
            .executableTarget(
                name: "bench-rpc-server",
                dependencies: [
                    "InteropService", "ServiceKit", "RPC", "HTTP2", product("NIOPosix", "swift-nio"), protobuf, logging,
                    arguments,
                ],
                path: "Tests/Benchmarks/RPCServer", swiftSettings: staying),
            .executableTarget(
                name: "bench-registry",
                dependencies: [
                    "ServiceKit", "Shared", "RPC", product("NIOPosix", "swift-nio"), protobuf, logging, arguments,
                ],
                path: "Tests/Benchmarks/Registry", swiftSettings: staying),
            .executableTarget(
                name: "bench-activity", dependencies: ["Shared", "RPC", protobuf, arguments],
                path: "Tests/Benchmarks/Activity", swiftSettings: staying),

            // `grpc.testing.TestService`, which the tests of the wire and other implementations' clients call.
            .target(
                name: "InteropService", dependencies: ["Shared", "RPC", protobuf], path: "Tests/InteropService",
                swiftSettings: staying),
            .executableTarget(
                name: "interop-server",
                dependencies: [
                    "InteropService", "RPC", "HTTP2", product("NIOCore", "swift-nio"), arguments,
                    product("UnixSignals", "swift-service-lifecycle"),
                ],
                path: "Tests/InteropServer", swiftSettings: strict),
            .executableTarget(
                name: "interop-client",
                dependencies: ["InteropService", "Shared", "RPC", "HTTP2", protobuf, arguments],
                path: "Tests/InteropClient", swiftSettings: strict),

            tests("HTTP2", ["HTTP2", "CNghttp2"]),
            tests("RPC", ["RPC", "HTTP2"]),
            tests(
                "Shared",
                [
                    "Shared", "RPC", "CMessages", "CProtobufC", protobuf,
                    // Built, not linked: the test that generated code is fresh runs them.
                    "protoc-gen-cdt-swift", product("protoc-gen-swift", "swift-protobuf"),
                ], exclude: ["Clients"]),
            tests("Telemetry", ["Telemetry", "RPC", protobuf]),
            tests("Storage", ["Storage", "CSQLite"]),
            tests("ChangeFeed", ["ChangeFeed", "Storage", "Shared", "Telemetry", "RPC", protobuf, logging]),
            tests(
                "ServiceKit",
                [
                    "ServiceKit", "ChangeFeed", "Storage", "Shared", "Telemetry", "RPC", "HTTP2",
                    "activity-reporting", protobuf, logging, crypto,
                ] + nio),
            tests(
                "Registry",
                ["Registry", "CommandLine", "ChangeFeed", "ServiceKit", "Storage", "Shared", "RPC", protobuf, crypto]),
            tests("ActivityReporting", ["ActivityReporting"]),
            tests(
                "FundingPolicy", ["FundingPolicy", "ServiceKit", "ChangeFeed", "Storage", "Shared", "RPC", protobuf]),
            tests(
                "Notification",
                [
                    "Notification", "ServiceKit", "Shared", "Storage", "ChangeFeed", "Telemetry", "RPC", protobuf,
                    logging, crypto, "notification",
                ], exclude: ["Peers"]),
            tests(
                "CommandLine", ["CommandLine", "ServiceKit", "Shared", "RPC", "HTTP2", protobuf, logging, arguments]),
            tests(
                "Interop",
                ["InteropService", "Shared", "RPC", "HTTP2", "ServiceKit", "Storage", protobuf, "interop-server"],
                exclude: ["Clients"]),
            tests(
                "Wire", ["RPC", "HTTP2", "CNghttp2", "CZlib", "interop-server"] + nio,
                exclude: ["Clients"]),
            tests("Suite", ["Shared", "RPC", "ClientC", protobuf], exclude: ["Clients"]),
        ]
)
