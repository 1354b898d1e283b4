import ArgumentParser
import Foundation
import RPC

/// The four services, as people name them and as they are found.
enum ServiceKind: String, CaseIterable, Sendable {
    case registry
    case activity
    case funding
    case notification

    /// Name in sentences.
    var title: String {
        switch self {
        case .registry: "Registry"
        case .activity: "Activity reporting"
        case .funding: "Funding policy"
        case .notification: "Notification"
        }
    }

    var environmentVariable: String { "CDT_\(rawValue.uppercased())" }

    private var defaultPort: Int {
        switch self {
        case .registry: 50051
        case .activity: 50052
        case .funding: 50053
        case .notification: 50054
        }
    }

    /// Where it is if no option says so: the environment variable, else this machine.
    var defaultEndpoint: RPCClient.Target {
        ProcessInfo.processInfo.environment[environmentVariable].flatMap { RPCClient.Target($0) }
            ?? RPCClient.Target(host: "127.0.0.1", port: defaultPort)
    }
}

extension RPCClient.Target: ExpressibleByArgument {
    public init?(argument: String) { self.init(argument) }

    public var defaultValueDescription: String { shown }

    /// As it is written: an IPv6 address stands in brackets.
    var shown: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}
