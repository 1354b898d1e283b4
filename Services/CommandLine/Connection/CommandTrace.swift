import ArgumentParser
import Foundation
import RPC
import Telemetry

/// The trace of one command: every call sends it on, so that it is found in the logs of the services and in what they
/// export; its own spans go to a collector where one is named.
struct CommandTrace {
    /// Its own span. Always recorded: what a person does by hand is little, and is asked about.
    let context: TraceContext
    let tracer: Tracer?
    private let parent: TraceContext?
    private let name: String
    private let start: Span.Moment

    /// Continues the trace of a script that says so in `TRACEPARENT` and `TRACESTATE`.
    init(of command: any ParsableCommand.Type, _ options: ConnectionOptions) throws {
        let environment = ProcessInfo.processInfo.environment
        context = TraceContext.continuing(sampling: .always) { environment["\($0)".uppercased()] }
        parent = environment["TRACEPARENT"].flatMap { TraceContext(traceparent: $0) }
        name = Self.path(to: command, below: Cdt.self)?.joined(separator: " ") ?? "cdt"
        start = .now()
        tracer = try options.traceCollector.map { collector in
            Tracer(
                collector: try OTLPCollector(
                    at: collector.target, tls: collector.isSecure ? options.tls : nil, from: .init(service: "cdt")),
                sampling: .always,
                report: { error in
                    guard let error else { return }
                    tellOnStandardError("cdt: the spans of this command could not be sent: \(error)")
                })
        }
    }

    /// Records its own span, and sends all of them; for a few seconds at most, because somebody waits.
    func end(hasFailed: Bool) async {
        guard let tracer else { return }
        if context.sampled {
            var span = Span(name, .work, at: context, from: start, to: .now())
            span.parent = parent
            span.hasFailed = hasFailed
            tracer.record(span)
        }
        await tracer.close(within: .seconds(3))
    }

    /// `["cdt", "teams", "get"]`: what was asked for, without what about.
    static func path(
        to command: any ParsableCommand.Type, below parent: any ParsableCommand.Type
    ) -> [String]? {
        if parent == command { return [parent._commandName] }
        for child in parent.configuration.subcommands {
            if let path = path(to: command, below: child) { return [parent._commandName] + path }
        }
        return nil
    }
}

/// The address of a collector, as OpenTelemetry's variable has it.
struct TraceCollector: Equatable {
    let target: RPCClient.Target
    let isSecure: Bool

    /// OTLP/gRPC's port where none is named.
    private static let usualPort = 4317

    init?(_ text: String) {
        var rest = text[...]
        isSecure = rest.hasPrefix("https://")
        for scheme in ["https://", "http://"] where rest.hasPrefix(scheme) { rest = rest.dropFirst(scheme.count) }
        if rest.hasSuffix("/") { rest = rest.dropLast() }
        guard let target = RPCClient.Target(String(rest)) ?? RPCClient.Target("\(rest):\(Self.usualPort)") else {
            return nil
        }
        self.target = target
    }
}
