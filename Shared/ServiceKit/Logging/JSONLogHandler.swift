import Logging
import RPC

/// swift-log onto `LogWriter`: one JSON object per line, metadata as fields beside `message`.
package struct JSONLogHandler: LogHandler {
    package var logLevel: Logger.Level
    package var metadata: Logger.Metadata = [:]
    package var metadataProvider: Logger.MetadataProvider?
    let label: String
    let writer: LogWriter
    let clock: Clock

    package init(
        label: String, writer: LogWriter, level: Logger.Level = .info, clock: Clock = .system,
        metadataProvider: Logger.MetadataProvider? = nil
    ) {
        self.label = label
        self.writer = writer
        self.logLevel = level
        self.clock = clock
        self.metadataProvider = metadataProvider
    }

    package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    package func log(event: LogEvent) {
        var line = JSONLine(time: clock.now, level: event.level.rawValue)
        line.add("logger", label)
        line.add("message", event.message.description)
        var fields = metadataProvider?.get() ?? [:]
        // What happens during a call can be found from the call's own line.
        if let trace = TraceContext.current { fields["trace_id"] = "\(trace.traceID)" }
        fields.merge(metadata) { $1 }
        if let own = event.metadata { fields.merge(own) { $1 } }
        if let error = event.error { fields["error"] = "\(error)" }
        for (name, value) in fields.sorted(by: { $0.key < $1.key }) where !JSONLogHandler.taken.contains(name) {
            line.add(name) { JSONLogHandler.write(value, to: &$0) }
        }
        writer.append(line)
    }

    /// Names the line itself uses; a JSON object must not hold one twice.
    private static let taken: Set<String> = ["time", "level", "logger", "message"]

    private static func write(_ value: Logger.Metadata.Value, to out: inout LineBuffer) {
        switch value {
        case .string(let text): out.append(quoted: text)
        case .stringConvertible(let value): out.append(quoted: value.description)
        case .array(let values):
            out.append(UInt8(ascii: "["))
            for (i, value) in values.enumerated() {
                if i > 0 { out.append(UInt8(ascii: ",")) }
                write(value, to: &out)
            }
            out.append(UInt8(ascii: "]"))
        case .dictionary(let fields):
            out.append(UInt8(ascii: "{"))
            for (i, field) in fields.sorted(by: { $0.key < $1.key }).enumerated() {
                if i > 0 { out.append(UInt8(ascii: ",")) }
                out.append(quoted: field.key)
                out.append(UInt8(ascii: ":"))
                write(field.value, to: &out)
            }
            out.append(UInt8(ascii: "}"))
        }
    }
}
