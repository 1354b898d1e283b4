import Foundation
import Logging
import Synchronization
import TestSupport
import Testing

@testable import ServiceKit

/// Keeps what was logged.
final class LogCollector: Sendable {
    private let bytes = Mutex<[UInt8]>([])

    func writer(limit: Int = 1 << 20) -> LogWriter {
        LogWriter(limit: limit, gather: 0.001) { [self] new in bytes.withLock { $0 += new } }
    }

    var text: String { bytes.withLock { String(decoding: $0, as: UTF8.self) } }
    var lines: [[String: Any]] {
        text.split(separator: "\n").compactMap {
            (try? JSONSerialization.jsonObject(with: Data($0.utf8))) as? [String: Any]
        }
    }
}

@Suite struct LogTests {
    @Test func aLineIsOneJSONObject() throws {
        let collector = LogCollector()
        let writer = collector.writer()
        var logger = Logger(label: "registry") {
            JSONLogHandler(label: $0, writer: writer, clock: .fixed(Instant(LocalDate("2024-10-31")!)))
        }
        logger[metadataKey: "component"] = "import"
        logger.info(
            "a \"quoted\"\nline\u{1}\\ Tổ",
            metadata: ["count": "\(3)", "list": ["a", "b"], "map": ["x": "y"], "level": "hidden"])
        logger.debug("not this one")
        writer.close()
        let line = try #require(collector.lines.first)
        #expect(collector.text.split(separator: "\n").count == 1)
        #expect(line["message"] as? String == "a \"quoted\"\nline\u{1}\\ Tổ")
        #expect(line["time"] as? String == "2024-10-30T17:00:00.000Z")
        #expect(line["level"] as? String == "info")
        #expect(line["logger"] as? String == "registry")
        #expect(line["component"] as? String == "import")
        #expect(line["list"] as? [String] == ["a", "b"])
        #expect(line["map"] as? [String: String] == ["x": "y"])
    }

    @Test func linesOfManyThreadsStayWhole() async {
        let collector = LogCollector()
        let writer = collector.writer()
        await withTaskGroup(of: Void.self) { group in
            for task in 0..<8 {
                group.addTask {
                    for i in 0..<500 {
                        var line = JSONLine(time: Instant(seconds: 0), level: "info")
                        line.add("n", task * 1000 + i)
                        writer.append(line.finish())
                    }
                }
            }
        }
        writer.close()
        #expect(Set(collector.lines.compactMap { $0["n"] as? Int }).count == 4000)
    }

    @Test func linesComeOutWithoutAFlush() async throws {
        let collector = LogCollector()
        let writer = collector.writer()
        for i in 0..<3 {
            writer.append(Array("{\"n\":\(i)}\n".utf8))
            try await eventually { collector.lines.count > i }
            #expect(collector.lines.count == i + 1)
        }
        writer.close()
    }

    @Test func linesGoOutWholeThroughADescriptor() throws {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("log-\(UUID().uuidString)")
        try Data().write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        let handle = try FileHandle(forWritingTo: file)
        let writer = LogWriter(descriptor: handle.fileDescriptor)
        let line = Array(String(repeating: "x", count: 9999).utf8) + [10]
        // More than is kept from one time to the next, then a little again.
        for _ in 0..<150 { writer.append(line) }
        writer.flush()
        writer.append(line)
        writer.close()
        #expect(try Data(contentsOf: file).count == 151 * line.count)
    }

    @Test func aStuckReaderCostsLinesNotMemory() {
        let collector = LogCollector()
        let writer = LogWriter(limit: 1000, gather: 3600) { collector.append($0) }
        let line = Array(String(repeating: "x", count: 99).utf8) + [10]
        for _ in 0..<25 { writer.append(line) }
        writer.flush()
        #expect(collector.text.split(separator: "\n").filter { $0.hasPrefix("x") }.count == 10)
        #expect(collector.lines.first?["dropped"] as? Int == 15)
        // Told once, and counted for good.
        writer.flush()
        #expect(collector.lines.count == 1)
        for _ in 0..<12 { writer.append(line) }
        #expect(writer.droppedLines == 17)
    }

    @Test(arguments: [
        (1000, "0.001"), (1999, "0.001"), (12_000_000, "12.000"), (-1_000_000_000, "0.000"),
        (Int64.max, "9223372036854.775"),
    ])
    func durationsAreMilliseconds(nanoseconds: Int64, text: String) {
        var line = JSONLine()
        line.add("d", nanoseconds: nanoseconds)
        #expect(String(decoding: line.finish(), as: UTF8.self) == "{\"d\":\(text)}\n")
    }
}

/// Bytes as a line is made of them.
@Suite struct LineBufferTests {
    @Test(arguments: [0, 7, 10, -1, 12_345_678_901, Int.max, Int.min])
    func numbersAreWrittenAsSwiftWritesThem(number: Int) {
        var buffer = LineBuffer(capacity: 1)
        buffer.append(decimal: number)
        #expect(String(decoding: buffer.bytes, as: UTF8.self) == String(number))
    }

    @Test func growingKeepsWhatWasWritten() {
        var buffer = LineBuffer(capacity: 1)
        var expected: [UInt8] = []
        for step in 0..<200 {
            let bytes = [UInt8](repeating: UInt8(step), count: step % 7)
            buffer.append(bytes)
            buffer.append(UInt8(step))
            buffer.append(memoryOf: UInt16(0x4141))
            expected += bytes + [UInt8(step), 0x41, 0x41]
        }
        #expect(Array(buffer.bytes) == expected)
    }
}

extension LineBufferTests {
    @Test(arguments: [1, 8, 300])
    func lentMemoryIsLeftWhenItIsFull(capacity: Int) {
        let memory = UnsafeMutablePointer<UInt8>.allocate(capacity: capacity + 1)
        defer { memory.deallocate() }
        memory[capacity] = 0xFF
        var expected: [UInt8] = []
        do {
            var buffer = LineBuffer(lent: memory, capacity: capacity)
            for step in 0..<100 {
                buffer.append(key: "name", isFirst: step == 0)
                expected += Array((step == 0 ? "\"name\":" : ",\"name\":").utf8)
            }
            #expect(Array(buffer.bytes) == expected)
        }
        #expect(memory[capacity] == 0xFF, "nothing is written beyond what was lent")
    }
}

extension LogCollector {
    func append(_ new: [UInt8]) { bytes.withLock { $0 += new } }
}
