import ArgumentParser
import Foundation

/// Where the services are, and who calls them.
struct Services: ParsableArguments {
    @Option(help: "host:port; or CDT_REGISTRY.") var registry = environment("CDT_REGISTRY") ?? "127.0.0.1:50051"
    @Option(help: "host:port; or CDT_ACTIVITY.") var activity = environment("CDT_ACTIVITY") ?? "127.0.0.1:50052"
    @Option(help: "File of the token that says who calls; or CDT_TOKEN_FILE.") var tokenFile: String?
    @Option(help: "PEM file of who signs the services' certificates, for TLS; or CDT_AUTHORITIES.")
    var authorities: String?

    mutating func validate() {
        tokenFile = tokenFile ?? Self.environment("CDT_TOKEN_FILE")
        authorities = authorities ?? Self.environment("CDT_AUTHORITIES")
    }

    private static func environment(_ name: String) -> String? { ProcessInfo.processInfo.environment[name] }
}
