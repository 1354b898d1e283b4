import CProtobufC
import Foundation
import Shared
import SwiftProtobuf
import TestSupport
import Testing

/// What `./dev fuzz` sets: how long to go on, and where to begin.
private enum DifferentialBudget {
    /// nil: one round.
    static let seconds = ProcessInfo.processInfo.environment["CDT_FUZZ_SECONDS"].flatMap { Int($0) }
    static let seed = ProcessInfo.processInfo.environment["CDT_FUZZ_SEED"].flatMap { UInt64($0) } ?? 1
}

/// Google's Python protobuf makes random messages of every type of the contract, valid and damaged: we accept what it
/// accepts, refuse what it refuses, and what we write it reads as what it wrote. And Swift, C and Python write the same
/// message as the same bytes.
@Suite(.timeLimit(.minutes(10 + (DifferentialBudget.seconds ?? 0) / 10))) struct DifferentialTests {
    /// Byte strings, each with its length of 4 bytes before it.
    private static func parts(_ data: [UInt8]) -> [[UInt8]] {
        var parts: [[UInt8]] = []
        var offset = 0
        while offset + 4 <= data.count {
            let length = data[offset..<offset + 4].reduce(0) { $0 << 8 | Int($1) }
            parts.append(Array(data[offset + 4..<offset + 4 + length]))
            offset += 4 + length
        }
        return parts
    }

    private static func part(_ bytes: [UInt8]) -> [UInt8] {
        (0..<4).map { UInt8(truncatingIfNeeded: bytes.count >> (24 - 8 * $0)) } + bytes
    }

    /// Swift and C read what Python wrote, and write it again with the same bytes.
    private func expectSameBytes(
        _ python: [UInt8], _ type: any SwiftProtobuf.Message.Type,
        _ descriptor: UnsafePointer<ProtobufCMessageDescriptor>
    ) throws {
        // As Python was asked to: the entries of a map in the order of their keys. C keeps the order it was given.
        var ordered = BinaryEncodingOptions()
        ordered.useDeterministicOrdering = true
        let message = try type.init(serializedBytes: python)
        let swift: [UInt8] = try message.serializedBytes(options: ordered)
        let difference = "\(type.protoMessageName): Python writes \(python.hex) of \(message)"
        #expect(swift == python, "\(difference), Swift \(swift.hex)")
        let c = CMessage.roundTrip(python, descriptor)
        #expect(c?.bytes == python, "\(difference), C \(c?.bytes.hex ?? "refuses it")")
        #expect(c?.unknownFields == 0, "\(difference), C does not know all its fields")
    }

    @Test func `Random messages through Python's protobuf and back`() async throws {
        let made = try await ChildProcess.run(["tools/python-env"], limit: .seconds(300))
        try #require(made.status == 0, "\(made.errors)")
        var seed = DifferentialBudget.seed
        let end = DifferentialBudget.seconds.map { ContinuousClock.now + .seconds($0) }
        repeat {
            try await compare(seed: seed)
            seed &+= 1
        } while end.map { ContinuousClock.now < $0 } ?? false
    }

    private func compare(seed: UInt64) async throws {
        let scratch = try ScratchFolder()
        defer { scratch.remove() }
        let python = "\(PackageFolder.path)/.local/venv/bin/python"
        let script = "\(PackageFolder.path)/Tests/Shared/Clients/random_messages.py"
        let descriptors = scratch.path("descriptors")
        try Data(ContractDescriptors.serialized).write(to: URL(fileURLWithPath: descriptors))
        let make = try await ChildProcess.run(
            [python, script, "make", descriptors, "\(seed)", "5", scratch.path("made")], limit: .seconds(150))
        try #require(make.status == 0, "\(make.errors)")

        let fields = Self.parts([UInt8](try Data(contentsOf: URL(fileURLWithPath: scratch.path("made")))))
        let types = Dictionary(uniqueKeysWithValues: ContractMessages.all.map { ($0.protoMessageName, $0) })
        var answer: [UInt8] = []
        var accepted = 0
        var refused = 0
        var compared: Set<String> = []
        for start in stride(from: 0, to: fields.count, by: 3) {
            let name = String(decoding: fields[start], as: UTF8.self)
            let isSame = fields[start + 1] == Array("=".utf8)
            let isValid = isSame || fields[start + 1] == Array("1".utf8)
            let bytes = fields[start + 2]
            let type = try #require(types[name], "\(name)")
            if isSame {
                compared.insert(name)
                try expectSameBytes(bytes, type, try #require(CMessage.descriptor(name), "\(name)"))
            }
            let message = try? type.init(serializedBytes: bytes)
            #expect((message != nil) == isValid, "seed \(seed): \(name), Python says \(isValid): \(bytes.hex)")
            guard let message else {
                refused += 1
                continue
            }
            accepted += 1
            if isValid {
                answer += Self.part(fields[start]) + Self.part(bytes) + Self.part(try message.serializedBytes())
            }
        }
        #expect(accepted > types.count && refused > 10, "seed \(seed)")
        #expect(compared == Set(types.keys), "types of which no bytes were compared, or that are not of the contract")
        try Data(answer).write(to: URL(fileURLWithPath: scratch.path("answer")))
        let check = try await ChildProcess.run(
            [python, script, "check", descriptors, scratch.path("answer")], limit: .seconds(150))
        #expect(
            check.output == "checked \(Self.parts(answer).count / 3)\n",
            "seed \(seed): \(check.output)\(check.errors)")
    }
}

extension [UInt8] {
    fileprivate var hex: String { map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined() }
}
